//! Having a file's content written before anything else is set on it.

use std::ffi::{c_int, c_uint};
use std::os::fd::{AsFd, AsRawFd};

use rustix::io::retry_on_intr;

use super::Errno;

/// SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER.
const WRITE_AND_WAIT: c_uint = 7;

/// Waits until a file's content has left for the disk and its blocks are marked as written: what is set on the file from
/// now on is never on disk before its content. ext4 may put a time that was set earlier there first, and the length too.
///
/// Not a flush: that still has to follow, and costs no more than without this.
///
/// Reference: `man 2 sync_file_range`.
#[allow(unsafe_code, reason = "rustix has no sync_file_range")]
pub fn write_out(fd: impl AsFd) -> Result<(), Errno> {
    unsafe extern "C" {
        fn sync_file_range(fd: c_int, offset: i64, bytes: i64, flags: c_uint) -> c_int;
    }
    let fd = fd.as_fd();
    let written = retry_on_intr(|| {
        // SAFETY: numbers only, and the descriptor is held.
        match unsafe { sync_file_range(fd.as_raw_fd(), 0, 0, WRITE_AND_WAIT) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()
                .raw_os_error()
                .map_or(Errno::IO, Errno::from_raw_os_error)),
        }
    });
    match written {
        // A file system or a sandbox without it: the flush alone has to do.
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::SPIPE | Errno::OPNOTSUPP) => Ok(()),
        other => other,
    }
}
