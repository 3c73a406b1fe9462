//! Mending metadata of entries that exist: owner, attributes and ACLs, mode, mtime.

use std::sync::Arc;

use crate::attributes;
use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::dirs::{Dir, DirCache};
use crate::finish::{Age, Look, finish};
use crate::request::flag;
use crate::results::{ItemResult, Results};
use crate::root::Root;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, Holder, Metadata};
use crate::xattr::{self, Xattrs};

/// Mends every item of the destination root.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let mut meta = Meta {
        job,
        carried: request.trailing(),
        source: match request.source {
            0 => None,
            _ => Some(Tree::new(job.source()?)),
        },
        destination: Tree::new(job.destination()?),
    };
    for i in 0..request.len() {
        if job.cancelled() {
            results.fail_from(i, Fail::cancelled());
            return Ok(());
        }
        job.at(i as u32, Step::SetMode);
        match meta.mend(&request.path(i), &request.item(i)) {
            Ok(result) => results.set(i, result),
            Err(fail) => results.fail(i, fail),
        }
        job.add_entry();
    }
    Ok(())
}

struct Meta<'a> {
    job: &'a JobContext<'a>,
    /// Attributes that the request carries, a list for each item from the next one on.
    carried: &'a [u8],
    source: Option<Tree>,
    destination: Tree,
}

impl Meta<'_> {
    fn mend(&mut self, path: &[u8], item: &Item) -> Outcome<ItemResult> {
        let request = self.job.request;
        let target = if item.target.is_empty() {
            path
        } else {
            item.target
        };
        let carries = request.has(flag::XATTRS) && !request.trailing().is_empty();
        // Taken before anything can fail: the next item's list is the next one.
        let carried = match carries {
            true => attributes::take(&mut self.carried)?,
            false => None,
        };
        let (holder, now) = self.destination.hold(target, item.kind)?;
        let xattrs = match carries {
            true => carried,
            false => self.xattrs(path, now.kind)?,
        };
        let look = Look {
            uid: item.uid,
            gid: item.gid,
            mode: (now.kind != Kind::Symlink).then_some(item.mode),
            mtime_ns: item.mtime_ns,
            set_owner: request.has(flag::OWNER),
            xattrs: xattrs.as_deref(),
        };
        let result = finish(holder.held(), &look, Age::Known(&now))?;
        if request.has(flag::FSYNC) && matches!(now.kind, Kind::File | Kind::Directory) {
            holder.sync().at(Step::Flush)?;
        }
        Ok(result)
    }

    /// What the source entry carries; `None` where it isn't asked for or can't be said.
    fn xattrs(&mut self, path: &[u8], kind: Kind) -> Outcome<Option<Xattrs>> {
        match &mut self.source {
            Some(source) if self.job.request.has(flag::XATTRS) => {
                let (holder, _) = source.hold(path, kind)?;
                xattr::read_all(holder.held())
            }
            _ => Ok(None),
        }
    }
}

/// A root and the directories that are open below it.
pub struct Tree {
    root: Arc<Root>,
    dirs: DirCache,
}

impl Tree {
    /// Nothing is open below it yet.
    pub fn new(root: Arc<Root>) -> Self {
        Self {
            dirs: DirCache::new(Arc::clone(&root)),
            root,
        }
    }

    /// Holds the entry at `path`, which must be of this kind unless that is unknown.
    pub fn hold(&mut self, path: &[u8], kind: Kind) -> Outcome<(Holder, Metadata)> {
        if path.is_empty() {
            let holder = Holder::open(self.root.as_fd(), b".", Kind::Directory).at(Step::Open)?;
            let now = sys::stat_fd(&holder).at(Step::Stat)?;
            return Ok((holder, now));
        }
        let (dir, name): (Arc<Dir>, &[u8]) = self.dirs.parent_of(path)?;
        let kind = match kind {
            Kind::Unknown => sys::stat_name(&*dir, name).at(Step::Stat)?.kind,
            known => known,
        };
        let changed = Fail::new(Status::Changed, Step::Open);
        let holder = Holder::open(dir.as_fd(), name, kind).map_err(|errno| {
            if sys::means_other_kind(errno) {
                changed
            } else {
                Fail::from((errno, Step::Open))
            }
        })?;
        let now = sys::stat_fd(&holder).at(Step::Stat)?;
        if now.kind == kind {
            Ok((holder, now))
        } else {
            Err(changed)
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
