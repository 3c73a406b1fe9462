//! A tree that inputs may do anything to, and its surroundings, which nobody may touch.
//!
//! The kernel says what was touched (inotify), so that an input that touches nothing costs one call, and every
//! input begins with the same tree.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tempfile::TempDir;

/// What changes a directory or its entries.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::ATTRIB);
/// What looks into one.
const LOOKS: WatchFlags = WatchFlags::OPEN.union(WatchFlags::ACCESS);

/// What may be said of the root itself.
const OWN: ReadFlags = ReadFlags::ATTRIB
    .union(ReadFlags::MODIFY)
    .union(ReadFlags::ISDIR);

/// How many inputs a root may serve: what it holds of them must not fill the process.
const INPUTS: u32 = 256;

/// One event: which watch, what, and the name in the watched directory.
type Event = (i32, ReadFlags, Vec<u8>);

/// In memory: `around/inside` is the tree, `around/outside` a file that nobody may read or write.
pub struct Thrown {
    temp: TempDir,
    /// Watches everything but the tree.
    surroundings: OwnedFd,
    /// Watches the tree.
    changes: OwnedFd,
    /// The watch of the tree's root.
    root: i32,
    inputs: AtomicU32,
}

impl Thrown {
    /// Makes one.
    #[allow(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Thrown {
        let temp = tempfile::tempdir_in("/dev/shm").expect("a place in memory");
        let around = temp.path().join("around");
        fs::create_dir(&around).expect("a folder of its own");
        fs::write(around.join("outside"), "outside").expect("a file beside the root");
        fs::create_dir(around.join("inside")).expect("a root");
        let surroundings = watcher();
        // The folder's own opening is seen from above it: watched itself, it would tell of the root's.
        watch(&surroundings, temp.path(), CHANGES | LOOKS);
        watch(&surroundings, &around, CHANGES);
        watch(&surroundings, &around.join("outside"), CHANGES | LOOKS);
        let changes = watcher();
        let root = watch(&changes, &around.join("inside"), CHANGES);
        let thrown = Thrown {
            temp,
            surroundings,
            changes,
            root,
            inputs: AtomicU32::new(0),
        };
        thrown.restore(["a", "d", "up"].map(Vec::from).into());
        thrown
    }

    /// The tree's root.
    pub fn inside(&self) -> PathBuf {
        self.temp.path().join("around/inside")
    }

    /// Makes the tree again what it was, where an input changed it. Returns whether a root that is open on it
    /// is to be opened anew: it may hold what is gone.
    pub fn fill(&self) -> bool {
        let mut changed = BTreeSet::new();
        for (watch, what, name) in events(&self.changes) {
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                let all = fs::read_dir(self.inside()).expect("a root that is there");
                changed.extend(
                    all.flatten()
                        .map(|entry| entry.file_name().as_bytes().to_vec()),
                );
                changed.extend(["a", "d", "up"].map(Vec::from));
            } else if watch != self.root {
                changed.insert(b"d".to_vec());
            } else if !name.is_empty() {
                changed.insert(name);
            }
        }
        let is_changed = !changed.is_empty();
        if is_changed {
            self.restore(changed);
        }
        is_changed || self.inputs.fetch_add(1, Relaxed).is_multiple_of(INPUTS)
    }

    /// Removes these entries of the root and makes those that belong there.
    fn restore(&self, names: BTreeSet<Vec<u8>>) {
        let inside = self.inside();
        for name in names {
            let path = inside.join(OsStr::from_bytes(&name));
            // It may be closed to its own maker, or gone.
            if fs::remove_file(&path).is_err() {
                let _ = fs::remove_dir_all(&path);
            }
            match &name[..] {
                b"a" => fs::write(path, "content").expect("a file"),
                b"d" => {
                    fs::create_dir(&path).expect("a folder");
                    fs::write(path.join("b"), [7; 5000]).expect("a file in it");
                    watch(&self.changes, &path, CHANGES);
                }
                b"up" => symlink("..", path).expect("a link that leads out"),
                _ => {}
            }
        }
        // What this did itself.
        events(&self.changes);
    }

    /// Panics where something outside of the tree was made, changed, removed, opened or read.
    pub fn check(&self) {
        for (_, what, name) in events(&self.surroundings) {
            let name = String::from_utf8_lossy(&name);
            // The root's own mode and times may be set: its mtime alone counts as a change of content.
            let allowed = name == "inside" && OWN.contains(what);
            assert!(allowed, "outside of the root: {what:?} {name:?}");
        }
    }
}

fn watcher() -> OwnedFd {
    inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("an inotify instance")
}

fn watch(watcher: &OwnedFd, path: &Path, flags: WatchFlags) -> i32 {
    inotify::add_watch(watcher, path, flags | WatchFlags::DONT_FOLLOW).expect("a watch")
}

/// What happened since the last call.
fn events(watcher: &OwnedFd) -> Vec<Event> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(watcher, &mut buffer);
    let mut events = Vec::new();
    loop {
        match reader.next() {
            Ok(event) => {
                let name = event.file_name().map(|name| name.to_bytes().to_vec());
                events.push((event.wd(), event.events(), name.unwrap_or_default()));
            }
            Err(Errno::AGAIN) => return events,
            Err(errno) => panic!("inotify: {errno}"),
        }
    }
}
