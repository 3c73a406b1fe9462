//! Sharing blocks by making the new file: only macOS does.

use crate::sys::{BorrowedFd, Errno, OwnedFd};

/// Whether sharing blocks is tried while a file is made.
pub const CLONES_AT_CREATION: bool = false;

/// Not there.
pub fn create_clone(_: BorrowedFd, _: BorrowedFd, _: &[u8]) -> Result<OwnedFd, Errno> {
    Err(Errno::OPNOTSUPP)
}
