//! Writing content, and the lock that says a staged file is alive.

use std::os::windows::fs::FileExt;

use windows_sys::Wdk::Storage::FileSystem as wdk;

use super::{AsFd, BorrowedFd, Errno, nt, read};

/// FILE_REMOTE_DEVICE of ntifs.h: the volume is another machine's.
const REMOTE: u64 = 0x10;

/// Writes all bytes at an offset.
pub fn write_all_at(fd: BorrowedFd, mut bytes: &[u8], mut offset: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match nt::with_file(fd, |file| file.seek_write(bytes, offset)).map_err(read::of)? {
            0 => return Err(Errno::NOSPC),
            n => {
                bytes = &bytes[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}

/// Sets a file's length.
pub fn truncate(fd: impl AsFd, bytes: u64) -> Result<(), Errno> {
    nt::with_file(fd.as_fd(), |file| file.set_len(bytes)).map_err(read::of)
}

/// Puts a file's content and length on disk.
pub fn fdatasync(fd: impl AsFd) -> Result<(), Errno> {
    super::fsync(fd)
}

/// Closing says nothing here.
pub fn close_copy(_: BorrowedFd) -> Result<(), Errno> {
    Ok(())
}

/// Takes the exclusive lock of an open file without waiting; false where somebody else holds one.
///
/// A file system without locks counts as free: nobody can hold one there.
pub fn try_lock(fd: impl AsFd) -> Result<bool, Errno> {
    match nt::lock(fd.as_fd(), true) {
        Err(Errno::OPNOTSUPP) => Ok(true),
        other => other,
    }
}

/// Whether somebody holds the exclusive lock of an open file. Those who only ask don't see each other.
pub fn is_locked(fd: impl AsFd) -> Result<bool, Errno> {
    match nt::lock(fd.as_fd(), false) {
        Ok(true) => {
            nt::unlock(fd.as_fd());
            Ok(false)
        }
        Ok(false) => Ok(true),
        Err(Errno::OPNOTSUPP) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether the volume is another machine's, so that a failed write may show only at a flush.
pub fn reports_late(fd: impl AsFd) -> bool {
    let mut words = [0];
    // FILE_FS_DEVICE_INFORMATION: type, then characteristics.
    nt::query_volume(fd.as_fd(), wdk::FileFsDeviceInformation, &mut words).is_ok()
        && words[0] >> 32 & REMOTE != 0
}
