//! Leases: nobody has a file open for writing, and whoever wants to waits.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::Errno;

const F_SETSIG: c_int = 10;
const F_SETLEASE: c_int = 1024;
const F_GETLEASE: c_int = 1025;
const F_RDLCK: c_int = 0;
/// The one signal that nothing happens at where it is not asked for; the usual one would end the process.
const SIGURG: c_int = 23;

#[allow(unsafe_code, reason = "rustix has no leases")]
fn fcntl(fd: BorrowedFd, command: c_int, argument: c_int) -> Result<c_int, Errno> {
    unsafe extern "C" {
        fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    }
    // SAFETY: the descriptor is open, and these commands take a number.
    match unsafe { fcntl(fd.as_raw_fd(), command, argument) } {
        -1 => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
        answer => Ok(answer),
    }
}

/// Holds writers off until the descriptor, which must be open for reading only, is closed: true. False where
/// that can't be had: another's file, or a file system without leases.
///
/// # Errors
///
/// `TXTBSY` where somebody has the file open for writing, or mapped so.
///
/// Reference: `man 2 F_SETLEASE`.
pub fn forbid_writers(file: BorrowedFd) -> Result<bool, Errno> {
    if fcntl(file, F_SETSIG, SIGURG).is_err() {
        return Ok(false);
    }
    match fcntl(file, F_SETLEASE, F_RDLCK) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN) => Err(Errno::TXTBSY),
        Err(_) => Ok(false),
    }
}

/// `TXTBSY` where somebody waits to open for writing what [`forbid_writers`] holds.
pub fn no_writer_waits(file: BorrowedFd) -> Result<(), Errno> {
    if fcntl(file, F_GETLEASE, 0)? == F_RDLCK {
        Ok(())
    } else {
        Err(Errno::TXTBSY)
    }
}
