//! Copying one regular file.

use super::batch::{Batch, Place};
use super::ladder::{Copied, Ladder};
use super::resume;
use crate::block::{Item, Kind};
use crate::dirs::Dir;
use crate::finish::{Age, Look, finish};
use crate::in_place::InPlace;
use crate::journal::{self, Partial};
use crate::request::{action, flag};
use crate::results::{ItemResult, method, result_flag};
use crate::staging::{Publish, StagedFile};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Errno, Held, Metadata, OwnedFd};

/// Up to this size a new file is made under its final name: a rename each costs 25 to 40 % on small files.
const IN_PLACE_MOST: u64 = 1 << 20;

/// Opens a source file and sees that it is the one that was recorded.
///
/// # Errors
///
/// `changed` where it is another kind or inode by now.
pub(super) fn open_source(dir: &Dir, name: &[u8], item: &Item) -> Outcome<(OwnedFd, Metadata)> {
    let changed = Fail::new(Status::Changed, Step::Open);
    let file = sys::open_file(dir.as_fd(), name).map_err(|errno| match errno {
        // A link, a socket or a device without a driver: not what was recorded.
        Errno::LOOP | Errno::NXIO => changed,
        other => Fail::from((other, Step::Open)),
    })?;
    let metadata = sys::stat_fd(&file).at(Step::Stat)?;
    if metadata.kind != Kind::File || (item.inode != 0 && metadata.inode != item.inode) {
        return Err(changed);
    }
    Ok((file, metadata))
}

/// An open source file, and what it was before it was read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub file: BorrowedFd<'a>,
    pub before: Metadata,
}

/// A destination file that has no final name yet, or was just made under it.
struct Target<'a> {
    file: BorrowedFd<'a>,
    device: u64,
    /// What an adopted file looked like; `None` for a new one.
    known: Option<Metadata>,
    /// Content up to here is there already.
    start: u64,
}

/// Copies one file: in place where it is small and new, else staged.
pub(super) fn copy(batch: &mut Batch, place: &Place) -> Outcome<ItemResult> {
    let (file, before) = open_source(&place.from, place.name, &place.item)?;
    let source = Source {
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
        && let Ok((file, metadata)) = StagedFile::clone_of(&place.to, run, source.file)
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
    let (file, metadata) = batch.creating(place, || StagedFile::create(&place.to, run))?;
    place.to.learn(&metadata);
    staged(batch, place, &source, (file, None, 0), how)
}

fn in_place(batch: &mut Batch, place: &Place, source: &Source) -> Outcome<ItemResult> {
    let file = batch.creating(place, || {
        sys::create_file(place.to.as_fd(), place.new_name).at(Step::Create)
    })?;
    let file = InPlace::new(&place.to, place.new_name, file);
    let target = Target {
        file: file.as_fd(),
        device: place.to.device()?,
        known: None,
        start: 0,
    };
    let result = fill(batch, place, source, &target)?;
    file.finish();
    Ok(result)
}

fn staged(
    batch: &mut Batch,
    place: &Place,
    source: &Source,
    (file, known, start): (StagedFile, Option<Metadata>, u64),
    how: Publish,
) -> Outcome<ItemResult> {
    let partial = Partial {
        directory: place.to_path,
        staged: file.name(),
        target: place.new_name,
        size: source.before.size,
        mtime_ns: source.before.mtime_ns,
    };
    let run = batch.job.request.run;
    let kept = batch.job.request.has(flag::KEEP_PARTIAL)
        && source.before.size >= resume::LEAST_BYTES
        // Noted before the first byte: a kill leaves no time for it. Without a note nobody finds the file.
        && journal::add(batch.root()?, run, &partial, start)?;
    let device = place.to.device()?;
    let target = Target {
        file: file.as_fd(),
        device,
        known,
        start,
    };
    match fill(batch, place, source, &target) {
        Ok(result) => {
            file.publish(place.new_name, how)?;
            Ok(result)
        }
        Err(fail) => {
            if kept && resume::is_worth_keeping(fail) {
                let reached = sys::stat_fd(&file).map_or(0, |now| now.size);
                // The first note is enough to find the file.
                let _ = journal::add(batch.root()?, run, &partial, reached);
                file.keep();
            }
            Err(fail)
        }
    }
}

/// Copies content and finishes the file; all but its name.
fn fill(batch: &mut Batch, place: &Place, source: &Source, target: &Target) -> Outcome<ItemResult> {
    let (copied, after, again) = content(batch, source, target)?;
    let index = place.index as u32;
    // Length without data must never get the final time: see promise 6 in the design. A network file system
    // says only now whether there was room.
    if copied.length_ahead || target.start > 0 || place.to.reports_late() {
        batch.job.at(index, Step::Flush);
        sys::fdatasync(target.file).at(Step::Flush)?;
    }
    let request = batch.job.request;
    let xattrs = batch.xattrs(Held::open(source.file), &after)?;
    let whole = !request.has(flag::XATTRS)
        || sys::copy_large_streams(source.file, target.file, || batch.job.check())?;
    let look = Look {
        uid: after.uid,
        gid: after.gid,
        mode: Some(after.mode),
        mtime_ns: after.mtime_ns,
        set_owner: request.has(flag::OWNER),
        xattrs: xattrs.as_deref(),
    };
    let age = target
        .known
        .as_ref()
        .map_or(Age::New(&place.to), Age::Known);
    let result = finish(Held::open(target.file), &look, age)?;
    if request.has(flag::FSYNC) {
        batch.job.at(index, Step::Flush);
        sys::fsync(target.file).at(Step::Flush)?;
    }
    Ok(ItemResult {
        bytes: copied.bytes,
        method: copied.method,
        flags: result.flags
            | again
            | if whole {
                0
            } else {
                result_flag::XATTRS_DROPPED
            },
        ..result
    })
}

/// Copies content; if the source changed meanwhile, once again and whole.
fn content(batch: &mut Batch, source: &Source, target: &Target) -> Outcome<(Copied, Metadata, u8)> {
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
