//! Writing content, and the lock that says a staged file is alive.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::FlockOperation;
use rustix::io::retry_on_intr;

use crate::sys::Errno;

/// Writes all bytes at an offset.
pub fn write_all_at(fd: BorrowedFd, mut bytes: &[u8], mut offset: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match retry_on_intr(|| rustix::io::pwrite(fd, bytes, offset))? {
            0 => return Err(Errno::NOSPC),
            n => {
                bytes = &bytes[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}

/// Sets a file's length.
pub fn truncate(fd: impl AsFd, bytes: u64) -> Result<(), Errno> {
    let fd = fd.as_fd();
    retry_on_intr(|| rustix::fs::ftruncate(fd, bytes))
}

/// Takes the exclusive lock of an open file without waiting; false where somebody else holds one.
///
/// A file system without locks counts as free: nobody can hold one there.
///
/// Reference: `man 2 flock`.
pub fn try_lock(fd: impl AsFd) -> Result<bool, Errno> {
    match rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK) => Ok(true),
        Err(Errno::AGAIN) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether somebody holds the exclusive lock of an open file. Those who only ask don't see each other.
pub fn is_locked(fd: impl AsFd) -> Result<bool, Errno> {
    match rustix::fs::flock(fd, FlockOperation::NonBlockingLockShared) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK) => Ok(false),
        Err(Errno::AGAIN) => Ok(true),
        Err(errno) => Err(errno),
    }
}
