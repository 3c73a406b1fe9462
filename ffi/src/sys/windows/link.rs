//! Symlinks and junctions.

use std::ffi::{CStr, OsString};
use std::mem::MaybeUninit;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::fs::{symlink_dir, symlink_file};
use std::path::PathBuf;

use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Storage::FileSystem as fs;

use super::metadata::{DIRECTORY_LINK, FILE_LINK, JUNCTION};
use super::{AsFd, BorrowedFd, Errno, name, names, nt, open, read, remove_file, reparse};

/// The target of the link `name` in `dir`, with `/` between its names.
pub fn read_link(dir: impl AsFd, name: &[u8]) -> Result<Vec<u8>, Errno> {
    let entry = open::open_itself(dir.as_fd(), &names::component(name)?, nt::LOOK, 0)?;
    reparse::target_of(entry.as_fd())
}

/// The target of the link `name` in `dir`; with an empty name, of the link that `dir` itself is.
pub fn read_link_at<'b>(
    dir: impl AsFd,
    name: &CStr,
    buffer: &'b mut [MaybeUninit<u8>; 4096],
) -> Result<&'b [u8], Errno> {
    let target = match name.to_bytes() {
        b"" => reparse::target_of(dir.as_fd())?,
        name => read_link(dir, name)?,
    };
    let place = buffer.get_mut(..target.len()).ok_or(Errno::NAMETOOLONG)?;
    Ok(place.write_copy_of_slice(&target))
}

/// Makes a link of the kind that `rdev` says, as [`super::stat_fd`] told it; where that is not known, one to a
/// directory if the target is one now.
///
/// By handle, which takes a privilege; without it by path, which developer mode allows to everybody. Nobody
/// can move the directory meanwhile, since its handle is open.
pub fn make_symlink(target: &[u8], dir: impl AsFd, name: &[u8], rdev: u64) -> Result<(), Errno> {
    let dir = dir.as_fd();
    let with_backslashes = |&byte: &u8| if byte == b'/' { b'\\' } else { byte };
    let target = names::to_units(&target.iter().map(with_backslashes).collect::<Vec<u8>>())?;
    let junction = rdev == JUNCTION;
    let directory = match rdev {
        FILE_LINK => false,
        DIRECTORY_LINK | JUNCTION => true,
        _ => path_in(dir, &target).is_ok_and(|path| path.is_dir()),
    };
    let (access, options) = if directory {
        (nt::STAMP | fs::DELETE, wdk::FILE_DIRECTORY_FILE)
    } else {
        (nt::WRITE | fs::DELETE, wdk::FILE_NON_DIRECTORY_FILE)
    };
    let made = name::make(dir, &names::component(name)?, access, options)?;
    let linked = reparse::make_link(made.as_fd(), &target, junction);
    drop(made);
    if linked.is_ok() {
        return linked;
    }
    let _ = if directory {
        super::remove_directory(dir, name)
    } else {
        remove_file(dir, name)
    };
    if linked != Err(Errno::PERM) {
        return linked;
    }
    let link = path_in(dir, &names::component(name)?)?;
    let target = OsString::from_wide(&target);
    let linked = if directory {
        symlink_dir(target, link)
    } else {
        symlink_file(target, link)
    };
    linked.map_err(read::of)
}

fn path_in(dir: BorrowedFd, below: &[u16]) -> Result<PathBuf, Errno> {
    Ok(PathBuf::from(OsString::from_wide(&nt::path_of(dir)?)).join(OsString::from_wide(below)))
}
