//! Copies of small trees in temporary directories, through whole requests.

mod content;
mod danger;
#[cfg(unix)]
mod kinds;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::run;
use crate::block::{Item, Kind, NO_PARENT, u32_at, u64_at};
use crate::request::{Op, action};
use crate::results::{RESULT_BYTES, Results};
use crate::status::Status;
use crate::sys;
use crate::testing::{self, Head, handle_at};

/// Run id of the tests' copies.
const RUN: u64 = 0xb117;

/// A source and a destination.
struct Pair {
    _temp: TempDir,
    from: PathBuf,
    to: PathBuf,
    head: Head,
}

impl Pair {
    fn new() -> Pair {
        Pair::within(tempfile::tempdir().unwrap())
    }

    fn within(temp: TempDir) -> Pair {
        let (from, to) = (temp.path().join("from"), temp.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::create_dir(&to).unwrap();
        let head = Head {
            source: handle_at(&from),
            destination: handle_at(&to),
            run: RUN,
            ..Head::new(Op::Copy)
        };
        Pair {
            _temp: temp,
            from,
            to,
            head,
        }
    }

    /// Writes a source file.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.from.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The item of a source entry, as a scan records it.
    fn item<'n>(&self, name: &'n str, action: u16) -> Item<'n> {
        recorded(&self.from, name, action)
    }

    fn copy(&self, flags: u32, items: &[Item]) -> Results {
        let request = Head { flags, ..self.head }.request(items);
        let (outcome, results, _) = testing::run(run, &request);
        outcome.unwrap();
        results
    }

    /// Copies one entry and returns its status.
    fn copy_one(&self, flags: u32, name: &str, action: u16) -> (Status, Results) {
        let results = self.copy(flags, &[self.item(name, action)]);
        (status(&results, 0), results)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.to.join(name)).unwrap()
    }

    /// Names in the destination, sorted.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.to)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// Where a name goes only with its last handle, a folder whose root is open could not be removed.
impl Drop for Pair {
    fn drop(&mut self) {
        for root in [self.head.source, self.head.destination] {
            let _ = crate::root::close(root);
        }
    }
}

fn recorded<'n>(root: &Path, name: &'n str, action: u16) -> Item<'n> {
    let metadata = testing::stat(&root.join(name));
    Item {
        name: name.as_bytes(),
        action,
        parent: NO_PARENT,
        ..Item::of(&metadata)
    }
}

/// The item of a parent directory.
fn parent(name: &str, action: u16) -> Item<'_> {
    Item {
        name: name.as_bytes(),
        kind: Kind::Directory,
        action,
        parent: NO_PARENT,
        ..Item::default()
    }
}

fn status(results: &Results, i: usize) -> Status {
    let all = [
        Status::Ok,
        Status::Bug,
        Status::Usage,
        Status::NotFound,
        Status::Permission,
    ]
    .into_iter()
    .chain([
        Status::Exists,
        Status::NotDirectory,
        Status::IsDirectory,
        Status::NoSpace,
    ])
    .chain([
        Status::ReadOnly,
        Status::Io,
        Status::Changed,
        Status::Escaped,
        Status::Unsupported,
    ])
    .chain([
        Status::Cancelled,
        Status::Busy,
        Status::CrossDevice,
        Status::LinkLoop,
    ]);
    let number = testing::status_of(results, i);
    all.into_iter().find(|&s| s as u32 == number).unwrap()
}

fn flags(results: &Results, i: usize) -> u8 {
    results.as_bytes()[i * RESULT_BYTES + 17]
}

fn step(results: &Results, i: usize) -> u32 {
    u32_at(results.as_bytes(), i * RESULT_BYTES + 16) >> 16
}

fn inode(results: &Results, i: usize) -> u64 {
    u64_at(results.as_bytes(), i * RESULT_BYTES + 24)
}

/// Bytes that no two blocks of which are equal.
fn noise(bytes: usize) -> Vec<u8> {
    const BLOCK: usize = 64 << 10;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = Vec::with_capacity(BLOCK);
    while block.len() < BLOCK {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        block.extend(state.to_le_bytes());
    }
    // One block over and over, each with its number: an emulator takes minutes to make all of it anew.
    let mut content = block.repeat(bytes.div_ceil(BLOCK));
    for (number, block) in content.chunks_mut(BLOCK).enumerate() {
        block[..8].copy_from_slice(&(number as u64).to_le_bytes());
    }
    content.truncate(bytes);
    content
}

const CREATE: u16 = action::CREATE;
const REPLACE: u16 = action::REPLACE;
const RESUME: u16 = action::RESUME;
