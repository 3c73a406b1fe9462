//! Owner, mode, times and extended attributes of one held entry.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, Timestamps, XattrFlags};

use super::{Errno, both_times_of, mtime_of, open_child, owner_of};

use crate::block::Kind;

/// An entry whose metadata can be read and set, whatever its name is by now.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    fd: BorrowedFd<'a>,
    /// Opened with `O_PATH`: calls that need an open file go through `/proc/self/fd`.
    handle_only: bool,
}

/// Opens an entry in the way that its kind allows, so that [`Held`] can be had of it.
#[derive(Debug)]
pub struct Holder {
    fd: OwnedFd,
    handle_only: bool,
}

impl Holder {
    /// Opens `name` in `dir` without following a link or waking a device.
    pub fn open(dir: BorrowedFd, name: &[u8], kind: Kind) -> Result<Holder, Errno> {
        let access = match kind {
            Kind::File => Some(OFlags::RDONLY),
            Kind::Directory => Some(OFlags::RDONLY | OFlags::DIRECTORY),
            _ => None,
        };
        if let Some(access) = access {
            match open_child(dir, name, access, Mode::empty()) {
                Ok(fd) => {
                    return Ok(Holder {
                        fd,
                        handle_only: false,
                    });
                }
                // One's own entry may be unreadable and still be stamped.
                Err(Errno::ACCESS) => {}
                Err(errno) => return Err(errno),
            }
        }
        let fd = open_child(dir, name, OFlags::PATH, Mode::empty())?;
        Ok(Holder {
            fd,
            handle_only: true,
        })
    }

    /// The entry.
    pub fn held(&self) -> Held<'_> {
        Held {
            fd: self.fd.as_fd(),
            handle_only: self.handle_only,
        }
    }

    /// Puts the entry on disk; one that could not be opened for reading, with its whole file system.
    pub fn sync(&self) -> Result<(), Errno> {
        if !self.handle_only {
            return super::fsync(&self.fd);
        }
        rustix::fs::sync();
        Ok(())
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
        Self {
            fd,
            handle_only: false,
        }
    }

    /// An entry held by any descriptor; asks the kernel which it is.
    pub fn any(fd: BorrowedFd<'a>) -> Self {
        let handle_only =
            rustix::fs::fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::PATH));
        Self { fd, handle_only }
    }

    /// The descriptor.
    pub fn fd(self) -> BorrowedFd<'a> {
        self.fd
    }

    // The link leads to the entry itself, a symlink included, not to any name of it: nothing can be
    // planted there.
    fn proc_path(self) -> String {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd())
    }

    /// Sets owner and group; `None` leaves one as it is.
    ///
    /// Reference: `man 2 fchownat`.
    pub fn set_owner(self, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let (uid, gid) = owner_of(uid, gid);
        if self.handle_only {
            rustix::fs::chownat(self.fd, c"", uid, gid, AtFlags::EMPTY_PATH)
        } else {
            rustix::fs::fchown(self.fd, uid, gid)
        }
    }

    /// Sets permission and set-id bits.
    ///
    /// Reference: `man 2 fchmod`.
    pub fn set_mode(self, mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(mode & 0o7777);
        if self.handle_only {
            rustix::fs::chmod(self.proc_path(), mode)
        } else {
            rustix::fs::fchmod(self.fd, mode)
        }
    }

    /// Sets the modification time and leaves the access time.
    pub fn set_mtime(self, mtime_ns: i64) -> Result<(), Errno> {
        self.set_times(&mtime_of(mtime_ns))
    }

    /// Sets the modification time, and the access time to what it is.
    pub fn set_both_times(self, mtime_ns: i64) -> Result<(), Errno> {
        self.set_times(&both_times_of(self.fd, mtime_ns)?)
    }

    // Reference: `man 2 utimensat`.
    fn set_times(self, times: &Timestamps) -> Result<(), Errno> {
        if !self.handle_only {
            return rustix::fs::futimens(self.fd, times);
        }
        match rustix::fs::utimensat(self.fd, c"", times, AtFlags::EMPTY_PATH) {
            // Linux before 5.8.
            Err(Errno::INVAL | Errno::NOENT) => {
                rustix::fs::utimensat(rustix::fs::CWD, self.proc_path(), times, AtFlags::empty())
            }
            other => other,
        }
    }

    /// Fills `buffer` with the NUL-terminated names of the extended attributes; `RANGE` where it is too small.
    ///
    /// Reference: `man 2 listxattr`.
    pub fn list_xattrs(self, buffer: &mut [u8]) -> Result<usize, Errno> {
        if self.handle_only {
            rustix::fs::listxattr(self.proc_path(), buffer)
        } else {
            rustix::fs::flistxattr(self.fd, buffer)
        }
    }

    /// Fills `buffer` with an attribute's value; with an empty one, returns its size.
    ///
    /// Reference: `man 2 getxattr`.
    pub fn get_xattr(self, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
        if self.handle_only {
            rustix::fs::getxattr(self.proc_path(), name, buffer)
        } else {
            rustix::fs::fgetxattr(self.fd, name, buffer)
        }
    }

    /// Sets an attribute, new or not.
    ///
    /// Reference: `man 2 setxattr`.
    pub fn set_xattr(self, name: &[u8], value: &[u8]) -> Result<(), Errno> {
        if self.handle_only {
            rustix::fs::setxattr(self.proc_path(), name, value, XattrFlags::empty())
        } else {
            rustix::fs::fsetxattr(self.fd, name, value, XattrFlags::empty())
        }
    }

    /// Removes an attribute.
    ///
    /// Reference: `man 2 removexattr`.
    pub fn remove_xattr(self, name: &[u8]) -> Result<(), Errno> {
        if self.handle_only {
            rustix::fs::removexattr(self.proc_path(), name)
        } else {
            rustix::fs::fremovexattr(self.fd, name)
        }
    }
}

/// Whether an open that never follows links failed because the entry is of another kind by now.
pub fn means_other_kind(errno: Errno) -> bool {
    matches!(errno, Errno::LOOP | Errno::NXIO | Errno::NOTDIR)
}
