//! Sending a file in ranges: its data between the holes, from where the receiver's copy of it ends.

use std::ops::Range;

use super::{Sender, read_whole, shown};
use crate::block::Item;
use crate::buffer::with_buffer;
use crate::holes::{self, Holes, next_stretch};
use crate::net::part::Part;
use crate::net::record::{
    CONTENT_MOST, DIGEST_BYTES, MISMATCH, MORE, Piece, Type, VOID, parse_have,
};
use crate::net::wire::Wait;
use crate::request::action;
use crate::source::is_recorded;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, BorrowedFd, Held, Metadata};

/// Content is hashed while the processor still has it at hand.
const STEP_BYTES: usize = 256 << 10;

impl Sender<'_, '_, '_> {
    /// Sends a file's looks and content, unless it changes meanwhile: then returns what it is now.
    pub(super) fn large(
        &mut self,
        index: usize,
        item: &Item,
        file: BorrowedFd,
        before: Metadata,
        again: u8,
    ) -> Outcome<Option<Metadata>> {
        let holes = self.entry(index, file, &before)?;
        let start = if item.action == action::RESUME && again == 0 {
            self.agree(index, file, before.size)?
        } else {
            0
        };
        let is_whole = self.content(index, file, holes, start..before.size)?;
        let after = sys::stat_fd(file).at(Step::Stat)?;
        if is_whole && !before.content_changed(&after) {
            self.send(Type::Done, 0, index, &[])?;
            return Ok(None);
        }
        if again == 0 {
            self.send(Type::Done, VOID, index, &[])?;
        }
        Ok(Some(after))
    }

    /// Sends one part of a file that several streams share.
    pub(super) fn part(
        &mut self,
        index: usize,
        item: &Item,
        file: BorrowedFd,
        before: &Metadata,
    ) -> Outcome<()> {
        let changed = Fail::new(Status::Changed, Step::Read);
        // Only what was recorded is the same in all parts.
        if before.size <= CONTENT_MOST as u64 || !is_recorded(item, before) {
            return Err(changed);
        }
        let holes = self.entry(index, file, before)?;
        let is_whole = match self.part {
            Part::Open => return Ok(()),
            Part::Ranges { first, end } => {
                self.content(index, file, holes, first..end.min(before.size))?
            }
            Part::Finish | Part::Whole => true,
        };
        let after = sys::stat_fd(file).at(Step::Stat)?;
        if is_whole && !before.content_changed(&after) {
            return self.send(Type::Done, 0, index, &[]);
        }
        self.send(Type::Done, VOID, index, &[])?;
        Err(changed)
    }

    /// Says that ranges of a file follow; returns what is known of its holes.
    fn entry(&mut self, index: usize, file: BorrowedFd, before: &Metadata) -> Outcome<Holes> {
        sys::advise_sequential(file);
        let xattrs = self.source.xattrs(Held::open(file), before.device)?;
        let holes = match before.may_have_holes() {
            true => holes::find(file, before),
            false => Holes::None,
        };
        let look = match holes {
            // A file system that compresses has fewer blocks than content, and yet no holes.
            Holes::None => Metadata {
                allocated: before.size,
                ..*before
            },
            _ => *before,
        };
        let look = shown(&look, &self.job.request.item(index), sys::KEEPS_MODES);
        let left_out = self.pack_head(&look, &[], xattrs.as_ref());
        let head = std::mem::take(&mut self.head);
        let sent = self.send(Type::Entry, left_out, index, &head);
        self.head = head;
        sent.map(|()| holes)
    }

    /// Sends this stretch of the content; false where the file ended within it.
    fn content(
        &mut self,
        index: usize,
        file: BorrowedFd,
        holes: Holes,
        stretch: Range<u64>,
    ) -> Outcome<bool> {
        let last = stretch.end;
        let mut at = stretch.start;
        while at < last {
            let (data, end) = match holes {
                Holes::Known => next_stretch(file, at, last).unwrap_or((at, last)),
                Holes::None | Holes::Doubtful => (at, last),
            };
            // Holes count as done: progress is of the whole file.
            self.job.add_bytes(data - at);
            at = data;
            while at < end {
                // Whole MiBs of the file, so that the receiver writes whole blocks.
                let most = CONTENT_MOST as u64 - at % CONTENT_MOST as u64;
                let bytes = most.min(end - at) as usize;
                if !self.range(index, file, at, bytes)? {
                    return Ok(false);
                }
                at += bytes as u64;
            }
        }
        Ok(true)
    }

    fn range(&mut self, index: usize, file: BorrowedFd, at: u64, bytes: usize) -> Outcome<bool> {
        self.job.check()?;
        self.job.at(index as u32, Step::Read);
        let length = 8 + bytes + DIGEST_BYTES;
        let payload = self.wire.place(Type::Range, 0, index as u32, length);
        payload[..8].copy_from_slice(&at.to_le_bytes());
        let (content, digest) = payload[8..].split_at_mut(bytes);
        let mut hasher = blake3::Hasher::new();
        let mut offset = at;
        let mut read = Ok(true);
        for step in content.chunks_mut(STEP_BYTES) {
            read = read_whole(file, step, offset);
            if read != Ok(true) {
                break;
            }
            hasher.update(step);
            offset += step.len() as u64;
        }
        if read != Ok(true) {
            self.wire.retract(length);
            return read;
        }
        digest.copy_from_slice(hasher.finalize().as_bytes());
        self.job.add_bytes(bytes as u64);
        // A receiver that takes nothing is one that flushes.
        self.job.at(index as u32, Step::Flush);
        let sent = self.wire.sent()?;
        self.hear_after(sent, index)?;
        match self.refused {
            Some(fail) => Err(fail),
            None => Ok(true),
        }
    }

    /// Compares what the receiver holds of the file, and says how much of it is right.
    fn agree(&mut self, index: usize, file: BorrowedFd, size: u64) -> Outcome<u64> {
        let mut right = 0;
        loop {
            let header = self.wire.next(Wait::Job(self.job))?;
            if header.kind != Type::Have || header.item as usize != index {
                self.heed(header, index)?;
                if let Some(fail) = self.refused {
                    return Err(fail);
                }
                continue;
            }
            let (held, pieces) = match parse_have(self.wire.payload()) {
                Ok((held, pieces)) if held <= size => (held, pieces),
                _ => return self.wire.breach(MISMATCH),
            };
            let equal = self.equal_bytes(index, file, &pieces, right)?;
            right += equal;
            let announced: u64 = pieces.iter().map(|piece| piece.length).sum();
            if equal < announced || header.flags & MORE == 0 || right >= held {
                break;
            }
        }
        let mut answer = right.to_le_bytes().to_vec();
        answer.extend(blake3::hash(&[]).as_bytes());
        self.send(Type::Range, 0, index, &answer)?;
        Ok(right)
    }

    /// How many bytes from `at` on are the same here, counted in whole pieces.
    fn equal_bytes(
        &mut self,
        index: usize,
        file: BorrowedFd,
        pieces: &[Piece],
        at: u64,
    ) -> Outcome<u64> {
        let mut equal = 0;
        for piece in pieces {
            if piece.offset != at + equal {
                return self.wire.breach(MISMATCH);
            }
            self.job.at(index as u32, Step::Hash);
            match digest_of(file, piece.offset, piece.length, || self.job.check())? {
                Some(digest) if digest == piece.digest => equal += piece.length,
                _ => break,
            }
            self.job.add_bytes(piece.length);
        }
        Ok(equal)
    }
}

/// BLAKE3 of a stretch of a file; `None` where the file ends within it. `check` is asked at every step.
pub(in crate::net) fn digest_of(
    file: BorrowedFd,
    mut offset: u64,
    length: u64,
    check: impl Fn() -> Outcome<()>,
) -> Outcome<Option<[u8; DIGEST_BYTES]>> {
    let end = offset + length;
    let mut hasher = blake3::Hasher::new();
    with_buffer(|buffer| {
        while offset < end {
            check()?;
            let wanted = (end - offset).min(STEP_BYTES as u64) as usize;
            let got = sys::read_at(file, &mut buffer[..wanted], offset).at(Step::Read)?;
            if got == 0 {
                return Ok(None);
            }
            hasher.update(&buffer[..got]);
            offset += got as u64;
        }
        Ok(Some(*hasher.finalize().as_bytes()))
    })
}
