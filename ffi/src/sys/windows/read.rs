//! Reading content and making it durable.

use std::os::windows::fs::FileExt;

use windows_sys::Win32::Foundation::ERROR_HANDLE_EOF;

use super::{AsFd, BorrowedFd, Errno, nt, open};

/// Reads from where the handle stands; 0 at the end.
pub fn read(fd: BorrowedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    nt::with_file(fd, |mut file| std::io::Read::read(&mut file, buffer)).map_err(of)
}

/// Reads at an offset; 0 at the end.
pub fn read_at(fd: BorrowedFd, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    match nt::with_file(fd, |file| file.seek_read(buffer, offset)) {
        Err(error) if error.raw_os_error() == Some(ERROR_HANDLE_EOF.cast_signed()) => Ok(0),
        other => other.map_err(of),
    }
}

/// Windows takes such advice only when a file is opened.
pub fn advise_sequential(_: impl AsFd) {}

/// Puts one file or directory on disk.
///
/// The names in a directory are in the journal of NTFS and need no flush: where it can't be flushed, nothing
/// is lost.
pub fn fsync(fd: impl AsFd) -> Result<(), Errno> {
    let fd = fd.as_fd();
    match nt::flush(fd) {
        Err(Errno::ACCESS) => {}
        other => return other,
    }
    // The handle is not good for writing.
    let writable = match open::reopen(fd, nt::WRITE) {
        Ok(writable) => writable,
        Err(Errno::ACCESS) if !holds_content(fd) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    match nt::flush(super::AsFd::as_fd(&writable)) {
        Err(Errno::ACCESS | Errno::INVAL | Errno::OPNOTSUPP) if !holds_content(fd) => Ok(()),
        other => other,
    }
}

// A read-only file can't be opened for writing: its content went to disk before it got that attribute.
fn holds_content(fd: BorrowedFd) -> bool {
    super::stat_fd(fd)
        .is_ok_and(|now| now.kind == crate::block::Kind::File && now.mode & 0o200 != 0)
}

/// Puts the whole volume on disk: only administrators may.
pub fn syncfs(_: impl AsFd) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

pub(super) fn of(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
}
