//! The receiving side of a batch: holds the peer to the protocol, and has made what came as it should.

mod large;
mod shared;

use super::entry::{Entry, WholeFile};
use super::make::Maker;
use super::part::Part;
use super::record::{Header, LEFT_OUT, MISMATCH, READ_AGAIN, Type, pack_fail, parse_fail};
use super::send::Role;
use super::wire::{Wait, Wire};
use crate::block::Kind;
use crate::control::JobContext;
use crate::results::{ItemResult, Results, result_flag};
use crate::status::{Fail, Outcome};
use large::Ended;

/// One batch on its way in.
pub struct Receiver<'a, 'w, 'l> {
    job: &'a JobContext<'a>,
    wire: &'w mut Wire<'l>,
    role: Role,
    part: Part,
    maker: Maker<'a>,
    results: Results,
    /// The first item that is not concluded.
    next: usize,
    /// What came of it so far was void: it begins again.
    again: bool,
    /// Flags of its result that come from the sender.
    said: u8,
    /// Items that were concluded, but for directories.
    pub files: u64,
}

impl<'a, 'w, 'l> Receiver<'a, 'w, 'l> {
    /// A receiver of the request's items.
    pub fn new(
        job: &'a JobContext<'a>,
        wire: &'w mut Wire<'l>,
        role: Role,
        (maker, part): (Maker<'a>, Part),
    ) -> Self {
        Self {
            job,
            wire,
            role,
            part,
            maker,
            results: Results::new(job.request.len()),
            next: 0,
            again: false,
            said: 0,
            files: 0,
        }
    }

    /// Receives until the batch's end. The results are whole in any case.
    ///
    /// # Errors
    ///
    /// What broke the stream; `cancelled` where one of the sides gave up.
    pub fn run(mut self) -> (Results, u64, Outcome<()>) {
        let ended = self.records();
        if let Err(fail) = ended {
            self.results.fail_from(self.next, fail);
        }
        let Self {
            maker,
            mut results,
            files,
            ..
        } = self;
        maker.close(&mut results);
        (results, files, ended)
    }

    fn records(&mut self) -> Outcome<()> {
        loop {
            self.job.check()?;
            let header = self.wire.next(Wait::Job(self.job))?;
            match header.kind {
                Type::File => self.file(header)?,
                Type::Entry => self.entry(header)?,
                Type::Fail => {
                    let index = self.expect(header.item)?;
                    let fail = parse_fail(self.wire.payload());
                    self.conclude(index, Err(fail));
                }
                Type::End if self.advance().is_none() => return Ok(()),
                Type::Cancel if self.role == Role::Daemon => return Err(Fail::cancelled()),
                _ => return self.wire.breach(MISMATCH),
            }
        }
    }

    /// Makes the directories up to the next item that the sender concludes; none where all are.
    fn advance(&mut self) -> Option<usize> {
        while self.next < self.job.request.len() {
            let (index, item) = (self.next, self.job.request.item(self.next));
            if item.kind != Kind::Directory {
                return Some(index);
            }
            match self.maker.directory(index, &item) {
                Ok(result) => self.results.set(index, result),
                Err(fail) => self.results.fail(index, fail),
            }
            self.job.add_entry();
            self.next += 1;
        }
        None
    }

    /// The item that a record is about, which must be the next one.
    fn expect(&mut self, item: u32) -> Outcome<usize> {
        match self.advance() {
            Some(index) if index == item as usize => Ok(index),
            _ => self.wire.breach(MISMATCH),
        }
    }

    fn conclude(&mut self, index: usize, outcome: Outcome<ItemResult>) {
        match outcome {
            Ok(result) => self.results.set(
                index,
                ItemResult {
                    flags: result.flags | self.said,
                    ..result
                },
            ),
            Err(fail) => self.results.fail(index, fail),
        }
        self.next = index + 1;
        self.again = false;
        self.files += 1;
        self.job.add_entry();
    }

    /// Keeps what a record's flags say about its item.
    fn hear(&mut self, header: Header) {
        let again = header.flags & READ_AGAIN != 0 || self.again;
        let left_out = header.flags & LEFT_OUT != 0;
        self.said = if again { result_flag::READ_AGAIN } else { 0 };
        self.said |= if left_out {
            result_flag::XATTRS_DROPPED
        } else {
            0
        };
    }

    fn file(&mut self, header: Header) -> Outcome<()> {
        let index = self.expect(header.item)?;
        let file = match WholeFile::parse(self.wire.payload()) {
            Ok(file)
                if file.entry.look.kind == self.job.request.item(index).kind
                    && self.part == Part::Whole =>
            {
                file
            }
            _ => return self.wire.breach(MISMATCH),
        };
        let made = self.maker.whole(index, file);
        self.hear(header);
        self.conclude(index, made);
        Ok(())
    }

    fn entry(&mut self, header: Header) -> Outcome<()> {
        let index = self.expect(header.item)?;
        let kind = self.job.request.item(index).kind;
        let entry = match Entry::parse(self.wire.payload()) {
            Ok(Entry { look, xattrs, .. }) if kind == Kind::File => Entry {
                look,
                target: &[],
                xattrs,
            },
            _ => return self.wire.breach(MISMATCH),
        };
        self.hear(header);
        let ended = match self.part {
            Part::Whole => self.large(index, entry)?,
            // A part is not begun again.
            _ if self.again => return self.wire.breach(MISMATCH),
            part => self.part(index, entry, part)?,
        };
        match ended {
            Ended::Concluded(outcome) => self.conclude(index, outcome),
            Ended::Refused(fail) => {
                self.wire
                    .send(Type::Fail, 0, index as u32, &pack_fail(fail))?;
                self.conclude(index, Err(fail));
                self.skip(index)?;
            }
            // Begun again once, not for ever.
            Ended::Void if self.again => return self.wire.breach(MISMATCH),
            Ended::Void => self.again = true,
        }
        Ok(())
    }

    /// Reads on to the conclusion of an item that failed here.
    fn skip(&mut self, index: usize) -> Outcome<()> {
        self.wire.flush()?;
        loop {
            self.job.check()?;
            let header = self.wire.next(Wait::Job(self.job))?;
            let is_concluded = match header.kind {
                Type::Range | Type::Entry => false,
                Type::Done => header.flags == 0,
                Type::File | Type::Fail => true,
                Type::Cancel if self.role == Role::Daemon => return Err(Fail::cancelled()),
                _ => return self.wire.breach(MISMATCH),
            };
            if header.item as usize != index {
                return self.wire.breach(MISMATCH);
            }
            if is_concluded {
                return Ok(());
            }
        }
    }
}
