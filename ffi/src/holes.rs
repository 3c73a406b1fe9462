//! Files with holes: where their data lies, and writing without filling holes up.

use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, BorrowedFd, Metadata};

/// Blocks that belong to a file without holding its data: attributes, and lists of extents.
const OVERHEAD_BYTES: u64 = 64 << 10;

/// Unit in which zeros are looked for where the file system's word on holes is not trusted.
const ZERO_UNIT: usize = 4096;

/// What a file system says about the holes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holes {
    /// There are none, or it can't tell: the file is to be read whole.
    None,
    /// Only what lies between them need be read: [`next_stretch`].
    Known,
    /// More blocks than data: space reserved ahead (which holds zeros), or a file system that forgets data
    /// not yet on disk (openzfs 15526). Reading all of it is right in both cases; zeros may stay holes.
    Doubtful,
}

/// Asks for the holes of a file that has fewer blocks than content.
pub fn find(from: BorrowedFd, metadata: &Metadata) -> Holes {
    // Fails where the file system doesn't know the call; then nothing more is asked.
    if sys::next_hole(from, 0).is_err() {
        return Holes::None;
    }
    match data_bytes(from, metadata.size) {
        Some(data) if data >= metadata.size => Holes::None,
        Some(data) if data + OVERHEAD_BYTES + data / 64 >= metadata.allocated => Holes::Known,
        _ => Holes::Doubtful,
    }
}

/// Next stretch of data within the size: its start and end, both the size where only a hole follows.
///
/// `None` where the file system failed to say, or what it says makes no sense: whatever follows may be data.
pub fn next_stretch(from: BorrowedFd, at: u64, size: u64) -> Option<(u64, u64)> {
    let data = match sys::next_data(from, at).ok()? {
        Some(data) if data < size => data,
        _ => return Some((size, size)),
    };
    let hole = sys::next_hole(from, data).ok()?;
    (data >= at && hole > data).then(|| (data, hole.min(size)))
}

fn data_bytes(from: BorrowedFd, size: u64) -> Option<u64> {
    let (mut at, mut data) = (0, 0);
    while at < size {
        let (start, end) = next_stretch(from, at, size)?;
        data += end - start;
        at = end;
    }
    Some(data)
}

/// Gives a file the length that its next piece brings it to, before that is written.
///
/// xfs gives a file that grows more blocks than are written, and where the next piece lies behind a hole they stay in the
/// hole. Within its length a file gets what is written.
pub fn grow(to: BorrowedFd, end: u64) -> Outcome<()> {
    sys::truncate(to, end).at(Step::Write)
}

/// Writes `bytes` at `at`, but for whole units of zeros: they stay holes. Returns how many bytes were written.
///
/// The file's length is the caller's to set: zeros at the end leave it short.
pub fn write_data(to: BorrowedFd, bytes: &[u8], at: u64) -> Outcome<u64> {
    let is_data = |unit: &[u8]| unit.iter().any(|&byte| byte != 0);
    let (mut written, mut start) = (0, 0);
    while start < bytes.len() {
        let mut end = start;
        while end < bytes.len() && is_data(&bytes[end..bytes.len().min(end + ZERO_UNIT)]) {
            end = bytes.len().min(end + ZERO_UNIT);
        }
        if end > start {
            sys::write_all_at(to, &bytes[start..end], at + start as u64).at(Step::Write)?;
            written += (end - start) as u64;
        }
        // What ended the run is a unit of zeros.
        start = end + ZERO_UNIT;
    }
    Ok(written)
}

/// Writes a piece of a file; zeros of one that had holes stay holes.
pub fn write(to: BorrowedFd, bytes: &[u8], at: u64, has_holes: bool) -> Outcome<()> {
    if has_holes {
        write_data(to, bytes, at).map(drop)
    } else {
        sys::write_all_at(to, bytes, at).at(Step::Write)
    }
}
