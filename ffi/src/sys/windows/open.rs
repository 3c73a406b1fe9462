//! Opening entries relative to a held directory, never through a link.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::ops::BitOr;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::fs::OpenOptionsExt;

use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Storage::FileSystem as fs;

use super::nt::{self, How};
use super::{BorrowedFd, Errno, OwnedFd, metadata, names};

/// What an open is for, in the words of Unix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OFlags(u8);

impl OFlags {
    /// To read content, or list a directory.
    pub const RDONLY: OFlags = OFlags(0);
    /// Only a directory will do.
    pub const DIRECTORY: OFlags = OFlags(1);
    /// To hold the entry, whatever it is; a link too, unless it must be a directory.
    pub const PATH: OFlags = OFlags(2);

    /// Both.
    pub const fn union(self, other: OFlags) -> OFlags {
        OFlags(self.0 | other.0)
    }
    /// Whether all of `other` is in this.
    pub const fn contains(self, other: OFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for OFlags {
    type Output = OFlags;
    fn bitor(self, other: OFlags) -> OFlags {
        self.union(other)
    }
}

/// The mode of what an open makes: none does here.
#[derive(Clone, Copy, Debug)]
pub struct Mode(());

impl Mode {
    /// No mode.
    pub const fn empty() -> Mode {
        Mode(())
    }
}

/// Opens one component, not following a link.
///
/// # Errors
///
/// `LOOP` for a link, unless `flags` has `PATH` without `DIRECTORY`, which opens the link itself.
pub fn open_child(
    dir: BorrowedFd,
    name: &[u8],
    flags: OFlags,
    _mode: Mode,
) -> Result<OwnedFd, Errno> {
    let directory = flags.contains(OFlags::DIRECTORY);
    let handle_only = flags.contains(OFlags::PATH);
    let access = match (handle_only, directory) {
        (true, false) => nt::LOOK,
        (true, true) => nt::REACH,
        (false, false) => nt::READ,
        (false, true) => nt::READ | nt::REACH,
    };
    let options = if directory {
        wdk::FILE_DIRECTORY_FILE
    } else {
        0
    };
    let units = names::component(name)?;
    if handle_only && !directory {
        return open_itself(dir, &units, access, options);
    }
    open_beyond(dir, &units, access, options)
}

/// Opens what has the name; of a link, the link.
pub(super) fn open_itself(
    dir: BorrowedFd,
    name: &[u16],
    access: u32,
    options: u32,
) -> Result<OwnedFd, Errno> {
    let options = options | wdk::FILE_OPEN_REPARSE_POINT;
    nt::open(
        dir,
        name,
        How {
            access,
            options,
            make: false,
        },
    )
}

/// Opens what has the name, with what a filter of the system keeps elsewhere (deduplicated, compressed, in
/// the cloud); refuses a link.
pub(super) fn open_beyond(
    dir: BorrowedFd,
    name: &[u16],
    access: u32,
    options: u32,
) -> Result<OwnedFd, Errno> {
    let found = open_itself(dir, name, access, options)?;
    let found_fd = super::AsFd::as_fd(&found);
    let (_, tag) = metadata::attributes_and_tag(found_fd)?;
    match tag {
        0 => Ok(found),
        tag if metadata::is_link(tag) => Err(Errno::LOOP),
        // The same entry once more, by its handle: nothing can have taken its place.
        _ => nt::open(
            found_fd,
            &[],
            How {
                access,
                options,
                make: false,
            },
        ),
    }
}

/// Opens an entry anew by its handle, for something that the handle isn't good for.
pub(super) fn reopen(entry: BorrowedFd, access: u32) -> Result<OwnedFd, Errno> {
    open_itself(entry, &[], access, 0)
}

/// Opens a file for reading; never follows a link.
pub fn open_file(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_child(dir, name, OFlags::RDONLY, Mode::empty())
}

/// Opens a file that exists for reading and writing.
pub fn open_file_to_write(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_beyond(
        dir,
        &names::component(name)?,
        nt::READ | nt::WRITE,
        wdk::FILE_NON_DIRECTORY_FILE,
    )
}

/// Holds whatever has this name without opening its content.
pub fn open_handle(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_child(dir, name, OFlags::PATH, Mode::empty())
}

/// Opens a directory that is really one, for listing.
pub fn open_directory(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_child(dir, name, OFlags::DIRECTORY, Mode::empty())
}

/// Opens the held directory anew, so that a listing starts at its beginning.
pub fn reopen_directory(dir: BorrowedFd) -> Result<OwnedFd, Errno> {
    open_directory(dir, b".")
}

/// Opens a directory by any path, following links: for roots only. Paths may be longer than 260 characters.
pub fn open_followed(path: &[u8]) -> Result<OwnedFd, Errno> {
    let opened = OpenOptions::new()
        .access_mode(nt::READ | nt::REACH)
        .share_mode(fs::FILE_SHARE_READ | fs::FILE_SHARE_WRITE | fs::FILE_SHARE_DELETE)
        .custom_flags(fs::FILE_FLAG_BACKUP_SEMANTICS)
        .open(os_path(path)?)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?;
    let opened = OwnedFd::from(opened);
    let (attributes, _) = metadata::attributes_and_tag(super::AsFd::as_fd(&opened))?;
    if attributes & fs::FILE_ATTRIBUTE_DIRECTORY == 0 {
        Err(Errno::NOTDIR)
    } else {
        Ok(opened)
    }
}

/// A path as std takes it.
pub(super) fn os_path(path: &[u8]) -> Result<OsString, Errno> {
    names::to_units(path).map(|units| OsString::from_wide(&units))
}

/// Whether `name` in `dir` is a link.
pub fn is_link_at(dir: impl super::AsFd, name: &[u8]) -> bool {
    super::stat_name(dir, name).is_ok_and(|found| found.kind == crate::block::Kind::Symlink)
}

/// Whether paths have to be walked name by name: always, since not every Windows can be told to stop at links.
pub const fn must_walk() -> bool {
    true
}

/// Opens a path in one call; see [`must_walk`].
pub fn open_beneath(_: BorrowedFd, _: &[u8], _: OFlags, _: Mode) -> Result<OwnedFd, Errno> {
    Err(Errno::OPNOTSUPP)
}
