//! Copying what has no content: symlinks, FIFOs, sockets, devices.

use std::os::fd::AsFd;

use super::batch::{Batch, Place};
use super::in_place::InPlace;
use crate::block::Kind;
use crate::finish::{Age, Look, finish};
use crate::request::{action, flag};
use crate::results::ItemResult;
use crate::staging::{self, Publish, Staged};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, Errno, Holder, Metadata};
use crate::xattr::Xattrs;

/// How often an unlocked staged entry that a sweeping run took away is made again.
const ATTEMPTS: usize = 3;

/// Makes one entry like the source's: under its name where it is new, else staged and renamed.
pub(super) fn copy(batch: &mut Batch, place: &Place) -> Outcome<ItemResult> {
    let source = Source::read(batch, place)?;
    match place.item.action {
        action::CREATE => {
            batch.creating(place, || {
                source.make(place, place.new_name).at(Step::Create)
            })?;
            let made = source.hold(place, place.new_name)?;
            let made = InPlace::new(&place.to, place.new_name, made);
            let result = source.finish(batch, place, made.entry())?;
            made.finish();
            Ok(result)
        }
        action::REPLACE => {
            for _ in 0..ATTEMPTS {
                match replace(batch, place, &source) {
                    // What is no file can't be locked: another run may have taken it for a leftover.
                    Err(fail) if fail.status == Status::NotFound => {}
                    other => return other,
                }
            }
            Err(Fail::new(Status::Busy, Step::Replace))
        }
        _ => Err(Fail::usage()),
    }
}

fn replace(batch: &mut Batch, place: &Place, source: &Source) -> Outcome<ItemResult> {
    let run = batch.job.request.run;
    let (name, ()) = batch.creating(place, || {
        staging::make(run, |name| source.make(place, name)).at(Step::Create)
    })?;
    let staged = Staged::new(place.to.clone(), name);
    let made = source.hold(place, staged.name())?;
    let result = source.finish(batch, place, &made)?;
    staged.publish(place.new_name, Publish::Replace)?;
    Ok(result)
}

/// The source entry, read anew: what the scan saw may be minutes old.
struct Source {
    metadata: Metadata,
    target: Vec<u8>,
    xattrs: Option<Xattrs>,
}

impl Source {
    fn read(batch: &mut Batch, place: &Place) -> Outcome<Source> {
        let changed = Fail::new(Status::Changed, Step::Stat);
        let (kind, inode) = (place.item.kind, place.item.inode);
        let metadata = sys::stat_name(&*place.from, place.name).at(Step::Stat)?;
        if metadata.kind != kind || (inode != 0 && inode != metadata.inode) {
            return Err(changed);
        }
        let target = match kind {
            Kind::Symlink => match sys::read_link(&*place.from, place.name) {
                // A file by now.
                Err(Errno::INVAL) => return Err(changed),
                other => other.at(Step::ReadLink)?,
            },
            _ => Vec::new(),
        };
        // On a symlink only the system's own namespaces exist, which nobody else may write.
        let none = kind == Kind::Symlink && sys::effective_uid() != 0;
        let xattrs = if none || !batch.job.request.has(flag::XATTRS) {
            None
        } else {
            let holder = Holder::open(place.from.as_fd(), place.name, kind).at(Step::Open)?;
            batch.xattrs(holder.held(), &metadata)?
        };
        Ok(Source { metadata, target, xattrs })
    }

    fn make(&self, place: &Place, name: &[u8]) -> Result<(), Errno> {
        match place.item.kind {
            Kind::Symlink => sys::make_symlink(&self.target, &*place.to, name),
            kind => sys::make_node(&*place.to, name, kind, self.metadata.rdev),
        }
    }

    /// Holds what was just made, so that no other entry planted under its name gets owner or mode.
    fn hold(&self, place: &Place, name: &[u8]) -> Outcome<Holder> {
        let holder = Holder::open(place.to.as_fd(), name, place.item.kind).at(Step::Open)?;
        let made = sys::stat_fd(&holder).at(Step::Stat)?;
        let own = made.kind == place.item.kind
            && made.links == 1
            && made.uid == sys::effective_uid()
            && (made.kind == Kind::Symlink || made.rdev == self.metadata.rdev);
        if own { Ok(holder) } else { Err(Fail::new(Status::Changed, Step::Create)) }
    }

    fn finish(&self, batch: &Batch, place: &Place, made: &Holder) -> Outcome<ItemResult> {
        let Metadata { uid, gid, mode, mtime_ns, .. } = self.metadata;
        let look = Look {
            uid,
            gid,
            mode: (place.item.kind != Kind::Symlink).then_some(mode),
            mtime_ns,
            set_owner: batch.job.request.has(flag::OWNER),
            xattrs: self.xattrs.as_deref(),
        };
        finish(made.held(), &look, Age::New(&place.to))
    }
}
