//! Files with holes: only their data is copied.

use crate::buffer::with_buffer;
use crate::holes::{self, Holes, grow, next_stretch, write_data};
use crate::results::method;
use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, Metadata};

use super::ladder::{Copied, Ladder};

/// By how much a file's length is ahead of its data at most: what is there of it says how far an ended run came.
const AHEAD_BYTES: u64 = 64 << 20;

/// Copies the data between the holes from `start` on and sets the length.
///
/// Returns `None` where there are no holes, or the file system can't tell: then the file is copied whole.
pub(super) fn copy(ladder: &Ladder, source: &Metadata, start: u64) -> Outcome<Option<Copied>> {
    let holes = holes::find(ladder.from, source);
    if holes == Holes::None {
        return Ok(None);
    }
    sys::allow_holes(ladder.to);
    let mut copied = Copied {
        length_ahead: true,
        ..Copied::default()
    };
    let end = if holes == Holes::Known {
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

fn between_holes(ladder: &Ladder, size: u64, start: u64, copied: &mut Copied) -> Outcome<u64> {
    let mut at = start;
    while at < size {
        let Some((data, hole)) = next_stretch(ladder.from, at, size) else {
            return without_zeros(ladder, size, at, copied);
        };
        // Holes count as done: progress is of the whole file.
        ladder.job.add_bytes(data - at);
        at = data;
        while at < hole {
            let end = hole.min(at + AHEAD_BYTES);
            grow(ladder.to, end)?;
            let reached = ladder.range(at, end, copied)?;
            if reached < end {
                return Ok(reached);
            }
            at = end;
        }
    }
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
            grow(ladder.to, at + got as u64)?;
            copied.bytes += write_data(ladder.to, &buffer[..got], at)?;
            at += got as u64;
            ladder.job.add_bytes(got as u64);
            ladder.job.check()?;
        }
        Ok(at)
    })
}
