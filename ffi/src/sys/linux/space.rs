//! Facts of a file system.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::StatFs;

use super::Errno;
use super::folds::folds_by_lookup;
use super::lacks::lacks;
use super::metadata::stat_fd;
use crate::sys::SpaceFacts;

// Magic numbers: `man 2 statfs`, linux/magic.h.
const BCACHEFS: u64 = 0xca45_1a4e;
const BTRFS: u64 = 0x9123_683e;
pub(super) const CEPH: u64 = 0x00c3_6400;
pub(super) const CIFS: u64 = 0xff53_4d42;
pub(super) const SMB2: u64 = 0xfe53_4d42;
pub(super) const EXFAT: u64 = 0x2011_bab0;
pub(super) const FUSE: u64 = 0x6573_5546;
const HFS_PLUS: u64 = 0x482b;
pub(super) const MSDOS: u64 = 0x4d44;
pub(super) const NFS: u64 = 0x6969;
const NTFS: u64 = 0x5346_544e;
const NTFS3: u64 = 0x7366_746e;
const OCFS2: u64 = 0x7461_636f;
const TMPFS: u64 = 0x0102_1994;
pub(super) const V9FS: u64 = 0x0102_1997;
pub(super) const VBOXSF: u64 = 0x786f_4256;
const XFS: u64 = 0x5846_5342;
const ZFS: u64 = 0x2fc1_2fc1;
/// FS_CASEFOLD_FL of linux/fs.h: a directory of ext4 or f2fs that folds by Unicode rules.
const CASEFOLD: u32 = 0x4000_0000;

/// Reads what is known about the file system that holds a directory.
///
/// Reference: `man 2 statfs`, `man 2 ioctl_iflags`, `man 7 xattr`.
pub fn file_system_facts(dir: BorrowedFd) -> Result<SpaceFacts, Errno> {
    let fs = rustix::fs::fstatfs(dir)?;
    let vfs = rustix::fs::fstatvfs(dir)?;
    let metadata = stat_fd(dir)?;
    let magic = magic_of(&fs);
    let folds_here = rustix::fs::ioctl_getflags(dir).is_ok_and(|f| f.bits() & CASEFOLD != 0);
    let type_folds = matches!(magic, MSDOS | EXFAT | NTFS | NTFS3 | CIFS | SMB2 | HFS_PLUS);
    // How names are told apart is up to whoever serves them.
    let served = matches!(magic, FUSE | NFS | V9FS | VBOXSF);
    let xattrs = keeps_xattr(dir, c"user.blit");
    Ok(SpaceFacts {
        magic,
        free_bytes: vfs.f_bavail.saturating_mul(vfs.f_frsize),
        total_bytes: vfs.f_blocks.saturating_mul(vfs.f_frsize),
        free_inodes: vfs.f_favail,
        max_name: u32::try_from(vfs.f_namemax).unwrap_or(u32::MAX),
        read_only: vfs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        xattrs,
        acls: keeps_xattr(dir, c"system.posix_acl_access"),
        case_folds: folds_here || type_folds || (served && folds_by_lookup(dir)),
        normalises: folds_here || magic == HFS_PLUS,
        mount_root: metadata.mount_root,
        reflink: matches!(magic, BTRFS | XFS | BCACHEFS | OCFS2),
        time_grain_ns: match magic {
            MSDOS => 2_000_000_000,
            HFS_PLUS => 1_000_000_000,
            EXFAT => 10_000_000,
            NTFS | NTFS3 | CIFS | SMB2 => 100,
            BCACHEFS | BTRFS | TMPFS | XFS | ZFS => 1,
            _ => 0,
        },
        lacks: lacks(magic, metadata.device, xattrs),
        rotational: rotational(metadata.device),
    })
}

/// The number of a file system's type; 32-bit kernels sign-extend it.
pub(super) fn magic_of(facts: &StatFs) -> u64 {
    facts.f_type as u64 & 0xffff_ffff
}

fn keeps_xattr(dir: impl AsFd, name: &CStr) -> bool {
    let mut value = [0u8; 0];
    is_kept(rustix::fs::fgetxattr(dir, name, &mut value[..]))
}

// Asking for an attribute that is not there tells whether it could be: only these say no. After any other error
// attributes are asked for, entry by entry, and what can't be read is reported there.
fn is_kept(answer: Result<usize, Errno>) -> bool {
    !matches!(answer, Err(Errno::NOTSUP | Errno::NOSYS))
}

// A partition has no queue of its own: its disk is the folder above.
fn rotational(device: u64) -> u32 {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let place = format!("/sys/dev/block/{major}:{minor}");
    let text = std::fs::read(format!("{place}/queue/rotational"))
        .or_else(|_| std::fs::read(format!("{place}/../queue/rotational")));
    match text.as_deref().map(<[u8]>::trim_ascii) {
        Ok(b"0") => 0,
        Ok(b"1") => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::{Errno, is_kept};

    #[test]
    fn attributes_are_given_up_only_where_the_file_system_has_none() {
        for error in [
            Errno::NODATA,
            Errno::RANGE,
            Errno::ACCESS,
            Errno::IO,
            Errno::INTR,
        ] {
            assert!(is_kept(Err(error)), "{error:?}");
        }
        assert!(is_kept(Ok(0)));
        assert!(!is_kept(Err(Errno::NOTSUP)) && !is_kept(Err(Errno::NOSYS)));
    }
}
