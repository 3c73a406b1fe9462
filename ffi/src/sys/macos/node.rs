//! Special files.

use std::os::fd::AsFd;

use crate::block::Kind;
use crate::sys::Errno;

/// Not done on macOS: it has no call that makes one within a held directory on every version.
pub fn make_node(_: impl AsFd, _: &[u8], _: Kind, _: u64) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}
