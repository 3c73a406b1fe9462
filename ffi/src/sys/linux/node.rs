//! Making FIFOs, sockets and devices.

use std::os::fd::AsFd;

use rustix::fs::FileType;

use crate::block::Kind;
use crate::sys::Errno;
use crate::sys::unix::name::PRIVATE_FILE;

/// Makes a FIFO, socket or device, for its owner only. `rdev` is major << 32 | minor.
///
/// Reference: `man 2 mknodat`.
pub fn make_node(dir: impl AsFd, name: &[u8], kind: Kind, rdev: u64) -> Result<(), Errno> {
    let file_type = match kind {
        Kind::Fifo => FileType::Fifo,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        _ => return Err(Errno::INVAL),
    };
    let device = rustix::fs::makedev((rdev >> 32) as u32, rdev as u32);
    rustix::fs::mknodat(dir, name, file_type, PRIVATE_FILE, device)
}
