//! Metadata of entries: stat and readlink.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, Stat};

use crate::block::Kind;
use crate::sys::{Errno, Metadata};

/// Kind of a directory entry or of an entry's mode.
pub(super) fn kind_of(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        _ => Kind::Unknown,
    }
}

/// Metadata of `name` in `dir`, not following a link.
///
/// Reference: `man 2 fstatat`.
pub fn stat_at(dir: impl AsFd, name: &CStr) -> Result<Metadata, Errno> {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map(|s| metadata_of(&s))
}

/// Metadata of an open descriptor.
pub fn stat_fd(fd: impl AsFd) -> Result<Metadata, Errno> {
    rustix::fs::fstat(fd).map(|s| metadata_of(&s))
}

/// The target of the symlink `name` in `dir`; with an empty name, of the link that `dir` itself is.
///
/// Reference: `man 2 readlinkat`, `man 2 freadlink` (macOS 13; before it an open link has no target).
pub fn read_link_at<'b>(
    dir: impl AsFd,
    name: &CStr,
    buffer: &'b mut [MaybeUninit<u8>; 4096],
) -> Result<&'b [u8], Errno> {
    let dir = dir.as_fd();
    if !name.is_empty() {
        let (target, _) = rustix::fs::readlinkat_raw(dir, name, &mut buffer[..])?;
        return Ok(target);
    }
    // By the path that the link has at the moment; the inode tells whether it still is the one that is held.
    let path = rustix::fs::getpath(dir)?;
    let (held, named) = (rustix::fs::fstat(dir)?, rustix::fs::lstat(&path)?);
    if (held.st_dev, held.st_ino) != (named.st_dev, named.st_ino) {
        return Err(Errno::INVAL);
    }
    let (target, _) = rustix::fs::readlinkat_raw(rustix::fs::CWD, &path, &mut buffer[..])?;
    Ok(target)
}

fn metadata_of(s: &Stat) -> Metadata {
    let rdev = s.st_rdev.cast_unsigned();
    Metadata {
        size: s.st_size.cast_unsigned(),
        mtime_ns: nanoseconds(s.st_mtime, s.st_mtime_nsec),
        ctime_ns: nanoseconds(s.st_ctime, s.st_ctime_nsec),
        inode: s.st_ino,
        device: u64::from(s.st_dev.cast_unsigned()),
        // Eight bits of major number above twenty-four of minor: `man 3 makedev`.
        rdev: u64::from(rdev >> 24) << 32 | u64::from(rdev & 0xff_ffff),
        allocated: s.st_blocks.cast_unsigned().saturating_mul(512),
        mode: u32::from(s.st_mode) & 0o7777,
        uid: s.st_uid,
        gid: s.st_gid,
        links: u32::from(s.st_nlink),
        kind: kind_of(FileType::from_raw_mode(s.st_mode)),
        mount_root: false,
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}
