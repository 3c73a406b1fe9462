//! Receiving a file in ranges, each verified before it is written.

use super::Receiver;
use crate::draft::GRAIN_BYTES;
use crate::net::entry::Entry;
use crate::net::make::Large;
use crate::net::record::{Header, MISMATCH, MORE, Piece, Range, Type, VOID, pack_have, parse_fail};
use crate::net::send::Role;
use crate::net::send::digest_of;
use crate::net::wire::Wait;
use crate::request::action;
use crate::results::ItemResult;
use crate::status::{Fail, Outcome, Status, Step};

/// Stretch of a held file that is announced at once: few enough bytes that little is sent again, many
/// enough that announcing costs nothing.
const PIECE_BYTES: u64 = 8 << 20;

/// How the records about one file ended.
pub(super) enum Ended {
    /// The sender has concluded it.
    Concluded(Outcome<ItemResult>),
    /// It failed here, and the sender doesn't know yet.
    Refused(Fail),
    /// It changed while it was read: what came is void.
    Void,
}

/// Why a file is not whole.
pub(super) enum Stop {
    /// Nothing more is heard of the batch: the stream broke, or the client gave up.
    Stream(Fail),
    /// It failed here.
    Here(Fail),
    /// The sender failed it.
    There(Fail),
    Void,
}

impl Stop {
    fn fail(&self) -> Fail {
        match *self {
            Stop::Stream(fail) | Stop::Here(fail) | Stop::There(fail) => fail,
            Stop::Void => Fail::new(Status::Changed, Step::Read),
        }
    }
}

impl<'a> Receiver<'a, '_, '_> {
    /// Receives one file.
    ///
    /// # Errors
    ///
    /// What ends the batch.
    pub(super) fn large(&mut self, index: usize, entry: Entry) -> Outcome<Ended> {
        let again = self.again;
        let mut large = match self.maker.begin(index, entry, !again) {
            Ok(large) => large,
            Err(fail) => return Ok(Ended::Refused(fail)),
        };
        let resumes = self.job.request.item(index).action == action::RESUME && !again;
        let filled = match resumes {
            true => self.compare(index, &mut large),
            false => Ok(()),
        }
        .and_then(|()| self.ranges(index, &mut large));
        let outcome = filled.as_ref().map(|&()| ()).map_err(Stop::fail);
        let settled = self.maker.settle(large, outcome);
        match filled {
            Ok(()) | Err(Stop::There(_)) => Ok(Ended::Concluded(settled)),
            Err(Stop::Here(fail)) => Ok(Ended::Refused(fail)),
            Err(Stop::Void) => Ok(Ended::Void),
            Err(Stop::Stream(fail)) => {
                self.conclude(index, Err(fail));
                Err(fail)
            }
        }
    }

    fn ranges(&mut self, index: usize, large: &mut Large<'a>) -> Result<(), Stop> {
        loop {
            match self.next_about(index)? {
                (Type::Range, _) => self.range(large)?,
                (Type::Done, VOID) => return Err(Stop::Void),
                (Type::Done, _) if large.is_complete() => return Ok(()),
                (Type::Fail, _) => return Err(self.failed_there()),
                _ => return self.stop(),
            }
        }
    }

    /// The type and flags of the next record, which must be about this item.
    pub(super) fn next_about(&mut self, index: usize) -> Result<(Type, u8), Stop> {
        self.job.check().map_err(Stop::Stream)?;
        let header = self.wire.next(Wait::Job(self.job)).map_err(Stop::Stream)?;
        self.about(header, index)
    }

    fn about(&mut self, header: Header, index: usize) -> Result<(Type, u8), Stop> {
        match header.kind {
            Type::Cancel if self.role == Role::Daemon => Err(Stop::Stream(Fail::cancelled())),
            kind if header.item as usize == index => Ok((kind, header.flags)),
            _ => self.stop(),
        }
    }

    /// What the sender said of an item that it failed.
    pub(super) fn failed_there(&self) -> Stop {
        Stop::There(parse_fail(self.wire.payload()))
    }

    pub(super) fn stop<T>(&mut self) -> Result<T, Stop> {
        self.wire.breach(MISMATCH).map_err(Stop::Stream)
    }

    pub(super) fn range(&mut self, large: &mut Large<'a>) -> Result<(), Stop> {
        let range = match Range::parse(self.wire.payload()) {
            Ok(range) => range,
            Err(_) => return self.stop(),
        };
        let end = range.offset + range.content.len() as u64;
        let is_next = match large.has_holes() {
            true => range.offset >= large.at,
            false => range.offset == large.at,
        };
        if range.content.is_empty() || !is_next || end > large.limit {
            return self.stop();
        }
        if !range.is_intact {
            return Err(Stop::Here(Fail::new(Status::Corrupt, Step::Write)));
        }
        self.maker
            .range(large, range.offset, range.content)
            .map_err(Stop::Here)
    }

    /// Says what is there of a file, hashing it piece by piece until the sender has heard enough, and cuts
    /// it where the sender says.
    fn compare(&mut self, index: usize, large: &mut Large<'a>) -> Result<(), Stop> {
        let there = large.known.map_or(0, |known| known.size);
        let held = there.min(large.limit);
        let whole = held / GRAIN_BYTES * GRAIN_BYTES;
        self.have(index, held, &[], whole > 0)?;
        let (mut at, mut answer) = (0, None);
        while at < whole && answer.is_none() {
            let length = PIECE_BYTES.min(whole - at);
            self.job.at(index as u32, Step::Hash);
            let digest = match large.file() {
                Some(file) => digest_of(file, at, length, || self.job.check()),
                None => Ok(None),
            };
            // What can't be read is sent again: a digest that nothing has.
            let digest = match digest {
                Ok(digest) => digest.unwrap_or_default(),
                Err(fail) if fail.status == Status::Cancelled => return Err(Stop::Stream(fail)),
                Err(_) => [0; 32],
            };
            let piece = Piece {
                offset: at,
                length,
                digest,
            };
            at += length;
            self.have(index, held, &[piece], at < whole)?;
            self.maker.count(large, at);
            answer = self.wire.poll(Wait::Job(self.job)).map_err(Stop::Stream)?;
        }
        let answer = match answer {
            Some(header) => self.about(header, index)?,
            None => self.next_about(index)?,
        };
        match answer {
            (Type::Range, _) => {}
            (Type::Fail, _) => return Err(self.failed_there()),
            _ => return self.stop(),
        }
        match Range::parse(self.wire.payload()) {
            Ok(range) if range.content.is_empty() && range.is_intact && range.offset <= at => {
                self.maker.cut(large, range.offset).map_err(Stop::Here)
            }
            _ => self.stop(),
        }
    }

    fn have(&mut self, index: usize, held: u64, pieces: &[Piece], more: bool) -> Result<(), Stop> {
        let payload = pack_have(held, pieces);
        let flags = u8::from(more) * MORE;
        self.wire
            .send(Type::Have, flags, index as u32, &payload)
            .and_then(|_| self.wire.flush())
            .map_err(Stop::Stream)
    }
}
