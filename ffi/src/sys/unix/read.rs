//! Reading content.

use std::os::fd::BorrowedFd;

use rustix::io::retry_on_intr;

use crate::sys::Errno;

/// Reads from where the descriptor stands; 0 at the end.
pub fn read(fd: BorrowedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    retry_on_intr(|| rustix::io::read(fd, &mut *buffer))
}

/// Reads at an offset; 0 at the end.
pub fn read_at(fd: BorrowedFd, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    retry_on_intr(|| rustix::io::pread(fd, &mut *buffer, offset))
}
