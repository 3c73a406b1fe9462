//! The ABI record, compared when the library is loaded.

use crate::block::{HEADER_BYTES, RECORD_BYTES};
use crate::control::{RUN_SLOTS, SLOT_BYTES, WORKER_SLOTS};
use crate::frame::FRAME_BYTES;
use crate::request::{HIGHEST_OP, REQUEST_BYTES};
use crate::results::RESULT_BYTES;

/// "BLIT", little-endian.
pub const MAGIC: u32 = 0x5449_4c42;
/// Version of the ABI; any change of a function or a layout raises it.
pub const ABI_VERSION: u32 = 1;
/// Number of words in the record.
pub const ABI_WORDS: usize = 12;

/// The record: see `blit_abi_describe` in docs/native.md.
pub fn describe() -> [u32; ABI_WORDS] {
    [
        MAGIC,
        ABI_VERSION,
        size_of::<usize>() as u32,
        REQUEST_BYTES as u32,
        RESULT_BYTES as u32,
        RECORD_BYTES as u32,
        HEADER_BYTES as u32,
        FRAME_BYTES as u32,
        SLOT_BYTES as u32,
        RUN_SLOTS as u32,
        WORKER_SLOTS as u32,
        u32::from(HIGHEST_OP),
    ]
}
