//! Attributes and times of an open entry.

use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Storage::FileSystem as fs;

use super::{AsFd, BorrowedFd, Errno, metadata, nt, open};

/// Those that a copy keeps, by the letters of the `attrib` command; read-only is the mode.
const KEPT: [(u8, u32); 4] = [
    (b'A', fs::FILE_ATTRIBUTE_ARCHIVE),
    (b'H', fs::FILE_ATTRIBUTE_HIDDEN),
    (b'I', fs::FILE_ATTRIBUTE_NOT_CONTENT_INDEXED),
    (b'S', fs::FILE_ATTRIBUTE_SYSTEM),
];

/// What a call may set: the others are the file system's own.
const SETTABLE: u32 = fs::FILE_ATTRIBUTE_READONLY
    | fs::FILE_ATTRIBUTE_ARCHIVE
    | fs::FILE_ATTRIBUTE_HIDDEN
    | fs::FILE_ATTRIBUTE_NOT_CONTENT_INDEXED
    | fs::FILE_ATTRIBUTE_OFFLINE
    | fs::FILE_ATTRIBUTE_SYSTEM
    | fs::FILE_ATTRIBUTE_TEMPORARY;

/// What an entry has that nobody gave any attributes: NTFS marks new files as not yet archived.
fn usual(attributes: u32) -> u32 {
    if attributes & fs::FILE_ATTRIBUTE_DIRECTORY != 0 {
        0
    } else {
        fs::FILE_ATTRIBUTE_ARCHIVE
    }
}

/// The letters of the attributes that an entry has; `None` where they are the usual ones.
pub fn letters(entry: BorrowedFd) -> Result<Option<Vec<u8>>, Errno> {
    let (now, _) = metadata::attributes_and_tag(entry)?;
    let kept = KEPT.iter().fold(0, |all, (_, bit)| all | now & bit);
    if kept == usual(now) {
        return Ok(None);
    }
    Ok(Some(
        KEPT.iter()
            .filter(|(_, bit)| now & bit != 0)
            .map(|&(letter, _)| letter)
            .collect(),
    ))
}

/// Gives an entry the attributes that the letters stand for, `None` the usual ones.
pub fn set_letters(entry: BorrowedFd, letters: Option<&[u8]>) -> Result<(), Errno> {
    let (now, _) = metadata::attributes_and_tag(entry)?;
    let wanted = match letters {
        None => usual(now),
        Some(letters) => KEPT
            .iter()
            .filter(|(letter, _)| letters.contains(letter))
            .map(|(_, bit)| bit)
            .sum(),
    };
    let all: u32 = KEPT.iter().map(|(_, bit)| bit).sum();
    change(entry, now, now & !all | wanted)
}

/// Sets or clears the read-only attribute.
pub fn set_read_only(entry: BorrowedFd, read_only: bool) -> Result<(), Errno> {
    let (now, _) = metadata::attributes_and_tag(entry)?;
    let bit = if read_only {
        fs::FILE_ATTRIBUTE_READONLY
    } else {
        0
    };
    change(entry, now, now & !fs::FILE_ATTRIBUTE_READONLY | bit)
}

fn change(entry: BorrowedFd, now: u32, wanted: u32) -> Result<(), Errno> {
    if now == wanted {
        return Ok(());
    }
    set_basic(entry, 0, as_set(wanted))
}

/// Sets the modification time.
///
/// The attributes are given as they are: to Windows 0 means that too, to wine 10 that there are none.
pub fn set_mtime(entry: BorrowedFd, mtime_ns: i64) -> Result<(), Errno> {
    let (now, _) = metadata::attributes_and_tag(entry)?;
    set_basic(entry, metadata::system_time(mtime_ns), as_set(now))
}

/// Attributes as a call takes them: 0 would mean "leave them".
fn as_set(attributes: u32) -> u32 {
    match attributes & SETTABLE {
        0 => fs::FILE_ATTRIBUTE_NORMAL,
        some => some,
    }
}

/// FILE_BASIC_INFORMATION: a time that is 0 stays as it is.
fn set_basic(entry: BorrowedFd, mtime: i64, attributes: u32) -> Result<(), Errno> {
    let words = [0, 0, mtime.cast_unsigned(), 0, attributes.into()];
    let set = |entry| nt::set(entry, wdk::FileBasicInformation, &words, 40);
    match set(entry) {
        // The handle is good for reading only.
        Err(Errno::ACCESS) => set(open::reopen(entry, nt::STAMP)?.as_fd()),
        other => other,
    }
}

/// Does what the read-only attribute stands in the way of. It is set again in any case: the entry may have
/// other names.
pub fn without_read_only<T>(
    entry: BorrowedFd,
    change: impl Fn() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let (now, _) = metadata::attributes_and_tag(entry)?;
    if now & fs::FILE_ATTRIBUTE_READONLY == 0 {
        return Err(Errno::ACCESS);
    }
    set_read_only(entry, false)?;
    let changed = change();
    let _ = set_read_only(entry, true);
    changed
}
