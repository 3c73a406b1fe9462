//! Metadata of entries.

use std::ffi::CStr;

use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::SystemServices as w;

use super::{AsFd, BorrowedFd, Errno, names, nt, open};
use crate::block::{Kind, u32_at, u64_at};
use crate::sys::Metadata;

/// 1970 in the system's time, which counts units of 100 ns from 1601.
const UNIX_EPOCH: i64 = 116_444_736_000_000_000;

/// `rdev` of a symlink that leads to a file.
pub(super) const FILE_LINK: u64 = 1;
/// `rdev` of a symlink that leads to a directory.
pub(super) const DIRECTORY_LINK: u64 = 2;
/// `rdev` of a junction, mounted volumes included.
pub(super) const JUNCTION: u64 = 3;

/// Whether an entry with this reparse tag is a link to another path.
pub(super) fn is_link(tag: u32) -> bool {
    tag == w::IO_REPARSE_TAG_SYMLINK || tag == w::IO_REPARSE_TAG_MOUNT_POINT || tag == LX_SYMLINK
}

/// A symlink that the Linux subsystem made.
pub(super) const LX_SYMLINK: u32 = wdk::IO_REPARSE_TAG_LX_SYMLINK.cast_unsigned();

/// Kind of an entry, by its attributes and, where it has one, its reparse tag.
pub(super) fn kind_of(attributes: u32, tag: u32) -> Kind {
    match tag {
        tag if is_link(tag) => Kind::Symlink,
        w::IO_REPARSE_TAG_AF_UNIX => Kind::Socket,
        tag if tag == wdk::IO_REPARSE_TAG_LX_FIFO.cast_unsigned() => Kind::Fifo,
        tag if tag == wdk::IO_REPARSE_TAG_LX_CHR.cast_unsigned() => Kind::CharDevice,
        tag if tag == wdk::IO_REPARSE_TAG_LX_BLK.cast_unsigned() => Kind::BlockDevice,
        _ if attributes & fs::FILE_ATTRIBUTE_DIRECTORY != 0 => Kind::Directory,
        _ => Kind::File,
    }
}

/// Attributes of an open entry, and its reparse tag or 0.
pub(super) fn attributes_and_tag(entry: BorrowedFd) -> Result<(u32, u32), Errno> {
    let mut words = [0];
    nt::query(entry, wdk::FileAttributeTagInformation, &mut words)?;
    let (attributes, tag) = (words[0] as u32, (words[0] >> 32) as u32);
    let reparse = attributes & fs::FILE_ATTRIBUTE_REPARSE_POINT != 0;
    Ok((attributes, if reparse { tag } else { 0 }))
}

/// Metadata of `name` in `dir`, not following a link.
pub fn stat_at(dir: impl AsFd, name: &CStr) -> Result<Metadata, Errno> {
    stat_name(dir, name.to_bytes())
}

/// Metadata of `name` in `dir`, not following a link.
pub fn stat_name(dir: impl AsFd, name: &[u8]) -> Result<Metadata, Errno> {
    let name = names::component(name)?;
    match open::open_itself(dir.as_fd(), &name, nt::LOOK, 0) {
        Ok(entry) => stat_fd(&entry),
        Err(Errno::DELETE_PENDING) => Err(Errno::NOENT),
        Err(errno) => Err(errno),
    }
}

/// Metadata of an open entry.
///
/// Mode: as the read-only attribute of files says; for directories that attribute means nothing. Nobody else may write:
/// a copy on another system has these bits. Owner and group: none, so 0. The inode is the file's index, 64 bits of it on ReFS.
///
/// Reference: FILE_ALL_INFORMATION.
pub fn stat_fd(entry: impl AsFd) -> Result<Metadata, Errno> {
    let entry = entry.as_fd();
    let mut words = [0; 14];
    nt::query(entry, wdk::FileAllInformation, &mut words)?;
    let all = nt::bytes_of(&words);
    let attributes = u32_at(all, 32);
    let tag = match attributes & fs::FILE_ATTRIBUTE_REPARSE_POINT {
        0 => 0,
        _ => attributes_and_tag(entry)?.1,
    };
    let kind = kind_of(attributes, tag);
    let (allocated, size) = (u64_at(all, 40), u64_at(all, 48));
    // What is compressed takes less room too, without having holes.
    let sparse = attributes & fs::FILE_ATTRIBUTE_SPARSE_FILE != 0;
    Ok(Metadata {
        size: if kind == Kind::File { size } else { 0 },
        mtime_ns: nanoseconds(u64_at(all, 16).cast_signed()),
        ctime_ns: nanoseconds(u64_at(all, 24).cast_signed()),
        inode: u64_at(all, 64),
        device: volume_of(entry)?,
        rdev: match tag {
            w::IO_REPARSE_TAG_MOUNT_POINT => JUNCTION,
            _ if kind != Kind::Symlink => 0,
            _ if attributes & fs::FILE_ATTRIBUTE_DIRECTORY != 0 => DIRECTORY_LINK,
            _ => FILE_LINK,
        },
        allocated: if sparse {
            allocated
        } else {
            allocated.max(size)
        },
        mode: match kind {
            Kind::File if attributes & fs::FILE_ATTRIBUTE_READONLY != 0 => 0o444,
            Kind::File => 0o644,
            _ => 0o755,
        },
        uid: 0,
        gid: 0,
        links: u32_at(all, 56),
        kind,
        // The name is a path within the volume: its root is one backslash.
        mount_root: u32_at(all, 96) == 2,
    })
}

/// Serial number of the volume that holds an entry.
fn volume_of(entry: BorrowedFd) -> Result<u64, Errno> {
    let mut words = [0; 3];
    match nt::query_volume(entry, wdk::FileFsVolumeInformation, &mut words) {
        // Some file systems have none.
        Err(Errno::OPNOTSUPP) => Ok(0),
        other => other.map(|()| u64::from(words[1] as u32)),
    }
}

/// Nanoseconds since 1970, from the system's time.
pub(super) fn nanoseconds(time: i64) -> i64 {
    time.saturating_sub(UNIX_EPOCH).saturating_mul(100)
}

/// The system's time, from nanoseconds since 1970; never 0, which would mean "leave it".
pub(super) fn system_time(nanoseconds: i64) -> i64 {
    (nanoseconds.div_euclid(100) + UNIX_EPOCH).max(1)
}
