//! Listing a directory: many entries a call into one large buffer.

use std::ffi::CStr;

use windows_sys::Win32::Storage::FileSystem as fs;

use super::{BorrowedFd, Errno, metadata::kind_of, names, nt};
use crate::block::{Kind, u16_at, u32_at, u64_at};

// Less than the 64 KiB beyond which some network servers refuse.
const BUFFER_WORDS: usize = (60 << 10) / 8;

/// A buffer for listing directories, used again for any number of them.
pub struct DirReader {
    buffer: Box<[u64]>,
    name: Vec<u8>,
}

impl DirReader {
    /// Allocates the buffer.
    pub fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER_WORDS].into(),
            name: Vec::new(),
        }
    }

    /// Reads one buffer full of entries, `.` and `..` left out, from where `dir` stands.
    ///
    /// Returns false at the directory's end. The handle keeps the position, so a listing can be continued
    /// by another reader.
    ///
    /// Reference: NtQueryDirectoryFile, FILE_ID_BOTH_DIR_INFORMATION.
    pub fn fill(
        &mut self,
        dir: BorrowedFd,
        mut each: impl FnMut(&CStr, u64, Kind),
    ) -> Result<bool, Errno> {
        let filled = nt::list(dir, &mut self.buffer)?;
        if filled == 0 {
            return Ok(false);
        }
        let mut rest = &nt::bytes_of(&self.buffer)[..filled];
        loop {
            let (next, attributes) = (u32_at(rest, 0) as usize, u32_at(rest, 56));
            let units = rest[104..][..u32_at(rest, 60) as usize]
                .chunks_exact(2)
                .map(|two| u16_at(two, 0));
            self.name.clear();
            names::push_bytes(units, &mut self.name);
            self.name.push(0);
            let reparse = attributes & fs::FILE_ATTRIBUTE_REPARSE_POINT != 0;
            let tag = if reparse { u32_at(rest, 64) } else { 0 };
            let name = CStr::from_bytes_with_nul(&self.name).map_err(|_| Errno::INVALID_NAME)?;
            if name != c"." && name != c".." {
                each(name, u64_at(rest, 96), kind_of(attributes, tag));
            }
            if next == 0 {
                return Ok(true);
            }
            rest = &rest[next..];
        }
    }
}

impl Default for DirReader {
    fn default() -> Self {
        Self::new()
    }
}
