//! Writing content, and the lock that says a staged file is alive.

use std::os::fd::{AsFd, BorrowedFd, IntoRawFd};

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

/// Closes a copy of the descriptor: some file systems of user space write content, and say whether they could, only then.
///
/// Reference: `man 2 close`, on delayed errors.
#[allow(
    unsafe_code,
    reason = "an owned descriptor doesn't say what its closing came to"
)]
pub fn close_copy(fd: BorrowedFd) -> Result<(), Errno> {
    let copy = rustix::io::fcntl_dupfd_cloexec(fd, 3)?;
    // SAFETY: nobody else has the copy, and whatever the call says, the number is free afterwards.
    unsafe { rustix::io::try_close(copy.into_raw_fd()) }
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
