//! Where a batch writes: parents checked or made, directories opened once, names put on disk at its end.

use std::collections::HashMap;
use std::sync::Arc;

use crate::block::{ENTRY_RENAMED, Item, Kind, NO_PARENT};
use crate::control::JobContext;
use crate::dirs::{Dir, DirCache, creating};
use crate::durable::Touched;
use crate::in_place::InPlace;
use crate::names;
use crate::node::Node;
use crate::request::{action, flag};
use crate::results::{ItemResult, Results, result_flag};
use crate::root::Root;
use crate::staging::StagedFile;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, Errno, Metadata};
use crate::xattr::Xattrs;

/// The destination of one batch.
pub struct Destination<'a> {
    job: &'a JobContext<'a>,
    root: Arc<Root>,
    dirs: DirCache,
    /// Parents that could not be had: their children fail the same way.
    failed: HashMap<u32, Fail>,
    /// Items whose directory was made writable.
    widened: Vec<usize>,
    touched: Touched,
}

/// Where one item is to be made.
#[derive(Clone)]
pub struct Spot<'a> {
    /// Index of the item.
    pub index: usize,
    /// Index of its parent's record, or [`NO_PARENT`].
    pub parent: u32,
    /// The directory.
    pub dir: Arc<Dir>,
    /// Path of the directory.
    pub path: &'a [u8],
    /// Name in the directory.
    pub name: &'a [u8],
}

impl<'a> Destination<'a> {
    /// The destination beneath the request's root.
    pub fn new(job: &'a JobContext<'a>) -> Outcome<Self> {
        let root = job.destination()?;
        Ok(Self {
            job,
            dirs: DirCache::new(Arc::clone(&root)),
            root,
            failed: HashMap::new(),
            widened: Vec::new(),
            touched: Touched::new(job.request.has(flag::FSYNC)),
        })
    }

    /// The root.
    pub fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// The job that writes.
    pub fn job(&self) -> &'a JobContext<'a> {
        self.job
    }

    /// Checks or makes a parent directory.
    pub fn directory(&mut self, index: usize, item: &Item) -> Outcome<ItemResult> {
        let outcome = self.parent(index, item);
        if let Err(fail) = outcome {
            self.failed.insert(index as u32, fail);
        }
        outcome
    }

    fn parent(&mut self, index: usize, item: &Item) -> Outcome<ItemResult> {
        let mut flags = 0;
        match item.action {
            action::PARENT_EXISTS => drop(self.dirs.open(item.name)?),
            action::PARENT_CREATE => {
                self.job.at(index as u32, Step::MakeDirectory);
                let (created, widened) = self.make_path(index, item.name)?;
                flags |= u8::from(created) * result_flag::CREATED;
                flags |= u8::from(widened) * result_flag::DIRECTORY_WIDENED;
            }
            _ => return Err(Fail::usage()),
        }
        Ok(ItemResult {
            flags,
            ..ItemResult::default()
        })
    }

    /// Makes a directory and its missing ancestors. Returns whether it was made, and whether an existing one
    /// above it was made writable.
    fn make_path(&mut self, index: usize, path: &[u8]) -> Outcome<(bool, bool)> {
        names::check_path(path, Step::MakeDirectory)?;
        // From the deepest that exists, found upwards, everything below is made downwards.
        let mut missing = vec![path];
        let mut above = loop {
            let (above, _) = names::split(missing[missing.len() - 1]);
            if path.is_empty() {
                return Ok((false, false));
            }
            match self.dirs.open(above) {
                Ok(dir) => break dir,
                Err(fail) if fail.status == Status::NotFound && !above.is_empty() => {
                    missing.push(above)
                }
                Err(fail) => return Err(fail),
            }
        };
        let (mut created, mut widened) = (false, false);
        while let Some(next) = missing.pop() {
            let (parent, name) = names::split(next);
            // Before it is made, as in `creating`.
            let inherits = above.has_default_acl();
            let mut made = sys::make_directory(&*above, name);
            if made == Err(Errno::ACCESS) && above.widen() {
                widened = true;
                made = sys::make_directory(&*above, name);
            }
            match made {
                Ok(()) => {
                    created = missing.is_empty();
                    self.touched.add(parent, index);
                    if inherits {
                        self.dirs.open(next)?.drop_inherited_acls()?;
                    }
                }
                // There already, or made by another job meanwhile: opening tells whether it is a directory.
                Err(Errno::EXIST) if missing.is_empty() => drop(self.dirs.open(next)?),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno).at(Step::MakeDirectory),
            }
            if !missing.is_empty() {
                above = self.dirs.open(next)?;
            }
        }
        Ok((created, widened))
    }

    /// Where item `index` is to be made; its directory is opened.
    pub fn spot(&mut self, index: usize, item: &Item<'a>) -> Outcome<Spot<'a>> {
        if let Some(&fail) = self.failed.get(&item.parent) {
            // The directory's own result says what became of that; this is about what was to be in it.
            return Err(fail.at(Step::Create));
        }
        let (path, name) = self.job.request.located(index)?;
        // A symlink's target is what the scan read, and a resumed file's is its staged path.
        let names_link = item.kind == Kind::Symlink && item.flags & ENTRY_RENAMED == 0;
        let renamed = !item.target.is_empty() && !names_link && item.action != action::RESUME;
        let name = if renamed { item.target } else { name };
        names::check_name(name, Step::Create)?;
        Ok(Spot {
            index,
            parent: item.parent,
            dir: self.dirs.open(path)?,
            path,
            name,
        })
    }

    /// Makes something in the destination directory; where only a missing `u+wx` of an own directory is in
    /// the way, adds it and tries again.
    fn creating<T>(&mut self, spot: &Spot, make: impl Fn() -> Outcome<T>) -> Outcome<T> {
        let (made, widened) = creating(&spot.dir, make)?;
        if widened {
            self.note_widened(spot);
        }
        Ok(made)
    }

    /// Notes that the destination directory was made writable: its own result will say so.
    fn note_widened(&mut self, spot: &Spot) {
        self.widened.push(if spot.parent == NO_PARENT {
            spot.index
        } else {
            spot.parent as usize
        });
    }

    /// The mode to make a new file with, where it may have its final one at once: then nobody can read more of
    /// it now than later.
    pub fn lasting_mode(&self, dir: &Dir, look: &Metadata, xattrs: Option<&Xattrs>) -> Option<u32> {
        let owned =
            !self.job.request.has(flag::OWNER) || dir.fresh_owner() == Some((look.uid, look.gid));
        let plain = look.mode & !0o777 == 0 && xattrs.is_none_or(Vec::is_empty);
        (sys::MODES_AT_CREATION && owned && plain && dir.keeps_modes() && !dir.has_default_acl())
            .then_some(look.mode)
    }

    /// Makes a new file under its own name, for its owner only or with the mode that it will keep.
    pub fn in_place<'s>(&mut self, spot: &'s Spot, mode: Option<u32>) -> Outcome<InPlace<'s>> {
        let file = self.creating(spot, || {
            match mode {
                Some(mode) => sys::create_file_as(spot.dir.as_fd(), spot.name, mode),
                None => sys::create_file(spot.dir.as_fd(), spot.name),
            }
            .at(Step::Create)
        })?;
        Ok(InPlace::new(&spot.dir, spot.name, file))
    }

    /// Makes a staged file.
    pub fn staged(&mut self, spot: &Spot) -> Outcome<StagedFile> {
        let run = self.job.request.run;
        let (file, metadata) = self.creating(spot, || StagedFile::create(&spot.dir, run))?;
        spot.dir.learn(&metadata);
        Ok(file)
    }

    /// Makes an entry without content: under its name where it is new, else staged and renamed.
    pub fn node(&mut self, spot: &Spot, node: &Node, action: u16) -> Outcome<ItemResult> {
        let run = self.job.request.run;
        let result = match action {
            action::CREATE => node.create(&spot.dir, spot.name, run)?,
            action::REPLACE => node.replace(&spot.dir, spot.name, run)?,
            _ => return Err(Fail::usage()),
        };
        if result.flags & result_flag::DIRECTORY_WIDENED != 0 {
            self.note_widened(spot);
        }
        Ok(ItemResult {
            flags: result.flags & !result_flag::DIRECTORY_WIDENED,
            ..result
        })
    }

    /// Notes that the item has its name.
    pub fn named(&mut self, spot: &Spot) {
        self.touched.add(spot.path, spot.index);
    }

    /// Puts directories on disk and hands over what was noted about them.
    pub fn close(mut self, results: &mut Results) {
        self.touched.sync(self.job, &mut self.dirs, results);
        for index in self.widened {
            results.add_flags(index, result_flag::DIRECTORY_WIDENED);
        }
    }
}
