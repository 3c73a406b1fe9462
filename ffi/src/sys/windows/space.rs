//! Facts of a file system.

use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::System::SystemServices as w;

use super::{BorrowedFd, Errno, metadata, nt};
use crate::block::{u16_at, u32_at};
use crate::sys::{Lacks, SpaceFacts};

/// FILE_CS_FLAG_CASE_SENSITIVE_DIR: this directory tells case apart.
const CASE_SENSITIVE: u64 = 1;

/// Reads what is known about the file system that holds a directory.
///
/// Reference: FILE_FS_ATTRIBUTE_INFORMATION, FILE_FS_FULL_SIZE_INFORMATION.
pub fn file_system_facts(dir: BorrowedFd) -> Result<SpaceFacts, Errno> {
    let mut words = [0; 16];
    nt::query_volume(dir, wdk::FileFsAttributeInformation, &mut words)?;
    let about = nt::bytes_of(&words);
    let (flags, longest) = (u32_at(about, 0), u32_at(about, 4));
    let name_bytes = (u32_at(about, 8) as usize).min(about.len() - 12);
    let name: Vec<u16> = about[12..12 + name_bytes]
        .chunks_exact(2)
        .map(|two| u16_at(two, 0))
        .collect();
    let (magic, time_grain_ns) = match String::from_utf16_lossy(&name).as_str() {
        "NTFS" => (0x5346_544e, 100),
        "ReFS" => (0x5346_6552, 100),
        "exFAT" => (0x2011_bab0, 10_000_000),
        "FAT" | "FAT32" => (0x4d44, 2_000_000_000),
        _ => (0, 0),
    };
    // Total, free to the caller and free in units of sectors × bytes.
    let mut sizes = [0; 4];
    nt::query_volume(dir, wdk::FileFsFullSizeInformation, &mut sizes)?;
    let unit = (sizes[3] & 0xffff_ffff) * (sizes[3] >> 32);
    let mut case = [0];
    let sensitive = nt::query(dir, wdk::FileCaseSensitiveInformation, &mut case).is_ok()
        && case[0] & CASE_SENSITIVE != 0;
    Ok(SpaceFacts {
        magic,
        free_bytes: sizes[1].saturating_mul(unit),
        total_bytes: sizes[0].saturating_mul(unit),
        // NTFS makes them as it goes: the free bytes are the limit.
        free_inodes: u64::MAX,
        // In UTF-16 units there; a unit takes up to three bytes here.
        max_name: longest.saturating_mul(3),
        read_only: flags & w::FILE_READ_ONLY_VOLUME != 0,
        // Attributes are kept by every file system, FAT too; a stream that it doesn't keep is told where it is set.
        xattrs: true,
        acls: false,
        case_folds: !sensitive,
        normalises: false,
        mount_root: metadata::stat_fd(dir)?.mount_root,
        reflink: false,
        time_grain_ns,
        // Said by the system, not by the file system: see the trait `modes`.
        lacks: Lacks::default(),
        rotational: 2,
    })
}
