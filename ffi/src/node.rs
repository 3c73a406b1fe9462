//! Entries without content: symlinks, FIFOs, sockets, devices.

use std::sync::Arc;

use crate::block::Kind;
use crate::dirs::{Dir, creating};
use crate::finish::{Age, Look, finish};
use crate::in_place::InPlace;
use crate::results::ItemResult;
use crate::staging::{self, Publish, Staged};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, Errno, Holder, Metadata};
use crate::xattr::Xattrs;

/// How often an unlocked staged entry that a sweeping run took away is made again.
const ATTEMPTS: usize = 3;

/// What to make.
#[derive(Debug)]
pub struct Node {
    /// Kind, device number, owner, mode and mtime.
    pub metadata: Metadata,
    /// Target of a symlink, else empty.
    pub target: Vec<u8>,
    /// Extended attributes; `None`: not asked for.
    pub xattrs: Option<Xattrs>,
    /// Whether to set owner and group.
    pub set_owner: bool,
}

impl Node {
    /// Makes the entry under a name that nothing has.
    pub fn create(&self, dir: &Dir, name: &[u8], run: u64) -> Outcome<ItemResult> {
        let ((), widened) = creating(dir, || self.make(dir, name).at(Step::Create))?;
        let made = InPlace::new(dir, name, self.hold(dir, name, run)?);
        let result = self.finish(dir, made.entry())?;
        made.finish();
        Ok(result.widened(widened))
    }

    /// Makes the entry under a staged name and renames it in place of what has the name.
    pub fn replace(&self, dir: &Arc<Dir>, name: &[u8], run: u64) -> Outcome<ItemResult> {
        for _ in 0..ATTEMPTS {
            match self.try_replace(dir, name, run) {
                // What is no file can't be locked: another run may have taken it for a leftover.
                Err(fail) if fail.status == Status::NotFound => {}
                other => return other,
            }
        }
        Err(Fail::new(Status::Busy, Step::Replace))
    }

    fn try_replace(&self, dir: &Arc<Dir>, name: &[u8], run: u64) -> Outcome<ItemResult> {
        let ((staged, ()), widened) = creating(dir, || {
            staging::make(run, |name| self.make(dir, name)).at(Step::Create)
        })?;
        let staged = Staged::new(Arc::clone(dir), staged);
        let made = self.hold(dir, staged.name(), run)?;
        let result = self.finish(dir, &made)?;
        staged.publish(name, Publish::Replace)?;
        Ok(result.widened(widened))
    }

    fn make(&self, dir: &Dir, name: &[u8]) -> Result<(), Errno> {
        match self.metadata.kind {
            Kind::Symlink => sys::make_symlink(&self.target, dir, name, self.metadata.rdev),
            kind => sys::make_node(dir, name, kind, self.metadata.rdev),
        }
    }

    /// Holds what was just made, so that no other entry planted under its name gets owner or mode.
    fn hold(&self, dir: &Dir, name: &[u8], run: u64) -> Outcome<Holder> {
        let kind = self.metadata.kind;
        let holder = Holder::open(dir.as_fd(), name, kind).at(Step::Open)?;
        let made = sys::stat_fd(&holder).at(Step::Stat)?;
        let device = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
        let own = made.kind == kind
            // Some file systems of user space count no names.
            && made.links <= 1
            && is_own(dir, made.uid, run)?
            && (!device || made.rdev == self.metadata.rdev);
        if own {
            Ok(holder)
        } else {
            Err(Fail::new(Status::Changed, Step::Create))
        }
    }

    fn finish(&self, dir: &Dir, made: &Holder) -> Outcome<ItemResult> {
        let Metadata {
            uid,
            gid,
            mode,
            mtime_ns,
            kind,
            ..
        } = self.metadata;
        let look = Look {
            uid,
            gid,
            mode: (kind != Kind::Symlink).then_some(mode),
            mtime_ns,
            set_owner: self.set_owner,
            xattrs: self.xattrs.as_deref(),
        };
        finish(made.held(), &look, Age::New(dir))
    }
}

/// Whether what has this owner may have been made here by this process. Where one owner has all (SMB, some FUSE), or root is
/// nobody (NFS), a file tells whose.
fn is_own(dir: &Dir, uid: u32, run: u64) -> Outcome<bool> {
    if uid == sys::effective_uid() || dir.fresh_owner().is_some_and(|(own, _)| own == uid) {
        return Ok(true);
    }
    let create = |name: &[u8]| sys::create_file(dir.as_fd(), name);
    let (name, file) = staging::make(run, create).at(Step::Create)?;
    let made = sys::stat_fd(&file).at(Step::Stat);
    sys::remove_file(dir, &name).at(Step::Remove)?;
    let made = made?;
    dir.learn(&made);
    Ok(made.uid == uid)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::testing::root_at;

    #[test]
    fn whose_an_entry_is_a_file_made_beside_it_tells() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::new(root_at(temp.path()).open_dir(b"").unwrap());
        let (me, another) = (sys::effective_uid(), sys::effective_uid() + 1);
        assert_eq!(is_own(&dir, me, 7), Ok(true));
        assert_eq!(dir.fresh_owner(), None);
        assert_eq!(is_own(&dir, another, 7), Ok(false));
        assert_eq!(dir.fresh_owner().map(|(uid, _)| uid), Some(me));
        assert_eq!(temp.path().read_dir().unwrap().count(), 0);
        // As a file system that has one owner for all would have shown it.
        dir.learn_fresh_owner(another, 0);
        assert_eq!(is_own(&dir, another, 7), Ok(true));
    }
}
