//! Where content comes from: directories opened once, entries opened and seen to be what was recorded.

use std::sync::Arc;

use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::dirs::{Dir, DirCache};
use crate::node::Node;
use crate::request::flag;
use crate::root::Root;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Errno, Held, Holder, Metadata, OwnedFd};
use crate::xattr::{self, Xattrs};

/// The source of one batch.
pub struct Source<'a> {
    job: &'a JobContext<'a>,
    dirs: DirCache,
    /// A file system that said it keeps no attributes: it need not be asked for every file.
    without_xattrs: Option<u64>,
}

impl<'a> Source<'a> {
    /// The source beneath a root.
    pub fn new(job: &'a JobContext<'a>, root: Arc<Root>) -> Self {
        Self {
            job,
            dirs: DirCache::new(root),
            without_xattrs: None,
        }
    }

    /// The directory at `path`; empty: the root.
    pub fn dir(&mut self, path: &[u8]) -> Outcome<Arc<Dir>> {
        self.dirs.open(path)
    }

    /// Attributes of an entry on this device; `None` where they are not asked for.
    pub fn xattrs(&mut self, entry: Held, device: u64) -> Outcome<Option<Xattrs>> {
        if !self.job.request.has(flag::XATTRS) || self.without_xattrs == Some(device) {
            return Ok(None);
        }
        let all = xattr::read_all(entry)?;
        if all.is_none() {
            self.without_xattrs = Some(device);
        }
        Ok(all)
    }

    /// An entry without content as it is now: what the scan saw may be minutes old.
    ///
    /// # Errors
    ///
    /// `changed` where it is another kind or inode by now.
    pub fn node(&mut self, dir: &Dir, name: &[u8], item: &Item) -> Outcome<Node> {
        let changed = Fail::new(Status::Changed, Step::Stat);
        let (kind, inode) = (item.kind, item.inode);
        let metadata = sys::stat_name(dir, name).at(Step::Stat)?;
        if metadata.kind != kind || (inode != 0 && inode != metadata.inode) {
            return Err(changed);
        }
        let target = match kind {
            Kind::Symlink => match sys::read_link(dir, name) {
                // A file by now.
                Err(Errno::INVAL) => return Err(changed),
                other => other.at(Step::ReadLink)?,
            },
            _ => Vec::new(),
        };
        // On a symlink only the system's own namespaces exist, which nobody but root may write.
        let none = kind == Kind::Symlink && sys::effective_uid() != 0;
        let xattrs = if none || !self.job.request.has(flag::XATTRS) {
            None
        } else {
            let holder = Holder::open(dir.as_fd(), name, kind).at(Step::Open)?;
            self.xattrs(holder.held(), metadata.device)?
        };
        Ok(Node {
            metadata,
            target,
            xattrs,
            set_owner: self.job.request.has(flag::OWNER),
        })
    }
}

/// Opens a file and sees that it is the one that was recorded.
///
/// # Errors
///
/// `changed` where it is another kind or inode by now.
pub fn open_file(dir: &Dir, name: &[u8], item: &Item) -> Outcome<(OwnedFd, Metadata)> {
    let file = open_unseen(dir, name)?;
    let metadata = see(&file, item)?;
    Ok((file, metadata))
}

/// Opens what should be a file; [`see`], or a look after the reading, has to tell whether it is.
pub fn open_unseen(dir: &Dir, name: &[u8]) -> Outcome<OwnedFd> {
    dir.open_file(name).map_err(|errno| match errno {
        // A link, a socket or a device without a driver: not what was recorded.
        Errno::LOOP | Errno::NXIO => Fail::new(Status::Changed, Step::Open),
        other => Fail::from((other, Step::Open)),
    })
}

/// Sees that an open file is the one that was recorded.
pub fn see(file: &OwnedFd, item: &Item) -> Outcome<Metadata> {
    let metadata = sys::stat_fd(file).at(Step::Stat)?;
    if metadata.kind != Kind::File || (item.inode != 0 && metadata.inode != item.inode) {
        return Err(Fail::new(Status::Changed, Step::Open));
    }
    Ok(metadata)
}

/// Whether a file that is said to be empty has content: `/proc` and some file systems of user space know no size
/// before somebody reads. Such content can't be copied by its size, and must not pass for none.
pub fn hides_content(file: BorrowedFd) -> Outcome<bool> {
    Ok(sys::read_at(file, &mut [0], 0).at(Step::Read)? > 0)
}

/// Whether an open file is the one that the scan saw, and was not written to since.
pub fn is_recorded(item: &Item, now: &Metadata) -> bool {
    now.kind == Kind::File
        && (item.inode, item.size, item.mtime_ns, item.ctime_ns)
            == (now.inode, now.size, now.mtime_ns, now.ctime_ns)
}
