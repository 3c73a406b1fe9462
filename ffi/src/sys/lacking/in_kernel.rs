//! Copying between two open files within the kernel: only Linux does.

use crate::sys::{AsFd, BorrowedFd, Errno};

/// Not there for two open files.
pub fn reflink(_: impl AsFd, _: impl AsFd) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Whether a refused reflink means that no file of this pair of file systems can share blocks.
pub fn reflink_is_hopeless(_: Errno) -> bool {
    true
}

/// Not there for ranges.
pub fn copy_range(_: BorrowedFd, _: BorrowedFd, _: u64, _: usize) -> Result<usize, Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Whether a refused [`copy_range`] means: use another method.
pub fn copy_range_is_unsupported(_: Errno) -> bool {
    true
}

/// Whether a refused [`copy_range`] is a matter of the two file systems, not of this one file.
pub fn copy_range_is_hopeless(_: Errno) -> bool {
    true
}
