//! Owner, mode, times and extended attributes of one held entry.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, XattrFlags};

use crate::block::Kind;
use crate::sys::{Errno, OFlags, both_times_of, mtime_of, open_child, owner_of};

/// As on Linux: what is larger is content, not an attribute.
const ATTRIBUTE_BYTES: usize = 64 << 10;

/// An entry whose metadata can be read and set, whatever its name is by now.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    fd: BorrowedFd<'a>,
}

/// An entry held open for reading: a link itself, a FIFO without waiting.
#[derive(Debug)]
pub struct Holder {
    fd: OwnedFd,
}

impl Holder {
    /// Opens `name` in `dir` without following a link. What may not be read can't be held on macOS.
    pub fn open(dir: BorrowedFd, name: &[u8], kind: Kind) -> Result<Holder, Errno> {
        let flags = match kind {
            Kind::File => OFlags::RDONLY,
            Kind::Directory => OFlags::DIRECTORY,
            _ => OFlags::PATH,
        };
        open_child(dir, name, flags, Mode::empty()).map(|fd| Holder { fd })
    }

    /// The entry.
    pub fn held(&self) -> Held<'_> {
        Held {
            fd: self.fd.as_fd(),
        }
    }

    /// Puts the entry on disk.
    pub fn sync(&self) -> Result<(), Errno> {
        crate::sys::fsync(&self.fd)
    }
}

impl AsFd for Holder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl<'a> Held<'a> {
    /// An entry that is open for reading or writing.
    pub fn open(fd: BorrowedFd<'a>) -> Self {
        Self { fd }
    }

    /// An entry held by any descriptor.
    pub fn any(fd: BorrowedFd<'a>) -> Self {
        Self { fd }
    }

    /// The descriptor.
    pub fn fd(self) -> BorrowedFd<'a> {
        self.fd
    }

    /// Sets owner and group; `None` leaves one as it is.
    ///
    /// Reference: `man 2 fchown`.
    pub fn set_owner(self, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let (uid, gid) = owner_of(uid, gid);
        rustix::fs::fchown(self.fd, uid, gid)
    }

    /// Sets permission and set-id bits.
    ///
    /// Reference: `man 2 fchmod`.
    pub fn set_mode(self, mode: u32) -> Result<(), Errno> {
        let bits = u16::try_from(mode & 0o7777).map_err(|_| Errno::INVAL)?;
        rustix::fs::fchmod(self.fd, Mode::from_raw_mode(bits))
    }

    /// Sets the modification time and leaves the access time.
    ///
    /// Reference: `man 2 futimens`.
    pub fn set_mtime(self, mtime_ns: i64) -> Result<(), Errno> {
        let times = mtime_of(mtime_ns);
        rustix::fs::futimens(self.fd, &times)
    }

    /// Sets the modification time, and the access time to what it is.
    pub fn set_both_times(self, mtime_ns: i64) -> Result<(), Errno> {
        rustix::fs::futimens(self.fd, &both_times_of(self.fd, mtime_ns)?)
    }

    /// Fills `buffer` with the NUL-terminated names of the attributes that are small enough to be carried;
    /// `RANGE` where it is too small.
    ///
    /// Reference: `man 2 flistxattr`.
    pub fn list_xattrs(self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut kept = 0;
        let all = rustix::fs::flistxattr(self.fd, &mut *buffer)?;
        for name in buffer[..all].to_vec().split_inclusive(|&byte| byte == 0) {
            if is_large(self.fd, &name[..name.len() - 1]) {
                continue;
            }
            buffer[kept..kept + name.len()].copy_from_slice(name);
            kept += name.len();
        }
        Ok(kept)
    }

    /// Fills `buffer` with an attribute's value; with an empty one, returns its size.
    ///
    /// Reference: `man 2 fgetxattr`.
    pub fn get_xattr(self, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
        rustix::fs::fgetxattr(self.fd, name, buffer).map_err(as_elsewhere)
    }

    /// Sets an attribute, new or not.
    ///
    /// Reference: `man 2 fsetxattr`.
    pub fn set_xattr(self, name: &[u8], value: &[u8]) -> Result<(), Errno> {
        rustix::fs::fsetxattr(self.fd, name, value, XattrFlags::empty()).map_err(as_elsewhere)
    }

    /// Removes an attribute.
    ///
    /// Reference: `man 2 fremovexattr`.
    pub fn remove_xattr(self, name: &[u8]) -> Result<(), Errno> {
        rustix::fs::fremovexattr(self.fd, name).map_err(as_elsewhere)
    }
}

/// The numbers that Linux has for the same: shared code knows those.
fn as_elsewhere(errno: Errno) -> Errno {
    match errno {
        Errno::NOATTR => Errno::NODATA,
        Errno::NOTSUP => Errno::OPNOTSUPP,
        other => other,
    }
}

fn is_large(fd: BorrowedFd, name: &[u8]) -> bool {
    let mut none = [0; 0];
    rustix::fs::fgetxattr(fd, name, &mut none[..]).is_ok_and(|bytes| bytes > ATTRIBUTE_BYTES)
}

/// Whether an entry has an attribute that is too large to be carried.
pub(super) fn has_large_xattr(fd: BorrowedFd) -> Result<bool, Errno> {
    let mut names = vec![0; ATTRIBUTE_BYTES];
    match rustix::fs::flistxattr(fd, &mut names[..]).map_err(as_elsewhere) {
        Ok(all) => Ok(names[..all]
            .split(|&byte| byte == 0)
            .any(|name| !name.is_empty() && is_large(fd, name))),
        Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether an open that never follows links failed because the entry is of another kind by now.
pub fn means_other_kind(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::LOOP | Errno::NXIO | Errno::NOTDIR | Errno::OPNOTSUPP
    )
}
