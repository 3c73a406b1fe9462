//! Making hardlinks within the destination.

use std::sync::Arc;

use crate::block::Item;
use crate::control::JobContext;
use crate::dirs::{Dir, DirCache, widening};
use crate::durable::Touched;
use crate::names;
use crate::request::{action, flag};
use crate::results::{ItemResult, Results, result_flag};
use crate::staging::{self, Publish, Staged};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, Metadata};

/// Links every item: `name` becomes another name of `target`.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let mut dirs = DirCache::new(job.destination()?);
    let mut touched = Touched::new(request.has(flag::FSYNC));
    for i in 0..request.len() {
        if job.cancelled() {
            results.fail_from(i, Fail::cancelled());
            break;
        }
        job.at(i as u32, Step::Link);
        let path = request.path(i);
        match link(job, &mut dirs, &path, &request.item(i)) {
            Ok(result) => {
                results.set(i, result);
                touched.add(names::split(&path).0, i);
            }
            Err(fail) => results.fail(i, fail),
        }
        job.add_entry();
    }
    touched.sync(job, &mut dirs, results);
    Ok(())
}

fn link(job: &JobContext, dirs: &mut DirCache, path: &[u8], item: &Item) -> Outcome<ItemResult> {
    let (from, old) = dirs.parent_of(item.target)?;
    let (to, new) = dirs.parent_of(path)?;
    let existing = sys::stat_name(&*from, old).at(Step::Stat)?;
    if item.inode != 0 && !from.shows(item, &existing) {
        return Err(Fail::new(Status::Changed, Step::Link));
    }
    let widened = match item.action {
        action::CREATE => {
            let make = || sys::hard_link(&*from, old, &*to, new).at(Step::Link);
            let ((), widened) = widening(&to, make)?;
            widened
        }
        action::REPLACE => replace(job, (&from, old), (&to, new), &existing)?,
        _ => return Err(Fail::usage()),
    };
    let made = sys::stat_name(&*to, new).at(Step::Stat)?;
    if !is_same(&made, &existing) {
        // The name was given to something else between the look and the link.
        return Err(Fail::new(Status::Changed, Step::Link));
    }
    Ok(ItemResult {
        flags: u8::from(widened) * result_flag::DIRECTORY_WIDENED,
        inode: made.inode,
        ctime_ns: made.ctime_ns,
        mtime_ns: made.mtime_ns,
        ..ItemResult::default()
    })
}

fn replace(
    job: &JobContext,
    (from, old): (&Dir, &[u8]),
    (to, new): (&Arc<Dir>, &[u8]),
    existing: &Metadata,
) -> Outcome<bool> {
    // A rename between two names of one inode does nothing, and would leave the staged name behind.
    if sys::stat_name(&**to, new).is_ok_and(|now| is_same(&now, existing)) {
        return Ok(false);
    }
    let make = || {
        staging::make(job.request.run, |name| {
            sys::hard_link(from, old, &**to, name)
        })
        .at(Step::Link)
    };
    let ((name, ()), widened) = widening(to, make)?;
    Staged::new(Arc::clone(to), name).publish(new, Publish::Replace)?;
    Ok(widened)
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.device, one.inode) == (other.device, other.inode)
}

#[cfg(test)]
mod tests;
