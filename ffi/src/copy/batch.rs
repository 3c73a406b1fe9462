//! What the items of one batch share: open parents, what is known of their file systems, durability.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::ladder::{Pair, Pairs};
use super::{discard, file, special};
use crate::block::{ENTRY_RENAMED, Item, Kind, NO_PARENT};
use crate::control::JobContext;
use crate::dirs::{Dir, DirCache, creating};
use crate::durable::Touched;
use crate::names;
use crate::request::{action, flag};
use crate::results::{ItemResult, Results, result_flag};
use crate::root::Root;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, Errno, Held, Metadata};
use crate::xattr::{self, Xattrs};

/// One batch on its way.
pub(super) struct Batch<'a> {
    pub job: &'a JobContext<'a>,
    /// None where the batch only makes directories.
    source: Option<DirCache>,
    /// None where everything is read and nothing written.
    destination: Option<Destination>,
    pairs: Pairs,
    /// Parents that could not be had: their children fail the same way.
    failed: HashMap<u32, Fail>,
    /// Items whose directory was made writable.
    widened: Vec<usize>,
    touched: Touched,
    /// A file system that said it keeps no attributes: it need not be asked for every file.
    without_xattrs: Option<u64>,
    /// Nanoseconds since 1970, when the batch began.
    pub began_ns: i64,
}

struct Destination {
    root: Arc<Root>,
    dirs: DirCache,
}

/// Where one item comes from and goes to.
pub(super) struct Place<'a> {
    /// Index of the item.
    pub index: usize,
    pub item: Item<'a>,
    pub from: Arc<Dir>,
    /// Name in the source directory.
    pub name: &'a [u8],
    pub to: Arc<Dir>,
    /// Path of the destination directory.
    pub to_path: &'a [u8],
    /// Name in the destination directory.
    pub new_name: &'a [u8],
}

impl<'a> Batch<'a> {
    pub fn new(job: &'a JobContext<'a>) -> Outcome<Self> {
        let destination = if job.request.has(flag::DISCARD) {
            None
        } else {
            let root = job.destination()?;
            Some(Destination {
                dirs: DirCache::new(Arc::clone(&root)),
                root,
            })
        };
        Ok(Self {
            job,
            source: match job.request.source {
                0 => None,
                _ => Some(DirCache::new(job.source()?)),
            },
            destination,
            pairs: Pairs::default(),
            failed: HashMap::new(),
            widened: Vec::new(),
            touched: Touched::new(job.request.has(flag::FSYNC)),
            without_xattrs: None,
            began_ns: now_ns(),
        })
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
        let Some(destination) = &mut self.destination else {
            return Ok(ItemResult::default());
        };
        let mut flags = 0;
        match item.action {
            action::PARENT_EXISTS => drop(destination.dirs.open(item.name)?),
            action::PARENT_CREATE => {
                self.job.at(index as u32, Step::MakeDirectory);
                let (created, widened) =
                    make_path(&mut destination.dirs, &mut self.touched, index, item.name)?;
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

    /// Copies anything but a directory.
    pub fn entry(&mut self, index: usize, item: &Item<'a>) -> Outcome<ItemResult> {
        let item = *item;
        if !matches!(
            item.action,
            action::CREATE | action::REPLACE | action::RESUME
        ) {
            return Err(Fail::usage());
        }
        let (above, name) = if item.parent == NO_PARENT {
            names::split(item.name)
        } else {
            if let Some(&fail) = self.failed.get(&item.parent) {
                return Err(fail);
            }
            (self.job.request.item(item.parent as usize).name, item.name)
        };
        names::check_name(name, Step::Open)?;
        let from = self.source.as_mut().ok_or(Fail::usage())?.open(above)?;
        let Some(destination) = &mut self.destination else {
            return discard::read(self.job, &from, name, &item);
        };
        // A symlink's target is what the scan read, and a resumed file's is its staged path.
        let names_link = item.kind == Kind::Symlink && item.flags & ENTRY_RENAMED == 0;
        let renamed = !item.target.is_empty() && !names_link && item.action != action::RESUME;
        let new_name = if renamed { item.target } else { name };
        names::check_name(new_name, Step::Create)?;
        let to = destination.dirs.open(above)?;
        let place = Place {
            index,
            item,
            from,
            name,
            to,
            to_path: above,
            new_name,
        };
        let copied = match item.kind {
            Kind::File => file::copy(self, &place),
            Kind::Unknown | Kind::Directory => Err(Fail::usage()),
            _ => special::copy(self, &place),
        }?;
        self.touched.add(above, index);
        Ok(copied)
    }

    /// Makes something in the destination directory; where only a missing `u+wx` of an own directory is in
    /// the way, adds it and tries again.
    pub fn creating<T>(&mut self, place: &Place, make: impl Fn() -> Outcome<T>) -> Outcome<T> {
        let (made, widened) = creating(&place.to, make)?;
        if widened {
            self.note_widened(place);
        }
        Ok(made)
    }

    /// Notes that the destination directory was made writable: its own result will say so.
    pub fn note_widened(&mut self, place: &Place) {
        let parent = place.item.parent;
        self.widened.push(if parent == NO_PARENT {
            place.index
        } else {
            parent as usize
        });
    }

    /// What this pair of file systems is known to do.
    pub fn pair(&mut self, from: u64, to: u64) -> Arc<Pair> {
        self.pairs.get(from, to)
    }

    /// The root of the destination.
    pub fn root(&self) -> Outcome<&Root> {
        self.destination
            .as_ref()
            .map(|d| &*d.root)
            .ok_or(Fail::usage())
    }

    /// Attributes of a source entry; `None` where they are not asked for.
    pub fn xattrs(&mut self, entry: Held, metadata: &Metadata) -> Outcome<Option<Xattrs>> {
        if !self.job.request.has(flag::XATTRS) || self.without_xattrs == Some(metadata.device) {
            return Ok(None);
        }
        let all = xattr::read_all(entry)?;
        if all.is_none() {
            self.without_xattrs = Some(metadata.device);
        }
        Ok(all)
    }

    /// Puts directories on disk and hands over what was noted about them.
    pub fn close(mut self, results: &mut Results) {
        if let Some(destination) = &mut self.destination {
            self.touched.sync(self.job, &mut destination.dirs, results);
        }
        for index in self.widened {
            results.add_flags(index, result_flag::DIRECTORY_WIDENED);
        }
    }
}

/// Makes a directory and its missing ancestors. Returns whether it was made, and whether an existing one
/// above it was made writable.
fn make_path(
    dirs: &mut DirCache,
    touched: &mut Touched,
    index: usize,
    path: &[u8],
) -> Outcome<(bool, bool)> {
    names::check_path(path, Step::MakeDirectory)?;
    // From the deepest that exists, found upwards, everything below is made downwards.
    let mut missing = vec![path];
    let mut above = loop {
        let (above, _) = names::split(missing[missing.len() - 1]);
        if path.is_empty() {
            return Ok((false, false));
        }
        match dirs.open(above) {
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
                touched.add(parent, index);
                if inherits {
                    dirs.open(next)?.drop_inherited_acls()?;
                }
            }
            // There already, or made by another job meanwhile: opening tells whether it is a directory.
            Err(Errno::EXIST) if missing.is_empty() => drop(dirs.open(next)?),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno).at(Step::MakeDirectory),
        }
        if !missing.is_empty() {
            above = dirs.open(next)?;
        }
    }
    Ok((created, widened))
}

fn now_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
        })
}
