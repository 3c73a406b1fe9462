//! Sweeping up what runs that are no more left under staged names.

use std::collections::HashMap;
use std::sync::Arc;

use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::dirs::{DirCache, widening};
use crate::root::Root;
use crate::staging::{self, MARKER_NUMBER};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, DirReader, Errno, Held, OwnedFd};

/// Most directories of a tree that are open at once. What lies deeper is moved up first.
const MOST_DEPTH: usize = 64;

/// One job's sweep.
pub(super) struct Sweep<'a> {
    job: &'a JobContext<'a>,
    root: Arc<Root>,
    /// Whether a run's marker is locked, asked once.
    alive: HashMap<u64, bool>,
}

impl<'a> Sweep<'a> {
    pub fn new(job: &'a JobContext<'a>, root: Arc<Root>) -> Self {
        Self {
            job,
            root,
            alive: HashMap::new(),
        }
    }

    /// Removes one staged entry; a directory with all that is in it.
    ///
    /// # Errors
    ///
    /// `refused` where the name is not a staged one; `busy` where its run lives.
    pub fn remove(&mut self, dirs: &mut DirCache, path: &[u8], item: &Item) -> Outcome<bool> {
        let (dir, name) = dirs.parent_of(path)?;
        let Some((run, number)) = staging::parse_name(name) else {
            return Err(Fail::new(Status::Refused, Step::Remove));
        };
        let now = sys::stat_name(&*dir, name).at(Step::Remove)?;
        if item.inode != 0 && !dir.shows(item, &now) {
            return Err(Fail::new(Status::Changed, Step::Remove));
        }
        let busy = Fail::new(Status::Busy, Step::Remove);
        // What is no file has no lock of its own. This run's own leftovers are its own to remove.
        if number != MARKER_NUMBER && run != self.job.request.run && self.is_alive(run) {
            return Err(busy);
        }
        match now.kind {
            Kind::Directory => {
                let tree = || remove_tree(self.job, dir.as_fd(), name, now.device);
                widening(&dir, tree).map(|((), widened)| widened)
            }
            Kind::File => {
                // NFS gives the lock to those alone who may write.
                let file = sys::open_file_to_write(dir.as_fd(), name)
                    .or_else(|_| sys::open_file(dir.as_fd(), name))
                    .at(Step::Open)?;
                // Removed while the lock is held: its run cannot be at it again meanwhile.
                if !sys::try_lock(&file).at(Step::Lock)? {
                    return Err(busy);
                }
                let change = || sys::remove_file(&*dir, name).at(Step::Remove);
                widening(&dir, change).map(|((), widened)| widened)
            }
            _ => {
                let change = || sys::remove_file(&*dir, name).at(Step::Remove);
                widening(&dir, change).map(|((), widened)| widened)
            }
        }
    }

    fn is_alive(&mut self, run: u64) -> bool {
        let root = &self.root;
        *self.alive.entry(run).or_insert_with(|| {
            sys::open_file(root.as_fd(), &staging::name_of(run, MARKER_NUMBER))
                .is_ok_and(|marker| sys::is_locked(&marker) == Ok(true))
        })
    }
}

/// A directory on the way down, and what is left to remove in it.
struct Level {
    fd: OwnedFd,
    name: Vec<u8>,
    left: Vec<(Vec<u8>, Kind)>,
}

/// Removes a directory and everything in it, by descriptors, on one device.
fn remove_tree(job: &JobContext, dir: BorrowedFd, name: &[u8], device: u64) -> Outcome<()> {
    let mut levels = vec![enter(dir, name, device)?];
    while let Some(level) = levels.last_mut() {
        job.check()?;
        let Some((child, kind)) = level.left.pop() else {
            let Some(done) = levels.pop() else { break };
            let above = levels.last().map_or(dir, |level| level.fd.as_fd());
            sys::remove_directory(above, &done.name).at(Step::Remove)?;
            continue;
        };
        if kind != Kind::Directory {
            match sys::remove_file(&level.fd, &child) {
                Ok(()) | Err(Errno::NOENT) => continue,
                // A listing need not say the kind.
                Err(Errno::ISDIR | Errno::PERM) if kind == Kind::Unknown => {}
                Err(errno) => return Err(errno).at(Step::Remove),
            }
        }
        if levels.len() < MOST_DEPTH {
            let above = levels[levels.len() - 1].fd.as_fd();
            let below = enter(above, &child, device)?;
            levels.push(below);
        } else {
            let up = staging::next_name(job.request.run);
            let above = &levels[levels.len() - 1].fd;
            sys::rename_new(above, &child, &levels[0].fd, &up).at(Step::Remove)?;
            levels[0].left.push((up, Kind::Directory));
        }
    }
    Ok(())
}

fn enter(dir: BorrowedFd, name: &[u8], device: u64) -> Outcome<Level> {
    let fd = match sys::open_directory(dir, name) {
        Err(Errno::ACCESS) => {
            make_accessible(dir, name).at(Step::Open)?;
            sys::open_directory(dir, name)
        }
        other => other,
    }
    .at(Step::Open)?;
    let now = sys::stat_fd(&fd).at(Step::Stat)?;
    if now.device != device || now.mount_root {
        // Something is mounted here, maybe of the same device; it is not part of what was left.
        return Err(Fail::new(Status::CrossDevice, Step::Remove));
    }
    if now.mode & 0o700 != 0o700 {
        // Needed for removing names; a directory of somebody else's says so by itself.
        let _ = Held::open(fd.as_fd()).set_mode(0o700);
    }
    let mut left = Vec::new();
    let mut reader = DirReader::new();
    while reader
        .fill(fd.as_fd(), |name, _, kind| {
            left.push((name.to_bytes().to_vec(), kind))
        })
        .at(Step::List)?
    {}
    Ok(Level {
        fd,
        name: name.to_vec(),
        left,
    })
}

fn make_accessible(dir: BorrowedFd, name: &[u8]) -> Result<(), Errno> {
    let handle = sys::open_handle(dir, name)?;
    Held::any(handle.as_fd()).set_mode(0o700)
}
