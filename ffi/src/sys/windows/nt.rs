//! The calls of NT itself: `unsafe` within, safe outside.
#![allow(unsafe_code, reason = "calls of the system")]

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Foundation as w;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::IO::{IO_STATUS_BLOCK, OVERLAPPED};

use super::Errno;

/// Names, targets and stamps can be looked at.
pub const LOOK: u32 = fs::FILE_READ_ATTRIBUTES | fs::SYNCHRONIZE;
/// Times and attributes can be set.
pub const STAMP: u32 = LOOK | fs::FILE_WRITE_ATTRIBUTES;
/// A directory can be listed, or content read.
pub const READ: u32 = LOOK | fs::FILE_READ_DATA | fs::FILE_READ_EA;
/// Names below a directory can be reached.
pub const REACH: u32 = LOOK | fs::FILE_TRAVERSE;
/// Content can be written.
pub const WRITE: u32 = STAMP | fs::FILE_WRITE_DATA | fs::FILE_APPEND_DATA;

/// Where locks lie: beyond any content, since a lock of Windows keeps others from what it covers.
const LOCK_OFFSET: u64 = i64::MAX as u64 - 1;

/// How to open an entry.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// What may be done with the handle.
    pub access: u32,
    /// Beside `FILE_SYNCHRONOUS_IO_NONALERT`.
    pub options: u32,
    /// Whether it must not exist, and is made.
    pub make: bool,
}

/// Opens or makes `name` in `dir`; with an empty name, what `dir` itself is.
///
/// Reference: NtCreateFile, <https://learn.microsoft.com/windows/win32/api/winternl/nf-winternl-ntcreatefile>.
pub fn open(dir: BorrowedHandle, name: &[u16], how: How) -> Result<OwnedHandle, Errno> {
    let bytes = u16::try_from(name.len() * 2).map_err(|_| Errno::NAMETOOLONG)?;
    let name = w::UNICODE_STRING {
        Length: bytes,
        MaximumLength: bytes,
        Buffer: name.as_ptr().cast_mut(),
    };
    let object = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        RootDirectory: dir.as_raw_handle(),
        ObjectName: &raw const name,
        Attributes: w::OBJ_CASE_INSENSITIVE,
        SecurityDescriptor: null(),
        SecurityQualityOfService: null(),
    };
    let mut handle = null_mut();
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: every pointer is to a local that outlives the call; the buffer of the name is only read.
    let status = unsafe {
        wdk::NtCreateFile(
            &raw mut handle,
            how.access,
            &raw const object,
            &raw mut block,
            null(),
            fs::FILE_ATTRIBUTE_NORMAL,
            fs::FILE_SHARE_READ | fs::FILE_SHARE_WRITE | fs::FILE_SHARE_DELETE,
            if how.make {
                wdk::FILE_CREATE
            } else {
                wdk::FILE_OPEN
            },
            how.options | wdk::FILE_SYNCHRONOUS_IO_NONALERT,
            null(),
            0,
        )
    };
    outcome(status)?;
    // SAFETY: the call succeeded and nobody else has the handle.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Reads a class of facts; as much as fits, where there is more.
///
/// Reference: NtQueryInformationFile.
pub fn query(handle: BorrowedHandle, class: i32, out: &mut [u64]) -> Result<usize, Errno> {
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: the buffer is as long as said, and both it and the block outlive the call.
    let status = unsafe {
        let (start, bytes) = (out.as_mut_ptr().cast(), size_of_val(out) as u32);
        wdk::NtQueryInformationFile(handle.as_raw_handle(), &raw mut block, start, bytes, class)
    };
    if status != w::STATUS_BUFFER_OVERFLOW {
        outcome(status)?;
    }
    Ok(block.Information)
}

/// Sets a class of facts from the first `bytes` of the words.
///
/// Reference: NtSetInformationFile.
pub fn set(handle: BorrowedHandle, class: i32, words: &[u64], bytes: usize) -> Result<(), Errno> {
    assert!(bytes <= size_of_val(words));
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: the buffer is at least as long as said, and both it and the block outlive the call.
    let status = unsafe {
        let start = words.as_ptr().cast();
        wdk::NtSetInformationFile(
            handle.as_raw_handle(),
            &raw mut block,
            start,
            bytes as u32,
            class,
        )
    };
    outcome(status)
}

/// Gives an entry a name in `dir`: `class` says whether the old one goes.
///
/// Reference: FILE_RENAME_INFORMATION, FILE_LINK_INFORMATION, which have one layout.
pub fn set_name(
    handle: BorrowedHandle,
    class: i32,
    flags: u32,
    dir: BorrowedHandle,
    name: &[u16],
) -> Result<(), Errno> {
    let mut words = vec![u64::from(flags), dir.as_raw_handle().addr() as u64];
    let units = [(name.len() * 2) as u16, 0]
        .into_iter()
        .chain(name.iter().copied());
    let units: Vec<u16> = units.collect();
    words.extend(units.chunks(4).map(|four| {
        four.iter()
            .rev()
            .fold(0, |word, &unit| word << 16 | u64::from(unit))
    }));
    // The system wants at least the size of the structure, which has room for two units of the name.
    let bytes = (20 + name.len() * 2).max(24);
    words.resize(words.len().max(bytes.div_ceil(8)), 0);
    set(handle, class, &words, bytes)
}

/// Reads a class of facts of the volume; as much as fits, where there is more.
///
/// Reference: NtQueryVolumeInformationFile.
pub fn query_volume(handle: BorrowedHandle, class: i32, out: &mut [u64]) -> Result<(), Errno> {
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: the buffer is as long as said, and both it and the block outlive the call.
    let status = unsafe {
        let (start, bytes) = (out.as_mut_ptr().cast(), size_of_val(out) as u32);
        wdk::NtQueryVolumeInformationFile(
            handle.as_raw_handle(),
            &raw mut block,
            start,
            bytes,
            class,
        )
    };
    if status == w::STATUS_BUFFER_OVERFLOW {
        Ok(())
    } else {
        outcome(status)
    }
}

/// Fills the buffer with the next entries of a directory; 0 at its end.
///
/// Reference: NtQueryDirectoryFile, FILE_ID_BOTH_DIR_INFORMATION.
pub fn list(dir: BorrowedHandle, out: &mut [u64]) -> Result<usize, Errno> {
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: the buffer is as long as said, and both it and the block outlive the call.
    let status = unsafe {
        wdk::NtQueryDirectoryFile(
            dir.as_raw_handle(),
            null_mut(),
            None,
            null(),
            &raw mut block,
            out.as_mut_ptr().cast(),
            size_of_val(out) as u32,
            wdk::FileIdBothDirectoryInformation,
            false,
            null(),
            false,
        )
    };
    match status {
        w::STATUS_NO_MORE_FILES | w::STATUS_NO_SUCH_FILE => Ok(0),
        other => outcome(other).map(|()| block.Information),
    }
}

/// Asks the file system for something of its own; returns how many bytes it answered.
///
/// Reference: NtFsControlFile.
pub fn control(
    handle: BorrowedHandle,
    code: u32,
    input: &[u8],
    out: &mut [u64],
) -> Result<usize, Errno> {
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: both buffers are as long as said and outlive the call, as does the block.
    let status = unsafe {
        wdk::NtFsControlFile(
            handle.as_raw_handle(),
            null_mut(),
            None,
            null(),
            &raw mut block,
            code,
            input.as_ptr().cast(),
            input.len() as u32,
            out.as_mut_ptr().cast(),
            size_of_val(out) as u32,
        )
    };
    if status != w::STATUS_BUFFER_OVERFLOW {
        outcome(status)?;
    }
    Ok(block.Information)
}

/// Puts an entry on disk.
///
/// Reference: NtFlushBuffersFile.
pub fn flush(handle: BorrowedHandle) -> Result<(), Errno> {
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: the block outlives the call.
    outcome(unsafe { wdk::NtFlushBuffersFile(handle.as_raw_handle(), &raw mut block) })
}

/// Takes a lock without waiting; false where somebody else's stands against it.
///
/// Reference: LockFileEx.
pub fn lock(handle: BorrowedHandle, exclusive: bool) -> Result<bool, Errno> {
    let mut at = OVERLAPPED::default();
    at.Anonymous.Anonymous.Offset = LOCK_OFFSET as u32;
    at.Anonymous.Anonymous.OffsetHigh = (LOCK_OFFSET >> 32) as u32;
    let flags = fs::LOCKFILE_FAIL_IMMEDIATELY
        | if exclusive {
            fs::LOCKFILE_EXCLUSIVE_LOCK
        } else {
            0
        };
    // SAFETY: the offsets outlive the call, which ends at once: the handle is a synchronous one.
    if unsafe { fs::LockFileEx(handle.as_raw_handle(), flags, 0, 1, 0, &raw mut at) } != 0 {
        return Ok(true);
    }
    let error = std::io::Error::last_os_error();
    match error.raw_os_error().map(i32::cast_unsigned) {
        Some(w::ERROR_LOCK_VIOLATION | w::ERROR_IO_PENDING) => Ok(false),
        Some(number) => Err(Errno::of(number)),
        None => Err(Errno::INVAL),
    }
}

/// Gives a lock back.
pub fn unlock(handle: BorrowedHandle) {
    let (low, high) = (LOCK_OFFSET as u32, (LOCK_OFFSET >> 32) as u32);
    // SAFETY: no pointers but the handle, which is open.
    unsafe { fs::UnlockFile(handle.as_raw_handle(), low, high, 1, 0) };
}

/// The path that an open directory has now, in the form that takes any length.
///
/// Reference: GetFinalPathNameByHandleW.
pub fn path_of(handle: BorrowedHandle) -> Result<Vec<u16>, Errno> {
    // The longest path there is, and its end.
    let mut path = vec![0; 1 << 15];
    // SAFETY: the buffer is as long as said.
    let units = unsafe {
        fs::GetFinalPathNameByHandleW(
            handle.as_raw_handle(),
            path.as_mut_ptr(),
            path.len() as u32,
            0,
        )
    };
    path.truncate(units as usize);
    if units == 0 {
        Err(Errno::OPNOTSUPP)
    } else {
        Ok(path)
    }
}

/// Uses a handle as a file of std's.
pub fn with_file<R>(handle: BorrowedHandle, work: impl FnOnce(&File) -> R) -> R {
    // SAFETY: the handle is open, and it isn't closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_handle(handle.as_raw_handle()) });
    work(&file)
}

/// The bytes of what a call filled.
pub fn bytes_of(words: &[u64]) -> &[u8] {
    // SAFETY: any u64 is eight valid bytes.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// The Win32 number of an NT status.
pub fn win32_number(status: w::NTSTATUS) -> u32 {
    // SAFETY: no pointers.
    unsafe { w::RtlNtStatusToDosError(status) }
}

fn outcome(status: w::NTSTATUS) -> Result<(), Errno> {
    if status >= 0 {
        Ok(())
    } else {
        Err(Errno::of_status(status))
    }
}
