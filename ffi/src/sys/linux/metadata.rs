//! Metadata of entries: statx and readlink.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, Statx, StatxAttributes, StatxFlags};

use super::Errno;
use crate::block::Kind;
use crate::sys::Metadata;

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
        FileType::Unknown => Kind::Unknown,
    }
}

/// Metadata of `name` in `dir`, not following a link and not triggering an automount.
///
/// Reference: `man 2 statx`. Synchronisation is left as for stat, so that remote file systems are current.
#[inline]
pub fn stat_at(dir: impl AsFd, name: &CStr) -> Result<Metadata, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    rustix::fs::statx(dir, name, flags, StatxFlags::BASIC_STATS).map(|s| metadata_of(&s))
}

/// Metadata of an open descriptor, one opened with `O_PATH` included.
#[inline]
pub fn stat_fd(fd: impl AsFd) -> Result<Metadata, Errno> {
    rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
        .map(|s| metadata_of(&s))
}

/// The target of the symlink `name` in `dir`; with an empty name, of the link that `dir` itself is.
///
/// Reference: `man 2 readlink`. A target has at most 4,095 bytes.
pub fn read_link_at<'b>(
    dir: impl AsFd,
    name: &CStr,
    buffer: &'b mut [MaybeUninit<u8>; 4096],
) -> Result<&'b [u8], Errno> {
    let (target, _) = rustix::fs::readlinkat_raw(dir, name, &mut buffer[..])?;
    Ok(target)
}

#[inline]
fn metadata_of(s: &Statx) -> Metadata {
    Metadata {
        size: s.stx_size,
        mtime_ns: nanoseconds(s.stx_mtime.tv_sec, s.stx_mtime.tv_nsec),
        ctime_ns: nanoseconds(s.stx_ctime.tv_sec, s.stx_ctime.tv_nsec),
        inode: s.stx_ino,
        device: rustix::fs::makedev(s.stx_dev_major, s.stx_dev_minor),
        rdev: u64::from(s.stx_rdev_major) << 32 | u64::from(s.stx_rdev_minor),
        allocated: s.stx_blocks.saturating_mul(512),
        mode: u32::from(s.stx_mode) & 0o7777,
        uid: s.stx_uid,
        gid: s.stx_gid,
        links: s.stx_nlink,
        kind: kind_of(FileType::from_raw_mode(u32::from(s.stx_mode))),
        mount_root: s.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
    }
}

// i64 nanoseconds reach from 1677 to 2262; what lies outside is clamped rather than wrapped round.
#[inline]
fn nanoseconds(seconds: i64, nanoseconds: u32) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(i64::from(nanoseconds))
}
