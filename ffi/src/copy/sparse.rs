//! Files with holes: only their data is copied.

use crate::buffer::with_buffer;
use crate::results::method;
use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, BorrowedFd, Metadata};

use super::ladder::{Copied, Ladder};

/// Blocks that belong to a file without holding its data: attributes, and lists of extents.
const OVERHEAD_BYTES: u64 = 64 << 10;

/// Unit in which zeros are looked for where the file system's word on holes is not trusted.
const ZERO_UNIT: usize = 4096;

/// Copies the data between the holes from `start` on and sets the length.
///
/// Returns `None` where there are no holes, or the file system can't tell: then the file is copied whole.
pub(super) fn copy(ladder: &Ladder, source: &Metadata, start: u64) -> Outcome<Option<Copied>> {
    let Some(data) = data_bytes(ladder, source.size) else {
        return Ok(None);
    };
    if data >= source.size {
        return Ok(None);
    }
    sys::allow_holes(ladder.to);
    let mut copied = Copied {
        length_ahead: true,
        ..Copied::default()
    };
    // More blocks than data: space reserved ahead (which holds zeros), or a file system that forgets data
    // not yet on disk (openzfs 15526). Reading all of it is right in both cases.
    let trusted = data + OVERHEAD_BYTES + data / 64 >= source.allocated;
    let end = if trusted {
        between_holes(ladder, source.size, start, &mut copied)?
    } else {
        without_zeros(ladder, source.size, start, &mut copied)?
    };
    copied.short = end < source.size;
    if !copied.short {
        // A hole at the end has nothing written behind it.
        sys::truncate(ladder.to, source.size).at(Step::Write)?;
    }
    Ok(Some(copied))
}

/// Next stretch of data within the size: its start and end. `None` at the end, or where the answers make
/// no sense.
fn next_stretch(ladder: &Ladder, at: u64, size: u64) -> Option<(u64, u64)> {
    let data = sys::next_data(ladder.from, at).ok()??;
    let hole = sys::next_hole(ladder.from, data).ok()?;
    (data >= at && hole > data && data < size).then(|| (data, hole.min(size)))
}

fn data_bytes(ladder: &Ladder, size: u64) -> Option<u64> {
    // Fails where the file system doesn't know the call; then nothing more is asked.
    sys::next_hole(ladder.from, 0).ok()?;
    let (mut at, mut data) = (0, 0);
    while let Some((start, end)) = next_stretch(ladder, at, size) {
        data += end - start;
        at = end;
    }
    Some(data)
}

fn between_holes(ladder: &Ladder, size: u64, start: u64, copied: &mut Copied) -> Outcome<u64> {
    let mut at = start;
    while let Some((data, hole)) = next_stretch(ladder, at, size) {
        // Holes count as done: progress is of the whole file.
        ladder.job.add_bytes(data - at);
        let reached = ladder.range(data, hole, copied)?;
        if reached < hole {
            return Ok(reached);
        }
        at = hole;
    }
    ladder.job.add_bytes(size - at);
    Ok(size)
}

fn without_zeros(ladder: &Ladder, size: u64, start: u64, copied: &mut Copied) -> Outcome<u64> {
    copied.method = method::READ_WRITE;
    with_buffer(|buffer| {
        let mut at = start;
        while at < size {
            let wanted = (size - at).min(buffer.len() as u64) as usize;
            let got = sys::read_at(ladder.from, &mut buffer[..wanted], at).at(Step::Read)?;
            if got == 0 {
                break;
            }
            copied.bytes += write_data(ladder.to, &buffer[..got], at)?;
            at += got as u64;
            ladder.job.add_bytes(got as u64);
            ladder.job.check()?;
        }
        Ok(at)
    })
}

/// Writes `bytes` at `at`, but for whole units of zeros: they stay holes. Returns how many bytes were written.
///
/// The file's length is the caller's to set: zeros at the end leave it short.
pub(crate) fn write_data(to: BorrowedFd, bytes: &[u8], at: u64) -> Outcome<u64> {
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
