//! Listing a directory: readdir.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::Dir;

use super::metadata::kind_of;
use crate::block::Kind;
use crate::sys::Errno;

/// What lists directories; here it keeps nothing.
#[derive(Debug, Default)]
pub struct DirReader(());

impl DirReader {
    /// A reader.
    pub fn new() -> Self {
        Self(())
    }

    /// Reads all entries, `.` and `..` left out, and returns false: the directory's end. A listing of macOS
    /// can't be continued by another reader, so there is never a second part.
    ///
    /// Reference: `man 3 readdir`.
    pub fn fill(
        &mut self,
        dir: BorrowedFd,
        mut each: impl FnMut(&CStr, u64, Kind),
    ) -> Result<bool, Errno> {
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                each(name, entry.ino(), kind_of(entry.file_type()));
            }
        }
        Ok(false)
    }
}
