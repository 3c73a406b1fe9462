//! Telling whether a file is open for writing: only Linux does.

use crate::sys::{BorrowedFd, Errno};

/// Can't be told.
pub fn forbid_writers(_: BorrowedFd) -> Result<bool, Errno> {
    Ok(false)
}

/// Nobody is ever held up.
pub fn no_writer_waits(_: BorrowedFd) -> Result<(), Errno> {
    Ok(())
}
