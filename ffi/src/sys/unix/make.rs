//! Making directories by path.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::sys::Errno;

/// Makes a directory and its missing parents; one that exists is fine. For roots only: links are followed.
pub fn make_directories(path: &[u8]) -> Result<(), Errno> {
    std::fs::create_dir_all(OsStr::from_bytes(path))
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
