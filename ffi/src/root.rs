//! Roots: held directory descriptors, and the registry that gives them numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::beneath;
use crate::block::Kind;
use crate::names::{check_path, split};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Errno, Metadata, Mode, OFlags, OwnedFd};

/// Make the root and its missing parents.
pub const MAKE: u32 = 1;

/// A directory that every path of a tree is relative to.
#[derive(Debug)]
pub struct Root {
    /// The held descriptor; O_PATH where the directory may be searched but not listed.
    pub fd: OwnedFd,
    /// Device that holds the root.
    pub device: u64,
    /// The root's inode.
    pub inode: u64,
    /// Locked files that live as long as the root, by name.
    pub held: Mutex<HashMap<Vec<u8>, OwnedFd>>,
}

impl Root {
    /// Opens a root by any path, following links this once.
    pub fn open_at(path: &[u8], flags: u32) -> Outcome<Root> {
        if path.is_empty() || path.contains(&0) || flags & !MAKE != 0 {
            return Err(Fail::usage());
        }
        let fd = match sys::open_followed(path) {
            // Only then: a frozen file system holds a mkdir even of what is there.
            Err(Errno::NOENT) if flags & MAKE != 0 => {
                sys::make_directories(path).at(Step::MakeDirectory)?;
                sys::open_followed(path)
            }
            opened => opened,
        }
        .at(Step::Open)?;
        let Metadata { device, inode, .. } = sys::stat_fd(&fd).at(Step::Stat)?;
        Ok(Root {
            fd,
            device,
            inode,
            held: Mutex::default(),
        })
    }

    /// Opens a directory to reach what is in it: an O_PATH descriptor, good for `*at` calls only.
    /// To list or flush a directory, [`Root::open`] it.
    pub fn open_dir(&self, path: &[u8]) -> Outcome<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        beneath::open_beneath(
            self.fd.as_fd(),
            path,
            flags,
            Mode::empty(),
            Step::OpenParent,
        )
    }

    /// Opens an entry beneath the root; never through a link, never waiting.
    pub fn open(&self, path: &[u8], flags: OFlags, mode: Mode) -> Outcome<OwnedFd> {
        beneath::open_beneath(self.fd.as_fd(), path, flags, mode, Step::Open)
    }

    /// Opens what must be of this kind, and of this inode unless that is 0: else `changed`.
    pub fn open_expected(
        &self,
        path: &[u8],
        flags: OFlags,
        kind: Kind,
        inode: u64,
    ) -> Outcome<(OwnedFd, Metadata)> {
        let fd = self.open(path, flags, Mode::empty())?;
        let found = sys::stat_fd(&fd).at(Step::Stat)?;
        let other_kind = kind != Kind::Unknown && kind != found.kind;
        if other_kind || (inode != 0 && inode != found.inode) {
            return Err(Fail::new(Status::Changed, Step::Open));
        }
        Ok((fd, found))
    }

    /// Opens a path's parent as [`Root::open_dir`] does, and gives the last name, which is checked.
    ///
    /// # Errors
    ///
    /// `escaped` for the root itself, which has no parent beneath it.
    pub fn parent<'p>(&self, path: &'p [u8]) -> Outcome<(OwnedFd, &'p [u8])> {
        check_path(path, Step::OpenParent)?;
        let (above, name) = split(path);
        if name.is_empty() {
            return Err(Fail::new(Status::Escaped, Step::OpenParent));
        }
        Ok((self.open_dir(above)?, name))
    }

    /// The held descriptor, borrowed.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

static ROOTS: RwLock<Option<HashMap<u32, Arc<Root>>>> = RwLock::new(None);
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Registers a root and returns its handle, never 0.
pub fn add(root: Root) -> u32 {
    let mut roots = ROOTS.write().unwrap_or_else(PoisonError::into_inner);
    let roots = roots.get_or_insert_default();
    loop {
        let handle = NEXT.fetch_add(1, Relaxed);
        if handle != 0 && !roots.contains_key(&handle) {
            roots.insert(handle, Arc::new(root));
            return handle;
        }
    }
}

/// The root of a handle; `usage` where there is none.
pub fn get(handle: u32) -> Outcome<Arc<Root>> {
    let roots = ROOTS.read().unwrap_or_else(PoisonError::into_inner);
    let root = roots.as_ref().and_then(|roots| roots.get(&handle));
    root.cloned().ok_or(Fail::usage())
}

/// Forgets a handle. The descriptor closes when the last job that uses it ends.
pub fn close(handle: u32) -> Outcome<()> {
    let mut roots = ROOTS.write().unwrap_or_else(PoisonError::into_inner);
    let gone = roots.as_mut().and_then(|roots| roots.remove(&handle));
    drop(roots);
    gone.map(drop).ok_or(Fail::usage())
}
