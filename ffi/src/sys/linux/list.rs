//! Listing a directory: getdents64 into one large buffer.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::fs::RawDir;

use super::{Errno, metadata::kind_of};
use crate::block::Kind;

// The smallest entry takes 24 bytes: one filling never yields more than 5,461 names.
const BUFFER_BYTES: usize = 128 * 1024;

/// A buffer for listing directories, used again for any number of them.
pub struct DirReader {
    buffer: Box<[MaybeUninit<u8>]>,
}

impl DirReader {
    /// Allocates the buffer; pages are touched only as far as listings fill them.
    pub fn new() -> Self {
        Self {
            buffer: Box::new_uninit_slice(BUFFER_BYTES),
        }
    }

    /// Reads one buffer full of entries, `.` and `..` left out, from where `dir` stands.
    ///
    /// Returns false at the directory's end. The descriptor keeps the position, so a listing can be
    /// continued by another reader.
    ///
    /// Reference: `man 2 getdents64`.
    pub fn fill(
        &mut self,
        dir: BorrowedFd,
        mut each: impl FnMut(&CStr, u64, Kind),
    ) -> Result<bool, Errno> {
        let mut raw = RawDir::new(dir, &mut self.buffer);
        loop {
            match raw.next() {
                None => return Ok(false),
                Some(entry) => {
                    let entry = entry?;
                    let name = entry.file_name();
                    if name != c"." && name != c".." {
                        each(name, entry.ino(), kind_of(entry.file_type()));
                    }
                }
            }
            if raw.is_buffer_empty() {
                return Ok(true);
            }
        }
    }
}

impl Default for DirReader {
    fn default() -> Self {
        Self::new()
    }
}
