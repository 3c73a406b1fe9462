//! A file that is received in ranges.

use std::sync::Arc;

use super::{Maker, publish_of};
use crate::destination::Spot;
use crate::draft::{self, Draft};
use crate::finish::{Age, finish_file};
use crate::holes::{grow, write, write_data};
use crate::net::entry::Entry;
use crate::net::part::OpenFile;
use crate::request::action;
use crate::results::{ItemResult, result_flag};
use crate::staging::{Publish, StagedFile};
use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, AsFd, BorrowedFd, Metadata};
use crate::xattr::Xattrs;

/// What the ranges go to.
pub(super) enum To<'a> {
    /// Nothing is written.
    Nowhere,
    /// A staged file of this batch's own.
    Draft(Spot<'a>, Draft<'a>),
    /// One that others write to as well.
    Shared(Arc<OpenFile>),
}

/// A file, or a stretch of one, on its way in.
pub struct Large<'a> {
    pub(super) index: usize,
    pub(super) to: To<'a>,
    /// What an adopted file looked like; `None` for a new one.
    pub known: Option<Metadata>,
    pub(super) how: Publish,
    pub(super) look: Metadata,
    pub(super) xattrs: Option<Xattrs>,
    pub(super) flags: u8,
    /// Where it begins: 0 but for a stretch.
    first: u64,
    /// Where the last range ended.
    pub at: u64,
    /// Where the last one may end.
    pub limit: u64,
    /// Up to where it counts as done.
    counted: u64,
    /// Content that came.
    pub(super) bytes: u64,
    /// Some of the length is there without data.
    length_ahead: bool,
}

impl<'a> Large<'a> {
    pub(super) fn new(index: usize, to: To<'a>, look: Metadata, how: Publish) -> Self {
        Self {
            index,
            to,
            known: None,
            how,
            look,
            xattrs: None,
            flags: 0,
            first: 0,
            at: 0,
            limit: look.size,
            counted: 0,
            bytes: 0,
            length_ahead: false,
        }
    }

    /// Receives this stretch only.
    pub(super) fn limit(&mut self, first: u64, end: u64) {
        self.limit = end.min(self.look.size);
        self.first = first.min(self.limit);
        (self.at, self.counted) = (self.first, self.first);
    }

    /// The stretch that it is.
    pub(super) fn stretch(&self) -> (u64, u64) {
        (self.first, self.limit)
    }

    /// Whether something may be missing between ranges.
    pub fn has_holes(&self) -> bool {
        self.look.may_have_holes()
    }

    /// Whether nothing is missing of what was to come.
    pub fn is_complete(&self) -> bool {
        self.has_holes() || self.at == self.limit
    }

    /// The file that is written.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        match &self.to {
            To::Nowhere => None,
            To::Draft(_, draft) => Some(draft.as_fd()),
            To::Shared(file) => Some(file.as_fd()),
        }
    }
}

impl<'a> Maker<'a> {
    /// Begins a file that will come in ranges; goes on with what an earlier run left of it where `adopt`.
    pub fn begin(&mut self, index: usize, entry: Entry, adopt: bool) -> Outcome<Large<'a>> {
        let item = self.job.request.item(index);
        let how = publish_of(item.action)?;
        let (xattrs, flags) = self.taken(entry.xattrs);
        let look = entry.look;
        let mut large = Large::new(index, To::Nowhere, look, how);
        (large.xattrs, large.flags) = (xattrs, flags);
        let Some(destination) = &mut self.destination else {
            return Ok(large);
        };
        let spot = destination.spot(index, &item)?;
        self.job.at(index as u32, Step::Create);
        let adopted = match adopt && item.action == action::RESUME {
            true => draft::adopt(&spot, item.target, look.uid)?,
            false => None,
        };
        let (file, start): (StagedFile, u64) = match adopted {
            Some((file, metadata)) => {
                large.known = Some(metadata);
                large.flags |= result_flag::RESUMED;
                (file, metadata.size.min(look.size))
            }
            None => (destination.staged(&spot)?, 0),
        };
        if large.has_holes() {
            sys::allow_holes(file.as_fd());
        }
        let draft = Draft::begin(destination, &spot, file, &look, start)?;
        large.to = To::Draft(spot, draft);
        Ok(large)
    }

    /// Keeps of an adopted file what the sender found right.
    pub fn cut(&self, large: &mut Large, right: u64) -> Outcome<()> {
        large.at = right;
        large.length_ahead |= right > 0;
        match &large.to {
            To::Draft(_, draft) => draft::cut(draft, right),
            To::Nowhere | To::Shared(_) => Ok(()),
        }
    }

    /// Counts progress up to this offset: holes, and what was there and compared, are part of it.
    pub fn count(&self, large: &mut Large, to: u64) {
        self.job.add_bytes(to.saturating_sub(large.counted));
        large.counted = large.counted.max(to);
    }

    /// Writes one range, which lies behind the last and within the size.
    pub fn range(&self, large: &mut Large, offset: u64, content: &[u8]) -> Outcome<()> {
        if let Some(file) = large.file() {
            self.job.at(large.index as u32, Step::Write);
            let mut length_ahead = offset > large.at;
            if length_ahead {
                sys::allow_holes(file);
            }
            if large.has_holes() {
                // One that others write to has its length.
                if (length_ahead || large.length_ahead) && matches!(large.to, To::Draft(..)) {
                    grow(file, offset + content.len() as u64)?;
                }
                length_ahead |= write_data(file, content, offset)? < content.len() as u64;
            } else {
                write(file, content, offset, false)?;
            }
            large.length_ahead |= length_ahead;
        }
        large.at = offset + content.len() as u64;
        self.count(large, large.at);
        large.bytes += content.len() as u64;
        Ok(())
    }

    /// Finishes a file that came whole and gives it its name, or ends one that failed.
    pub fn settle(&mut self, large: Large<'a>, filled: Outcome<()>) -> Outcome<ItemResult> {
        let finished = filled.and_then(|()| self.finish(&large));
        let To::Draft(spot, draft) = large.to else {
            return finished;
        };
        let settled = draft.settle(finished, spot.name, large.how)?;
        let flags = settled.flags | self.owner_flag(&spot, &large.look);
        self.named(&spot);
        Ok(ItemResult { flags, ..settled })
    }

    fn finish(&self, large: &Large) -> Outcome<ItemResult> {
        let To::Draft(spot, draft) = &large.to else {
            return Ok(self.carried(large.bytes));
        };
        let (file, size) = (draft.as_fd(), large.look.size);
        let length_ahead = large.length_ahead || large.at < size;
        if length_ahead {
            // A hole at the end has nothing written behind it.
            sys::truncate(file, size).at(Step::Write)?;
        }
        self.job.add_bytes(size - large.counted.min(size));
        let look = self.look(&large.look, large.xattrs.as_ref());
        let age = match &large.known {
            Some(known) => Age::Known(known),
            None => Age::New(&spot.dir),
        };
        let flush = length_ahead || spot.dir.reports_late();
        let made = finish_file(self.job, spot.index, file, &look, age, flush)?;
        Ok(ItemResult {
            flags: made.flags | large.flags,
            bytes: large.bytes,
            method: self.method,
            ..made
        })
    }
}
