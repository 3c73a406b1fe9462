//! Renaming from a path in the source root to a path in the destination root.

use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::dirs::{DirCache, widening};
use crate::durable::Touched;
use crate::names;
use crate::request::flag;
use crate::results::{ItemResult, Results, result_flag};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys;

/// Renames every item.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let durable = request.has(flag::FSYNC);
    let (mut from, mut to) = (
        DirCache::new(job.source()?),
        DirCache::new(job.destination()?),
    );
    let (mut left, mut entered) = (Touched::new(durable), Touched::new(durable));
    for i in 0..request.len() {
        if job.cancelled() {
            results.fail_from(i, Fail::cancelled());
            break;
        }
        job.at(i as u32, Step::Rename);
        let (path, item) = (request.path(i), request.item(i));
        match rename(job, &mut from, &mut to, &path, &item) {
            Ok(result) => {
                results.set(i, result);
                left.add(names::split(&path).0, i);
                entered.add(names::split(item.target).0, i);
            }
            Err(fail) => results.fail(i, fail),
        }
        job.add_entry();
    }
    // The new name first: after a crash between the two, an entry with both names is better than with none.
    entered.sync(job, &mut to, results);
    left.sync(job, &mut from, results);
    Ok(())
}

fn rename(
    job: &JobContext,
    from: &mut DirCache,
    to: &mut DirCache,
    path: &[u8],
    item: &Item,
) -> Outcome<ItemResult> {
    let (old_dir, old) = from.parent_of(path)?;
    let (new_dir, new) = to.parent_of(item.target)?;
    let now = sys::stat_name(&*old_dir, old).at(Step::Rename)?;
    let other_kind = item.kind != Kind::Unknown && item.kind != now.kind;
    if other_kind || (item.inode != 0 && !old_dir.shows(item, &now)) {
        return Err(Fail::new(Status::Changed, Step::Rename));
    }
    let change = || {
        if job.request.has(flag::NO_REPLACE) {
            sys::rename_new(&*old_dir, old, &*new_dir, new)
        } else {
            sys::rename(&*old_dir, old, &*new_dir, new)
        }
        .at(Step::Rename)
    };
    let (((), old_widened), new_widened) = widening(&new_dir, || widening(&old_dir, change))?;
    let named = sys::stat_name(&*new_dir, new).at(Step::Stat)?;
    Ok(ItemResult {
        flags: u8::from(old_widened || new_widened) * result_flag::DIRECTORY_WIDENED,
        inode: named.inode,
        ctime_ns: named.ctime_ns,
        mtime_ns: named.mtime_ns,
        ..ItemResult::default()
    })
}

#[cfg(test)]
mod tests;
