//! Making, renaming and removing names within held directories. Every name is one component.

use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Storage::FileSystem as fs;

use super::nt::{self, How};
use super::{AsFd, BorrowedFd, Errno, OwnedFd, attributes, names, open, stat_fd, stat_name};
use crate::block::Kind;

/// A name can be taken away or changed.
const RENAME: u32 = nt::LOOK | fs::DELETE;

/// Makes a file that did not exist. It inherits its rights from the directory, as all files of Windows do.
pub fn create_file(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    make(
        dir,
        &names::component(name)?,
        nt::READ | nt::WRITE,
        wdk::FILE_NON_DIRECTORY_FILE,
    )
}

/// Whether entries have permission bits: else those that they show are made up.
pub const KEEPS_MODES: bool = false;

/// Whether [`create_file_as`] can give a file its mode.
pub const MODES_AT_CREATION: bool = false;

/// As [`create_file`]: what stands for a mode here is set afterwards.
pub fn create_file_as(dir: BorrowedFd, name: &[u8], _mode: u32) -> Result<OwnedFd, Errno> {
    create_file(dir, name)
}

/// Makes a directory.
pub fn make_directory(dir: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    make(
        dir.as_fd(),
        &names::component(name)?,
        nt::LOOK,
        wdk::FILE_DIRECTORY_FILE,
    )
    .map(drop)
}

pub(super) fn make(
    dir: BorrowedFd,
    name: &[u16],
    access: u32,
    options: u32,
) -> Result<OwnedFd, Errno> {
    let options = options | wdk::FILE_OPEN_REPARSE_POINT;
    match nt::open(
        dir,
        name,
        How {
            access,
            options,
            make: true,
        },
    ) {
        // The name is somebody's whose deletion waits for its last handle.
        Err(Errno::DELETE_PENDING) => Err(Errno::BUSY),
        other => other,
    }
}

/// FIFOs, sockets and devices are not files of Windows.
pub fn make_node(_: impl AsFd, _: &[u8], _: Kind, _: u64) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Makes a second name of an entry; a symlink is linked itself, not followed.
///
/// Reference: FILE_LINK_INFORMATION.
pub fn hard_link(from: impl AsFd, old: &[u8], to: impl AsFd, new: &[u8]) -> Result<(), Errno> {
    let entry = open::open_itself(from.as_fd(), &names::component(old)?, nt::STAMP, 0)?;
    nt::set_name(
        entry.as_fd(),
        wdk::FileLinkInformation,
        0,
        to.as_fd(),
        &names::component(new)?,
    )
}

/// Renames, replacing what has the new name, even if that is read-only or open elsewhere.
///
/// Reference: FILE_RENAME_INFORMATION, with the semantics of POSIX since Windows 10 1709.
pub fn rename(from: impl AsFd, old: &[u8], to: impl AsFd, new: &[u8]) -> Result<(), Errno> {
    let to = to.as_fd();
    let entry = open::open_itself(from.as_fd(), &names::component(old)?, RENAME, 0)?;
    let name = names::component(new)?;
    let flags = wdk::FILE_RENAME_REPLACE_IF_EXISTS
        | wdk::FILE_RENAME_POSIX_SEMANTICS
        | wdk::FILE_RENAME_IGNORE_READONLY_ATTRIBUTE;
    let renamed = match nt::set_name(
        entry.as_fd(),
        wdk::FileRenameInformationEx,
        flags,
        to,
        &name,
    ) {
        Err(Errno::INVAL | Errno::OPNOTSUPP) => replace(entry.as_fd(), to, &name),
        other => other,
    };
    match renamed {
        Err(Errno::ACCESS | Errno::EXIST) if is_directory(to, new) => match stat_fd(&entry)?.kind {
            Kind::Directory => Err(Errno::NOTEMPTY),
            _ => Err(Errno::ISDIR),
        },
        other => other,
    }
}

/// The older way: it fails where the name is a read-only file's, so that attribute goes first, and comes back
/// if it fails even so.
fn replace(entry: BorrowedFd, to: BorrowedFd, name: &[u16]) -> Result<(), Errno> {
    let replaced = || nt::set_name(entry, wdk::FileRenameInformation, 1, to, name);
    // A handle of what is replaced must not stay open: it would be in the way itself.
    let set_there = |read_only| {
        attributes::set_read_only(
            open::open_itself(to, name, nt::STAMP, 0)?.as_fd(),
            read_only,
        )
    };
    match replaced() {
        Err(Errno::ACCESS) if set_there(false).is_ok() => replaced().inspect_err(|_| {
            let _ = set_there(true);
        }),
        other => other,
    }
}

fn is_directory(dir: BorrowedFd, name: &[u8]) -> bool {
    stat_name(dir, name).is_ok_and(|there| there.kind == Kind::Directory)
}

/// Renames to a name that nothing has: `EXIST` otherwise. Another spelling of the old name is free.
pub fn rename_new(from: impl AsFd, old: &[u8], to: impl AsFd, new: &[u8]) -> Result<(), Errno> {
    let entry = open::open_itself(from.as_fd(), &names::component(old)?, RENAME, 0)?;
    nt::set_name(
        entry.as_fd(),
        wdk::FileRenameInformation,
        0,
        to.as_fd(),
        &names::component(new)?,
    )
}

/// Removes the name of anything but a directory; a link to a directory is none.
pub fn remove_file(dir: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    let entry = open_to_remove(dir.as_fd(), name)?;
    if stat_fd(&entry)?.kind == Kind::Directory {
        Err(Errno::ISDIR)
    } else {
        remove(entry.as_fd())
    }
}

/// Removes an empty directory.
pub fn remove_directory(dir: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    let entry = open_to_remove(dir.as_fd(), name)?;
    if stat_fd(&entry)?.kind == Kind::Directory {
        remove(entry.as_fd())
    } else {
        Err(Errno::NOTDIR)
    }
}

fn open_to_remove(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let name = names::component(name)?;
    match open::open_itself(dir, &name, RENAME | nt::STAMP, 0) {
        // Whoever may remove it need not be allowed to stamp it.
        Err(Errno::ACCESS) => open::open_itself(dir, &name, RENAME, 0),
        Err(Errno::DELETE_PENDING) => Err(Errno::NOENT),
        other => other,
    }
}

/// Takes an entry's name away at once where the system can, else when its last handle closes.
///
/// Reference: FILE_DISPOSITION_INFORMATION_EX, since Windows 10 1709.
fn remove(entry: BorrowedFd) -> Result<(), Errno> {
    let flags = wdk::FILE_DISPOSITION_DELETE
        | wdk::FILE_DISPOSITION_POSIX_SEMANTICS
        | wdk::FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE;
    match nt::set(entry, wdk::FileDispositionInformationEx, &[flags.into()], 4) {
        Err(Errno::INVAL | Errno::OPNOTSUPP) => {}
        other => return other,
    }
    let dispose = || nt::set(entry, wdk::FileDispositionInformation, &[1], 1);
    match dispose() {
        Err(Errno::ACCESS) => attributes::without_read_only(entry, dispose),
        other => other,
    }
}
