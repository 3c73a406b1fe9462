//! Making, renaming and removing names within held directories. Every name is one component.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, RawMode, RenameFlags};
use rustix::path::Arg;

use crate::sys::{Errno, Metadata, Mode, OFlags, open_child, stat_at};

/// Nobody but the owner, until the entry is finished.
pub const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Metadata of `name` in `dir`, not following a link.
pub fn stat_name(dir: impl AsFd, name: &[u8]) -> Result<Metadata, Errno> {
    name.into_with_c_str(|name| stat_at(dir, name))
}

/// The target of the symlink `name` in `dir`.
///
/// Reference: `man 2 readlink`.
pub fn read_link(dir: impl AsFd, name: &[u8]) -> Result<Vec<u8>, Errno> {
    rustix::fs::readlinkat(dir, name, Vec::new()).map(|target| target.into_bytes())
}

/// Opens a file for reading; never blocks on what is not a file, never follows a link.
pub fn open_file(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_child(dir, name, OFlags::RDONLY, Mode::empty())
}

/// Opens a file that exists for reading and writing.
pub fn open_file_to_write(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_child(dir, name, OFlags::RDWR, Mode::empty())
}

/// Holds whatever has this name without opening it: a FIFO or a device stays untouched.
pub fn open_handle(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_child(dir, name, OFlags::PATH, Mode::empty())
}

/// Opens a directory that is really one, for listing.
pub fn open_directory(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_child(dir, name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
}

/// Opens the held directory anew, so that a listing starts at its beginning.
pub fn reopen_directory(dir: BorrowedFd) -> Result<OwnedFd, Errno> {
    open_directory(dir, b".")
}

/// Makes a file that did not exist, for its owner only.
pub fn create_file(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_child(
        dir,
        name,
        OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL,
        PRIVATE_FILE,
    )
}

/// Whether entries have permission bits.
pub const KEEPS_MODES: bool = true;

/// Whether [`create_file_as`] can give a file its mode.
pub const MODES_AT_CREATION: bool = true;

/// Makes a file that did not exist, with these permission bits less the umask.
pub fn create_file_as(dir: BorrowedFd, name: &[u8], mode: u32) -> Result<OwnedFd, Errno> {
    open_child(
        dir,
        name,
        OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL,
        Mode::from_raw_mode(mode as RawMode & 0o777),
    )
}

/// Makes a directory, for its owner only.
///
/// Reference: `man 2 mkdirat`.
pub fn make_directory(dir: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    rustix::fs::mkdirat(dir, name, Mode::RWXU)
}

/// Makes a directory as a user would: what others may do, the process's mask says.
///
/// Reference: `man 2 mkdirat`.
pub fn make_listed_directory(dir: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    rustix::fs::mkdirat(dir, name, Mode::RWXU | Mode::RWXG | Mode::RWXO)
}

/// Makes a symlink. Here there is one kind of them; on Windows `rdev` says which.
///
/// Reference: `man 2 symlinkat`.
pub fn make_symlink(target: &[u8], dir: impl AsFd, name: &[u8], _rdev: u64) -> Result<(), Errno> {
    rustix::fs::symlinkat(target, dir, name)
}

/// Makes a second name of an entry; a symlink is linked itself, not followed.
///
/// Reference: `man 2 linkat`.
pub fn hard_link(from: impl AsFd, old: &[u8], to: impl AsFd, new: &[u8]) -> Result<(), Errno> {
    rustix::fs::linkat(from, old, to, new, AtFlags::empty())
}

/// Renames, replacing what has the new name.
///
/// Reference: `man 2 renameat`.
pub fn rename(from: impl AsFd, old: &[u8], to: impl AsFd, new: &[u8]) -> Result<(), Errno> {
    rustix::fs::renameat(from, old, to, new)
}

/// Renames to a name that nothing has: `EXIST` otherwise.
///
/// Where the file system lacks `RENAME_NOREPLACE` (NFS, some FUSE), a hardlink gives the same promise;
/// where it lacks those too, or counts no names (then the kernel says `NOENT`), and for directories, a look before the
/// rename has to do.
///
/// Reference: `man 2 renameat2`.
pub fn rename_new(from: impl AsFd, old: &[u8], to: impl AsFd, new: &[u8]) -> Result<(), Errno> {
    let (from, to) = (from.as_fd(), to.as_fd());
    match rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        other => return other,
    }
    match hard_link(from, old, to, new) {
        Ok(()) => return remove_file(from, old),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK | Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    match stat_name(to, new) {
        Err(Errno::NOENT) => rename(from, old, to, new),
        Err(errno) => Err(errno),
        Ok(_) => Err(Errno::EXIST),
    }
}

/// Removes the name of anything but a directory.
///
/// Reference: `man 2 unlinkat`.
pub fn remove_file(dir: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    rustix::fs::unlinkat(dir, name, AtFlags::empty())
}

/// Removes an empty directory.
pub fn remove_directory(dir: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    match rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR) {
        // POSIX lets a file system say either.
        Err(Errno::EXIST) => Err(Errno::NOTEMPTY),
        other => other,
    }
}
