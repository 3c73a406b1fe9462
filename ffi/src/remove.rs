//! Removing entries that still are what was recorded.

mod stale;

use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::dirs::{Dir, DirCache, widening};
use crate::durable::Touched;
use crate::names;
use crate::request::flag;
use crate::results::{ItemResult, Results};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, OwnedFd};
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
            remove(&mut dirs, &path, &item, request.has(flag::UNWRITTEN))
        };
        match removed {
            Ok(widened) => {
                results.set(i, ItemResult::default().widened(widened));
                touched.add(names::split(&path).0, i);
            }
            Err(fail) => results.fail(i, fail),
        }
        job.add_entry();
    }
    touched.sync(job, &mut dirs, results);
    Ok(())
}

fn remove(dirs: &mut DirCache, path: &[u8], item: &Item, unwritten: bool) -> Outcome<bool> {
    // Nothing is removed by its name alone.
    if item.inode == 0 || item.kind == Kind::Unknown {
        return Err(Fail::usage().at(Step::Remove));
    }
    let (dir, name) = dirs.parent_of(path)?;
    // Before the last look: what is written before the lease is seen by it, what would be after it waits.
    let lease = if unwritten && item.kind == Kind::File {
        Lease::take(&dir, name)?
    } else {
        None
    };
    let now = sys::stat_name(&*dir, name).at(Step::Remove)?;
    // A directory's ctime moves with each name that is removed from it, an inode's with each of its other
    // names that comes or goes: that is no change of what this name shows.
    let is_directory = now.kind == Kind::Directory;
    let relinked = item.links > 1 && now.size == item.size && now.mtime_ns == item.mtime_ns;
    let same = now.kind == item.kind
        && dir.shows(item, &now)
        && (is_directory || relinked || now.ctime_ns == item.ctime_ns);
    if !same {
        return Err(Fail::new(Status::Changed, Step::Remove));
    }
    let change = || {
        if let Some(lease) = &lease {
            lease.check()?;
        }
        if is_directory {
            sys::remove_directory(&*dir, name)
        } else {
            sys::remove_file(&*dir, name)
        }
        .at(Step::Remove)
    };
    widening(&dir, change).map(|((), widened)| widened)
}

/// Keeps writers from a file while it is looked at and removed.
struct Lease(OwnedFd);

impl Lease {
    /// `None` where the system, the file system or the caller's rights allow none.
    ///
    /// # Errors
    ///
    /// `busy` where somebody has the file open for writing.
    fn take(dir: &Dir, name: &[u8]) -> Outcome<Option<Lease>> {
        // Over a network a refused lease says nothing about writers.
        if dir.reports_late() {
            return Ok(None);
        }
        // What is gone or of another kind by now is the last look's business.
        let Ok(file) = dir.open_file(name) else {
            return Ok(None);
        };
        let held = sys::forbid_writers(file.as_fd()).at(Step::Remove)?;
        Ok(held.then_some(Lease(file)))
    }

    /// Fails where a writer has come meanwhile: once the lease is given back, it will write.
    fn check(&self) -> Outcome<()> {
        sys::no_writer_waits(self.0.as_fd()).at(Step::Remove)
    }
}

#[cfg(test)]
mod tests;
