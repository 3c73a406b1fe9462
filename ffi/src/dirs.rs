//! Directories that one job works in: opened once, what is learned about them kept beside.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::block::Kind;
use crate::names;
use crate::request::Item;
use crate::root::Root;
use crate::status::{AtStep, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Errno, Held, Metadata, OwnedFd};
use crate::xattr;

/// Most directories that one job holds open. With a source and a destination each, 64 workers stay far
/// below the usual limit of descriptors, and a batch goes through its directories one after another.
const OPEN_AT_ONCE: usize = 12;

/// A held directory.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    device: OnceLock<u64>,
    default_acl: OnceLock<bool>,
    reports_late: OnceLock<bool>,
    /// Owner and group of files that this process creates here: uid << 32 | gid; all ones: not known.
    fresh_owner: AtomicU64,
    /// A file here may not be read without a mark in its access time.
    marks_reads: AtomicBool,
    /// A file made here had another mode than asked for.
    changes_modes: AtomicBool,
}

impl Dir {
    /// Wraps an open directory.
    pub fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            device: OnceLock::new(),
            default_acl: OnceLock::new(),
            reports_late: OnceLock::new(),
            fresh_owner: AtomicU64::new(u64::MAX),
            marks_reads: AtomicBool::new(false),
            changes_modes: AtomicBool::new(false),
        }
    }

    /// Device of the directory, and so of files created in it.
    pub fn device(&self) -> Outcome<u64> {
        if let Some(&device) = self.device.get() {
            return Ok(device);
        }
        let device = sys::stat_fd(self).at(Step::Stat)?.device;
        Ok(*self.device.get_or_init(|| device))
    }

    /// Whether what is created here inherits an ACL, as it was at the first call.
    pub fn has_default_acl(&self) -> bool {
        *self.default_acl.get_or_init(|| {
            let held = Held::any(self.fd.as_fd());
            !matches!(
                held.get_xattr(xattr::DEFAULT_ACL, &mut []),
                Err(Errno::NODATA | Errno::OPNOTSUPP)
            )
        })
    }

    /// Opens a file for reading. Where the caller may, its access time stays: setting it is a write for every
    /// file that is read.
    pub fn open_file(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        if !self.marks_reads.load(Relaxed) {
            match sys::open_file_unmarked(self.as_fd(), name) {
                // Somebody else's file, and likely not the only one here.
                Err(Errno::PERM) => self.marks_reads.store(true, Relaxed),
                other => return other,
            }
        }
        sys::open_file(self.as_fd(), name)
    }

    /// Owner and group that the last file created here was seen to have.
    pub fn fresh_owner(&self) -> Option<(u32, u32)> {
        match self.fresh_owner.load(Relaxed) {
            u64::MAX => None,
            both => Some(((both >> 32) as u32, both as u32)),
        }
    }

    /// Keeps what a file just created here looked like.
    pub fn learn(&self, created: &Metadata) {
        self.device.get_or_init(|| created.device);
        self.learn_fresh_owner(created.uid, created.gid);
    }

    /// Whether a write that failed shows only when the file is flushed: on network file systems and FUSE.
    pub fn reports_late(&self) -> bool {
        *self.reports_late.get_or_init(|| sys::reports_late(self))
    }

    /// Whether a name still shows the entry that `item` was planned from, as far as its number tells.
    ///
    /// Where numbers don't last, kind, size and time stand for them; a directory's own change with what is in it.
    pub fn shows(&self, item: &Item, now: &Metadata) -> bool {
        if now.inode == item.inode {
            return true;
        }
        let is_directory = now.kind == Kind::Directory;
        now.kind == item.kind
            && (is_directory || (now.size, now.mtime_ns) == (item.size, item.mtime_ns))
            && sys::forgets_inodes(self)
    }

    /// Keeps the owner and group that a file just created here was seen to have.
    pub fn learn_fresh_owner(&self, uid: u32, gid: u32) {
        self.fresh_owner
            .store(u64::from(uid) << 32 | u64::from(gid), Relaxed);
    }

    /// Whether files made here have the mode that they are made with, as far as it was seen.
    pub fn keeps_modes(&self) -> bool {
        !self.changes_modes.load(Relaxed)
    }

    /// Keeps that a file just made here had another mode than asked for.
    pub fn learn_changes_modes(&self) {
        self.changes_modes.store(true, Relaxed);
    }

    /// Gives the owner `u+rwx` where this process is the owner and lacks it; false where that changed nothing.
    pub fn widen(&self) -> bool {
        let Ok(now) = sys::stat_fd(self) else {
            return false;
        };
        now.uid == sys::effective_uid()
            && now.mode & 0o700 != 0o700
            && Held::any(self.fd.as_fd())
                .set_mode(now.mode | 0o700)
                .is_ok()
    }

    /// Removes the ACLs that this new directory inherited from the one above it.
    pub fn drop_inherited_acls(&self) -> Outcome<()> {
        let held = Held::any(self.fd.as_fd());
        xattr::drop_acl(held, xattr::DEFAULT_ACL)?;
        xattr::drop_acl(held, xattr::ACCESS_ACL)
    }

    /// Puts the directory's names on disk.
    pub fn sync(&self) -> Outcome<()> {
        // The held descriptor is good for reaching names only.
        let listed = sys::reopen_directory(self.as_fd()).at(Step::Flush)?;
        match sys::fsync(&listed) {
            // Some file systems have nothing to sync for a directory, and say so.
            Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            other => other.at(Step::Flush),
        }
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Changes names in `dir`; where only a missing `u+wx` of the caller's own directory is in the way, adds it
/// and tries again. Returns what `change` made, and whether the directory was changed.
pub fn widening<T>(dir: &Dir, change: impl Fn() -> Outcome<T>) -> Outcome<(T, bool)> {
    match change() {
        Err(fail) if fail.status == Status::Permission && dir.widen() => {
            change().map(|made| (made, true))
        }
        other => other.map(|made| (made, false)),
    }
}

/// As [`widening`], for what makes a new entry in `dir`.
///
/// Looks before it makes: another job may drop the ACLs that this directory inherited at any moment, and
/// then nothing would tell that the new entry has inherited them too.
pub fn creating<T>(dir: &Dir, make: impl Fn() -> Outcome<T>) -> Outcome<(T, bool)> {
    dir.has_default_acl();
    widening(dir, make)
}

/// The directories below one root that a job has open, most recently used first.
#[derive(Debug)]
pub struct DirCache {
    root: Arc<Root>,
    open: Vec<(Box<[u8]>, Arc<Dir>)>,
}

impl DirCache {
    /// An empty cache.
    pub fn new(root: Arc<Root>) -> Self {
        Self {
            root,
            open: Vec::with_capacity(OPEN_AT_ONCE),
        }
    }

    /// The directory at `path`; empty: the root.
    pub fn open(&mut self, path: &[u8]) -> Outcome<Arc<Dir>> {
        if let Some(i) = self.open.iter().position(|(known, _)| **known == *path) {
            self.open[..=i].rotate_right(1);
            return Ok(Arc::clone(&self.open[0].1));
        }
        names::check_path(path, Step::OpenParent)?;
        let dir = Arc::new(Dir::new(
            self.root
                .open_dir(path)
                .map_err(|fail| fail.at(Step::OpenParent))?,
        ));
        self.open.truncate(OPEN_AT_ONCE - 1);
        self.open.insert(0, (path.into(), Arc::clone(&dir)));
        Ok(dir)
    }

    /// The directory that holds `path`, and the last name. The root itself has none: `escaped`.
    pub fn parent_of<'p>(&mut self, path: &'p [u8]) -> Outcome<(Arc<Dir>, &'p [u8])> {
        let (above, name) = names::split(path);
        names::check_name(name, Step::OpenParent)?;
        Ok((self.open(above)?, name))
    }
}
