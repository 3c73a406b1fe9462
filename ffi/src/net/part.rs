//! The parts in which several streams share one large file, and the files that are open between them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::block::Kind;
use crate::dirs::Dir;
use crate::request::Request;
use crate::staging::StagedFile;
use crate::status::{Fail, Outcome, Status, Step};
use crate::sys::{AsFd, BorrowedFd, Metadata};

const MIB: u64 = 1 << 20;
/// A number of MiBs in parameter 1.
const MIBS: u64 = (1 << 28) - 1;

/// What a batch is of its file, by its parameter 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, and of any number of other items.
    Whole,
    /// Its beginning: the staged file is made.
    Open,
    /// Some of its content.
    Ranges {
        /// Where it begins, bytes.
        first: u64,
        /// Where it ends, unless the file ends before, bytes.
        end: u64,
    },
    /// Its end: metadata and name.
    Finish,
}

impl Part {
    /// What a request asks for.
    ///
    /// # Errors
    ///
    /// `usage` for an unknown number, or for parts of anything but one file.
    pub fn of(request: &Request) -> Outcome<Part> {
        let (first, end) = (request.p1 >> 8 & MIBS, request.p1 >> 36);
        let part = match (request.p1 & 0xff, request.p1 >> 8) {
            (0, 0) => return Ok(Part::Whole),
            (1, 0) => Part::Open,
            (2, _) if first < end => Part::Ranges {
                first: first * MIB,
                end: end * MIB,
            },
            (3, 0) => Part::Finish,
            _ => return Err(Fail::usage()),
        };
        let mut items = (0..request.len()).map(|i| request.item(i).kind);
        let one_file =
            items.next_back() == Some(Kind::File) && items.all(|kind| kind == Kind::Directory);
        one_file.then_some(part).ok_or(Fail::usage())
    }
}

/// A staged file between its first part and its last.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: StagedFile,
    /// The directory that it is in.
    pub dir: Arc<Dir>,
    size: u64,
    mtime_ns: i64,
    /// Stretches that are there, sorted, none touching another.
    there: Mutex<Vec<(u64, u64)>>,
}

impl OpenFile {
    /// A file that will be like `look`.
    pub fn new(file: StagedFile, dir: Arc<Dir>, look: &Metadata) -> Self {
        Self {
            file,
            dir,
            size: look.size,
            mtime_ns: look.mtime_ns,
            there: Mutex::default(),
        }
    }

    /// Fails with `changed` where a part speaks of another version of the file.
    pub fn expect(&self, look: &Metadata) -> Outcome<()> {
        if (look.size, look.mtime_ns) == (self.size, self.mtime_ns) {
            Ok(())
        } else {
            Err(Fail::new(Status::Changed, Step::Read))
        }
    }

    /// Notes that this stretch is there.
    pub fn add(&self, first: u64, end: u64) {
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        there.push((first, end.min(self.size)));
        there.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(there.len());
        for &(first, end) in there.iter() {
            match merged.last_mut() {
                Some(last) if first <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((first, end)),
            }
        }
        *there = merged;
    }

    /// Whether every byte is there.
    pub fn is_whole(&self) -> bool {
        let there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        *there == [(0, self.size)]
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Root handle, run and path of an open file.
type Key = (u32, u64, Vec<u8>);

static OPEN: Mutex<Option<HashMap<Key, Arc<OpenFile>>>> = Mutex::new(None);

/// Most files that are open at once in one root: several streams share each.
const MOST: usize = 64;

fn open() -> MutexGuard<'static, Option<HashMap<Key, Arc<OpenFile>>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key of item `index`.
pub fn key_of(request: &Request, index: usize) -> Key {
    let path = request.path(index).into_owned();
    (request.destination, request.run, path)
}

/// Holds a file until its last part.
///
/// # Errors
///
/// `too_many_files`.
pub fn hold(key: Key, file: OpenFile) -> Outcome<()> {
    let mut opened = open();
    let all = opened.get_or_insert_default();
    let of_root = all.keys().filter(|(root, _, _)| *root == key.0).count();
    if of_root >= MOST && !all.contains_key(&key) {
        return Err(Fail::new(Status::TooManyFiles, Step::Create));
    }
    let replaced = all.insert(key, Arc::new(file));
    drop(opened);
    // Removing a file may wait for a disk: not under the lock.
    drop(replaced);
    Ok(())
}

/// An open file, for one part of its content.
pub fn get(key: &Key) -> Outcome<Arc<OpenFile>> {
    let all = open();
    let found = all.as_ref().and_then(|all| all.get(key));
    found
        .map(Arc::clone)
        .ok_or(Fail::new(Status::NotFound, Step::Write))
}

/// Takes an open file out: its last part, or it is void.
///
/// # Errors
///
/// `busy` where a part of its content is still on its way: then the file is gone with that.
pub fn take(key: &Key) -> Outcome<OpenFile> {
    let taken = open().as_mut().and_then(|all| all.remove(key));
    let taken = taken.ok_or(Fail::new(Status::NotFound, Step::Write))?;
    Arc::try_unwrap(taken).map_err(|_| Fail::new(Status::Busy, Step::Write))
}

/// Drops the open files below a root that was closed.
pub fn forget_root(handle: u32) {
    let gone: Vec<Arc<OpenFile>> = match open().as_mut() {
        Some(all) => all
            .extract_if(|(root, _, _), _| *root == handle)
            .map(|(_, file)| file)
            .collect(),
        None => Vec::new(),
    };
    // Removing files may wait for a disk: not under the lock.
    drop(gone);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Item, NO_PARENT};
    use crate::request::Op;
    use crate::testing::Head;

    fn part(p1: u64, kinds: &[Kind]) -> Outcome<Part> {
        let items: Vec<Item> = kinds
            .iter()
            .map(|&kind| Item {
                name: b"n",
                kind,
                parent: NO_PARENT,
                ..Item::default()
            })
            .collect();
        let head = Head {
            p1,
            ..Head::new(Op::Copy)
        };
        Part::of(&head.request(&items))
    }

    #[test]
    fn parameter_1_says_which_part_of_one_file_a_batch_is() {
        let file = [Kind::Directory, Kind::File];
        assert_eq!(part(0, &[Kind::File, Kind::File]), Ok(Part::Whole));
        assert_eq!(part(1, &file), Ok(Part::Open));
        assert_eq!(part(3, &file[1..]), Ok(Part::Finish));
        let ranges = Part::Ranges {
            first: 3 * MIB,
            end: 5 * MIB,
        };
        assert_eq!(part(2 | 3 << 8 | 5 << 36, &file), Ok(ranges));
        for (p1, kinds) in [
            (4, &file[..]),
            (1 << 8, &file),
            (1 | 1 << 36, &file),
            (2 | 5 << 8 | 5 << 36, &file),
            (1, &[Kind::File, Kind::File]),
            (1, &[Kind::Symlink]),
            (1, &[Kind::File, Kind::Directory]),
            (1, &[]),
        ] {
            assert_eq!(part(p1, kinds), Err(Fail::usage()), "{p1:x} {kinds:?}");
        }
    }
}
