//! Facts of a file system.

use std::os::fd::{AsFd, BorrowedFd};

use crate::sys::{Errno, Lacks, SpaceFacts};

/// `_PC_CASE_SENSITIVE` of unistd.h.
const CASE_SENSITIVE: i32 = 11;

/// Reads what is known about the file system that holds a directory.
///
/// Reference: `man 2 fstatfs`, `man 2 fpathconf`.
pub fn file_system_facts(dir: BorrowedFd) -> Result<SpaceFacts, Errno> {
    let fs = rustix::fs::fstatfs(dir)?;
    let vfs = rustix::fs::fstatvfs(dir)?;
    let name = type_name(dir)?;
    let mounted_at = bytes_of(&fs.f_mntonname);
    let own_path = rustix::fs::getpath(dir)?;
    let apple = matches!(name.as_slice(), b"apfs" | b"hfs");
    Ok(SpaceFacts {
        magic: fs.f_type.into(),
        free_bytes: vfs.f_bavail.saturating_mul(vfs.f_frsize),
        total_bytes: vfs.f_blocks.saturating_mul(vfs.f_frsize),
        free_inodes: vfs.f_favail,
        max_name: u32::try_from(vfs.f_namemax).unwrap_or(u32::MAX),
        read_only: vfs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        xattrs: apple,
        acls: false,
        case_folds: folds_case(dir),
        // APFS keeps the form that a name was made with, and finds it by any.
        normalises: apple,
        mount_root: own_path.as_bytes() == mounted_at,
        reflink: name == b"apfs",
        time_grain_ns: match name.as_slice() {
            b"apfs" => 1,
            b"hfs" => 1_000_000_000,
            b"msdos" => 2_000_000_000,
            b"exfat" => 10_000_000,
            _ => 0,
        },
        lacks: match name.as_slice() {
            b"msdos" | b"exfat" => Lacks::ALL_BUT_WRITE_BIT,
            _ => Lacks::default(),
        },
        rotational: 2,
    })
}

/// The type's name: `apfs`, `hfs`, `smbfs`.
pub(super) fn type_name(fd: impl AsFd) -> Result<Vec<u8>, Errno> {
    rustix::fs::fstatfs(fd).map(|fs| bytes_of(&fs.f_fstypename))
}

fn bytes_of(text: &[i8]) -> Vec<u8> {
    let bytes = text.iter().map(|unit| unit.cast_unsigned());
    bytes.take_while(|&byte| byte != 0).collect()
}

#[allow(unsafe_code, reason = "rustix has no fpathconf")]
fn folds_case(dir: BorrowedFd) -> bool {
    use std::os::fd::AsRawFd;
    unsafe extern "C" {
        fn fpathconf(fd: i32, name: i32) -> std::ffi::c_long;
    }
    // SAFETY: no pointers; the descriptor is open.
    unsafe { fpathconf(dir.as_raw_fd(), CASE_SENSITIVE) == 0 }
}
