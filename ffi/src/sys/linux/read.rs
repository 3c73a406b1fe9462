//! Reading content and making it durable.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::Advice;
use rustix::io::retry_on_intr;

use super::Errno;

/// Reads from where the descriptor stands; 0 at the end.
pub fn read(fd: BorrowedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    retry_on_intr(|| rustix::io::read(fd, &mut *buffer))
}

/// Reads at an offset; 0 at the end.
pub fn read_at(fd: BorrowedFd, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    retry_on_intr(|| rustix::io::pread(fd, &mut *buffer, offset))
}

/// Tells the kernel to read ahead further. Advice only: a refusal changes nothing.
///
/// Reference: `man 2 posix_fadvise`.
pub fn advise_sequential(fd: impl AsFd) {
    let _ = rustix::fs::fadvise(fd, 0, None, Advice::Sequential);
}

/// Puts one file or directory on disk.
pub fn fsync(fd: impl AsFd) -> Result<(), Errno> {
    let fd = fd.as_fd();
    retry_on_intr(|| rustix::fs::fsync(fd))
}

/// Puts the whole file system that holds the descriptor on disk.
pub fn syncfs(fd: impl AsFd) -> Result<(), Errno> {
    let fd = fd.as_fd();
    retry_on_intr(|| rustix::fs::syncfs(fd))
}
