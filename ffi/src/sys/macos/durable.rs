//! Making what was written durable.

use std::os::fd::AsFd;

use crate::sys::Errno;

/// macOS reads ahead by itself; asked for a range, it would read that at once.
pub fn advise_sequential(_: impl AsFd) {}

/// Puts one file or directory on disk, the drive's own cache included where the file system can.
///
/// Reference: `man 2 fcntl`, F_FULLFSYNC.
pub fn fsync(fd: impl AsFd) -> Result<(), Errno> {
    match rustix::fs::fcntl_fullfsync(&fd) {
        Err(Errno::NOTSUP | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOTTY) => {
            rustix::fs::fsync(fd)
        }
        other => other,
    }
}

/// Puts all file systems on disk, and the drive's cache of this one.
///
/// Reference: `man 2 sync`, which only starts the writing; F_FULLFSYNC waits for it.
pub fn syncfs(fd: impl AsFd) -> Result<(), Errno> {
    rustix::fs::sync();
    fsync(fd)
}

/// Puts a file's content and length on disk.
pub fn fdatasync(fd: impl AsFd) -> Result<(), Errno> {
    fsync(fd)
}

/// Whether the file system may report a failed write only at a flush: those of other machines, and FUSE.
pub fn reports_late(fd: impl AsFd) -> bool {
    const LATE: [&[u8]; 5] = [b"nfs", b"smbfs", b"afpfs", b"webdav", b"macfuse"];
    super::space::type_name(fd).is_ok_and(|name| LATE.contains(&name.as_slice()))
}
