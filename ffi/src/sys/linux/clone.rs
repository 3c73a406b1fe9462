//! Copying within the kernel.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::retry_on_intr;

use super::Errno;
use crate::status::Outcome;

/// Makes `to` share all blocks of `from`.
///
/// Reference: `man 2 ioctl_ficlone`.
pub fn reflink(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    rustix::fs::ioctl_ficlone(to, from)
}

/// Whether a refused reflink means that no file of this pair of file systems can share blocks; anything
/// else is that one file's matter (btrfs refuses files with inline or uncopied data by EINVAL).
pub fn reflink_is_hopeless(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::XDEV | Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS
    )
}

/// Copies up to `bytes` at `offset` of both files within the kernel; returns how many.
///
/// Reference: `man 2 copy_file_range`.
pub fn copy_range(
    from: BorrowedFd,
    to: BorrowedFd,
    offset: u64,
    bytes: usize,
) -> Result<usize, Errno> {
    retry_on_intr(|| {
        let (mut source, mut destination) = (offset, offset);
        rustix::fs::copy_file_range(from, Some(&mut source), to, Some(&mut destination), bytes)
    })
}

/// Whether a refused [`copy_range`] means: use another method.
pub fn copy_range_is_unsupported(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::XDEV | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::PERM | Errno::TXTBSY
    )
}

/// Whether a refused [`copy_range`] is a matter of the two file systems, not of this one file.
pub fn copy_range_is_hopeless(errno: Errno) -> bool {
    matches!(errno, Errno::XDEV | Errno::OPNOTSUPP | Errno::NOSYS)
}

/// Nothing here is too large for an attribute: only Windows and macOS have streams beside a file's content.
pub fn copy_large_streams(
    _: BorrowedFd,
    _: BorrowedFd,
    _: impl FnMut() -> Outcome<()>,
) -> Outcome<bool> {
    Ok(true)
}
