//! Copying one regular file.

use super::batch::{Batch, Place};
use super::ladder::{Copied, Ladder};
use super::{resume, small};
use crate::draft::Draft;
use crate::finish::{Age, Look, finish_file};
use crate::in_place::IN_PLACE_MOST;
use crate::request::{action, flag};
use crate::results::{ItemResult, method, result_flag};
use crate::source::open_file;
use crate::staging::{Publish, StagedFile};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Held, Metadata};
use crate::xattr::Xattrs;

/// An open source file, and what it was before it was read.
#[derive(Clone, Copy)]
pub(super) struct Opened<'a> {
    pub file: BorrowedFd<'a>,
    pub before: Metadata,
}

/// A destination file that has no final name yet, or was just made under it.
pub(super) struct Target<'a> {
    pub file: BorrowedFd<'a>,
    pub device: u64,
    /// The mode that it was made with, where that is to be its final one.
    pub mode: Option<u32>,
    /// What an adopted file looked like; `None` for a new one.
    pub known: Option<Metadata>,
    /// Content up to here is there already.
    pub start: u64,
}

/// Copies one file: in place where it is small and new, else staged.
pub(super) fn copy<'a>(batch: &mut Batch<'a>, place: &Place<'a>) -> Outcome<ItemResult> {
    if let Some(result) = small::copy(batch, place)? {
        return Ok(result);
    }
    let (file, before) = open_file(&place.from, place.name, &place.item)?;
    let source = Opened {
        file: file.as_fd(),
        before,
    };
    let new = place.item.action == action::CREATE;
    if new && before.size <= IN_PLACE_MOST {
        return in_place(batch, place, &source);
    }
    let how = if new { Publish::New } else { Publish::Replace };
    if place.item.action == action::RESUME
        && let Some(partial) = resume::adopt(batch.job, place, &source)?
    {
        let known = Some(partial.metadata);
        let result = staged(
            batch,
            place,
            &source,
            (partial.file, known, partial.verified),
            how,
        )?;
        return Ok(ItemResult {
            flags: result.flags | result_flag::RESUMED,
            ..result
        });
    }
    let run = batch.job.request.run;
    if sys::CLONES_AT_CREATION
        && source.before.size > IN_PLACE_MOST
        && let Ok((file, metadata)) = StagedFile::clone_of(&place.to.dir, run, source.file)
    {
        let size = source.before.size;
        let result = staged(batch, place, &source, (file, Some(metadata), size), how)?;
        batch.job.add_bytes(size);
        return Ok(ItemResult {
            bytes: size,
            method: method::CLONEFILE,
            ..result
        });
    }
    let file = batch.destination()?.staged(&place.to)?;
    staged(batch, place, &source, (file, None, 0), how)
}

fn in_place(batch: &mut Batch, place: &Place, source: &Opened) -> Outcome<ItemResult> {
    let file = batch.destination()?.in_place(&place.to, None)?;
    let target = Target {
        file: file.as_fd(),
        device: place.to.dir.device()?,
        mode: None,
        known: None,
        start: 0,
    };
    let result = fill(batch, place, source, &target)?;
    file.finish();
    Ok(result)
}

fn staged<'a>(
    batch: &mut Batch<'a>,
    place: &Place<'a>,
    source: &Opened,
    (file, known, start): (StagedFile, Option<Metadata>, u64),
    how: Publish,
) -> Outcome<ItemResult> {
    let draft = Draft::begin(batch.destination()?, &place.to, file, &source.before, start)?;
    let target = Target {
        file: draft.as_fd(),
        device: place.to.dir.device()?,
        mode: None,
        known,
        start,
    };
    let filled = fill(batch, place, source, &target);
    draft.settle(filled, place.to.name, how)
}

/// Copies content and finishes the file; all but its name.
fn fill(batch: &mut Batch, place: &Place, source: &Opened, target: &Target) -> Outcome<ItemResult> {
    let (copied, after, again) = content(batch, source, target)?;
    let xattrs = batch
        .source()?
        .xattrs(Held::open(source.file), after.device)?;
    let result = complete(batch, place, source.file, target, &copied, &after, xattrs)?;
    Ok(ItemResult {
        flags: result.flags | again,
        ..result
    })
}

/// Gives a file that has its content all the rest, but for its name.
pub(super) fn complete(
    batch: &Batch,
    place: &Place,
    source: BorrowedFd,
    target: &Target,
    copied: &Copied,
    after: &Metadata,
    xattrs: Option<Xattrs>,
) -> Outcome<ItemResult> {
    let request = batch.job.request;
    let whole = !request.has(flag::XATTRS)
        || sys::copy_large_streams(source, target.file, || batch.job.check())?;
    let look = Look {
        uid: after.uid,
        gid: after.gid,
        mode: Some(after.mode),
        mtime_ns: after.mtime_ns,
        set_owner: request.has(flag::OWNER),
        xattrs: xattrs.as_deref(),
    };
    let to = &place.to;
    let age = match (&target.known, target.mode) {
        (Some(known), _) => Age::Known(known),
        (None, Some(mode)) => Age::NewWithMode(&to.dir, mode),
        (None, None) => Age::New(&to.dir),
    };
    let flush = copied.length_ahead || target.start > 0 || to.dir.reports_late();
    let result = finish_file(batch.job, to.index, target.file, &look, age, flush)?;
    Ok(ItemResult {
        bytes: copied.bytes,
        method: copied.method,
        flags: result.flags
            | if whole {
                0
            } else {
                result_flag::XATTRS_DROPPED
            },
        ..result
    })
}

/// Copies content; if the source changed meanwhile, once again and whole.
fn content(batch: &mut Batch, source: &Opened, target: &Target) -> Outcome<(Copied, Metadata, u8)> {
    let pair = batch.pair(source.before.device, target.device);
    let ladder = Ladder {
        job: batch.job,
        pair: &pair,
        from: source.file,
        to: target.file,
        began_ns: batch.began_ns,
    };
    let (mut before, mut start) = (source.before, target.start);
    for again in [0, result_flag::READ_AGAIN] {
        let copied = ladder.copy(&before, start)?;
        let after = sys::stat_fd(source.file).at(Step::Stat)?;
        if !copied.short && !before.content_changed(&after) {
            return Ok((copied, after, again));
        }
        sys::truncate(target.file, 0).at(Step::Write)?;
        (before, start) = (after, 0);
    }
    Err(Fail::new(Status::Changed, Step::Read))
}
