//! Removing entries that still are what was recorded.

mod stale;

use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::dirs::{DirCache, widening};
use crate::durable::Touched;
use crate::names;
use crate::request::flag;
use crate::results::{ItemResult, Results, result_flag};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys;
use stale::Sweep;

/// Removes every item from the destination root.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let root = job.destination()?;
    let mut dirs = DirCache::new(root.clone());
    let mut sweep = Sweep::new(job, root);
    let mut touched = Touched::new(request.has(flag::FSYNC));
    for i in 0..request.len() {
        if job.cancelled() {
            results.fail_from(i, Fail::cancelled());
            break;
        }
        job.at(i as u32, Step::Remove);
        let (path, item) = (request.path(i), request.item(i));
        let removed = if request.has(flag::STALE) {
            sweep.remove(&mut dirs, &path, &item)
        } else {
            remove(&mut dirs, &path, &item)
        };
        match removed {
            Ok(widened) => {
                let flags = u8::from(widened) * result_flag::DIRECTORY_WIDENED;
                results.set(
                    i,
                    ItemResult {
                        flags,
                        ..ItemResult::default()
                    },
                );
                touched.add(names::split(&path).0, i);
            }
            Err(fail) => results.fail(i, fail),
        }
        job.add_entry();
    }
    touched.sync(job, &mut dirs, results);
    Ok(())
}

fn remove(dirs: &mut DirCache, path: &[u8], item: &Item) -> Outcome<bool> {
    // Nothing is removed by its name alone.
    if item.inode == 0 || item.kind == Kind::Unknown {
        return Err(Fail::usage().at(Step::Remove));
    }
    let (dir, name) = dirs.parent_of(path)?;
    let now = sys::stat_name(&*dir, name).at(Step::Remove)?;
    // A directory's ctime moves with each name that is removed from it, an inode's with each of its other
    // names that comes or goes: that is no change of what this name shows.
    let is_directory = now.kind == Kind::Directory;
    let relinked = item.links > 1 && now.size == item.size && now.mtime_ns == item.mtime_ns;
    let same = now.kind == item.kind
        && now.inode == item.inode
        && (is_directory || relinked || now.ctime_ns == item.ctime_ns);
    if !same {
        return Err(Fail::new(Status::Changed, Step::Remove));
    }
    let change = || {
        if is_directory {
            sys::remove_directory(&*dir, name)
        } else {
            sys::remove_file(&*dir, name)
        }
        .at(Step::Remove)
    };
    widening(&dir, change).map(|((), widened)| widened)
}

#[cfg(test)]
mod tests;
