//! Reading ahead, and making what was written durable.

use std::os::fd::AsFd;

use rustix::fs::{Advice, AtFlags, StatxFlags};
use rustix::io::retry_on_intr;

use super::Errno;
use super::space::{CEPH, CIFS, EXFAT, FUSE, MSDOS, NFS, SMB2, V9FS, VBOXSF, magic_of};

/// Tells the kernel to read ahead further. Advice only: a refusal changes nothing.
///
/// Reference: `man 2 posix_fadvise`.
pub fn advise_sequential(fd: impl AsFd) {
    let _ = rustix::fs::fadvise(fd, 0, None, Advice::Sequential);
}

/// Puts one file or directory on disk.
pub fn fsync(fd: impl AsFd) -> Result<(), Errno> {
    let fd = fd.as_fd();
    retry_on_intr(|| rustix::fs::fsync(fd))
}

/// Puts the whole file system that holds the descriptor on disk.
pub fn syncfs(fd: impl AsFd) -> Result<(), Errno> {
    let fd = fd.as_fd();
    retry_on_intr(|| rustix::fs::syncfs(fd))
}

/// Puts a file's content and length on disk.
///
/// Reference: `man 2 fdatasync`.
pub fn fdatasync(fd: impl AsFd) -> Result<(), Errno> {
    let fd = fd.as_fd();
    retry_on_intr(|| rustix::fs::fdatasync(fd))
}

/// Whether the file system that holds the descriptor may report a failed write only at a flush: NFS, SMB,
/// CIFS, Ceph, 9P, FUSE.
///
/// Reference: `man 2 statfs`, linux/magic.h.
pub fn reports_late(fd: impl AsFd) -> bool {
    is_of_type(fd, &[NFS, SMB2, CIFS, CEPH, V9FS, FUSE])
}

/// Whether the file system that holds the descriptor may show an entry with another inode number later: FAT, exFAT,
/// SMB, FUSE and shared folders of a virtual machine make them up.
///
/// Reference: `man 2 statfs`, linux/magic.h.
pub fn forgets_inodes(fd: impl AsFd) -> bool {
    is_of_type(fd, &[MSDOS, EXFAT, SMB2, CIFS, FUSE, VBOXSF])
}

fn is_of_type(fd: impl AsFd, types: &[u64]) -> bool {
    rustix::fs::fstatfs(fd).is_ok_and(|facts| types.contains(&magic_of(&facts)))
}

/// A line that is another one once the file system that holds the descriptor was taken away and came back.
///
/// Reference: `man 2 statx` (STATX_MNT_ID_UNIQUE, Linux 6.8; numbers before that come again), `man 4 random` (boot_id).
pub fn mount_line(fd: impl AsFd) -> Vec<u8> {
    const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let flags = UNIQUE | StatxFlags::MNT_ID;
    let mount = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, flags).map_or(0, |s| s.stx_mnt_id);
    format!("mount\t{}\t{mount}\n", boot.trim()).into_bytes()
}
