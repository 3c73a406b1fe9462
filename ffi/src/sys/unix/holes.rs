//! Finding holes.

use std::os::fd::AsFd;

use rustix::fs::SeekFrom;

use crate::sys::Errno;

/// Start of the next data at or after `offset`; `None` where only a hole follows.
///
/// Reference: `man 2 lseek`, SEEK_DATA.
pub fn next_data(fd: impl AsFd, offset: u64) -> Result<Option<u64>, Errno> {
    match rustix::fs::seek(fd, SeekFrom::Data(offset)) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Start of the next hole at or after `offset`; every file has one at its end.
pub fn next_hole(fd: impl AsFd, offset: u64) -> Result<u64, Errno> {
    rustix::fs::seek(fd, SeekFrom::Hole(offset))
}

/// Any file may have holes here.
pub fn allow_holes(_: impl AsFd) {}
