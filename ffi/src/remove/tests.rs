use std::fs::{self, File};
#[cfg(unix)]
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::run;
use crate::block::{Item, Kind, NO_PARENT};
use crate::request::{Op, flag};
#[cfg(unix)]
use crate::root;
use crate::staging::name_of;
use crate::status::Status;
use crate::sys;
#[cfg(unix)]
use crate::sys::AsFd;
use crate::testing::{self, Head, handle_at};

struct Place {
    temp: TempDir,
    head: Head,
}

impl Place {
    fn new() -> Place {
        let temp = tempfile::tempdir().unwrap();
        let head = Head {
            destination: handle_at(temp.path()),
            ..Head::new(Op::Remove)
        };
        Place { temp, head }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }
    fn item<'n>(&self, name: &'n str) -> Item<'n> {
        let found = testing::stat(&self.path(name));
        Item {
            name: name.as_bytes(),
            parent: NO_PARENT,
            ..Item::of(&found)
        }
    }
    fn remove(&self, flags: u32, item: Item) -> u32 {
        let (outcome, results, _) =
            testing::run(run, &Head { flags, ..self.head }.request(&[item]));
        outcome.unwrap();
        testing::status_of(&results, 0)
    }
}

const OK: u32 = Status::Ok as u32;
const CHANGED: u32 = Status::Changed as u32;
const BUSY: u32 = Status::Busy as u32;

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_open_for_writing_stays_where_that_was_asked_for() {
    let place = Place::new();
    for name in ["open", "closed"] {
        fs::write(place.path(name), "x").unwrap();
    }
    let writer = File::options()
        .append(true)
        .open(place.path("open"))
        .unwrap();
    let reader = File::open(place.path("closed")).unwrap();
    let unwritten = |name| place.remove(flag::UNWRITTEN, place.item(name));
    assert_eq!([unwritten("open"), unwritten("closed")], [BUSY, OK]);
    drop((writer, reader));
    assert_eq!(unwritten("open"), OK);
    assert!(!exists(&place.path("open")) && !exists(&place.path("closed")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_writer_that_waits_for_a_lease_is_seen_and_ends_nothing() {
    let place = Place::new();
    fs::write(place.path("f"), "x").unwrap();
    let held = File::open(place.path("f")).unwrap();
    assert_eq!(sys::forbid_writers(held.as_fd()), Ok(true));
    assert_eq!(sys::no_writer_waits(held.as_fd()), Ok(()));
    let path = place.path("f");
    let writer = std::thread::spawn(move || {
        fs::write(path, "later").unwrap();
    });
    while sys::no_writer_waits(held.as_fd()).is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(fs::read(place.path("f")).unwrap(), b"x");
    drop(held);
    writer.join().unwrap();
    assert_eq!(fs::read(place.path("f")).unwrap(), b"later");
}

#[test]
fn only_what_was_recorded_is_removed() {
    let place = Place::new();
    fs::write(place.path("f"), "x").unwrap();
    let recorded = place.item("f");
    for other in [
        Item {
            inode: recorded.inode + 1,
            ..recorded
        },
        Item {
            ctime_ns: recorded.ctime_ns + 1,
            ..recorded
        },
        Item {
            kind: Kind::Symlink,
            ..recorded
        },
    ] {
        assert_eq!(place.remove(0, other), CHANGED);
    }
    assert_eq!(
        place.remove(
            0,
            Item {
                inode: 0,
                ..recorded
            }
        ),
        Status::Usage as u32
    );
    fs::rename(place.path("f"), place.path("aside")).unwrap();
    fs::write(place.path("f"), "another").unwrap();
    assert_eq!(place.remove(0, recorded), CHANGED);
    assert_eq!(fs::read(place.path("f")).unwrap(), b"another");
    assert_eq!(place.remove(0, place.item("f")), OK);
    assert!(!exists(&place.path("f")) && exists(&place.path("aside")));
}

#[cfg(unix)]
#[test]
fn directories_go_only_when_empty_and_links_alone() {
    let place = Place::new();
    fs::create_dir_all(place.path("d/e")).unwrap();
    symlink("d", place.path("link")).unwrap();
    assert_eq!(place.remove(0, place.item("d")), Status::NotEmpty as u32);
    let (outer, inner) = (place.item("d"), place.item("d/e"));
    assert_eq!(place.remove(flag::FSYNC, inner), OK);
    assert_eq!(
        place.remove(0, outer),
        OK,
        "losing an entry does not make it another directory"
    );
    assert_eq!(place.remove(0, place.item("link")), OK);
    let through = Item {
        name: b"link/x",
        ..outer
    };
    symlink("/etc", place.path("link")).unwrap();
    assert_eq!(place.remove(0, through), Status::Escaped as u32);
}

#[test]
fn every_name_of_a_hardlink_can_be_removed() {
    let place = Place::new();
    fs::write(place.path("one"), "x").unwrap();
    fs::hard_link(place.path("one"), place.path("two")).unwrap();
    let (one, two) = (place.item("one"), place.item("two"));
    assert_eq!(place.remove(0, one), OK);
    fs::write(place.path("two"), "rewritten").unwrap();
    assert_eq!(place.remove(0, two), CHANGED);
    assert_eq!(place.remove(0, place.item("two")), OK);
}

#[test]
fn a_sweep_takes_only_staged_names() {
    let place = Place::new();
    fs::write(place.path("f"), "x").unwrap();
    fs::write(place.path(".blit-x"), "x").unwrap();
    for name in ["f", ".blit-x"] {
        assert_eq!(
            place.remove(flag::STALE, place.item(name)),
            Status::Refused as u32
        );
        assert!(exists(&place.path(name)));
    }
}

#[test]
fn a_sweep_leaves_what_is_locked() {
    let place = Place::new();
    let name = String::from_utf8(name_of(0xdead, 7)).unwrap();
    let file = File::create(place.path(&name)).unwrap();
    assert!(sys::try_lock(&file).unwrap());
    assert_eq!(place.remove(flag::STALE, place.item(&name)), BUSY);
    assert!(exists(&place.path(&name)));
    drop(file);
    assert_eq!(place.remove(flag::STALE, place.item(&name)), OK);
    assert!(!exists(&place.path(&name)));
}

#[cfg(unix)]
#[test]
fn a_sweep_leaves_what_has_no_lock_of_its_own_while_its_run_lives() {
    let place = Place::new();
    let staged = String::from_utf8(name_of(0xdead, 7)).unwrap();
    symlink("x", place.path(&staged)).unwrap();
    let marker = File::create(place.path(&String::from_utf8(name_of(0xdead, 0)).unwrap())).unwrap();
    assert!(sys::try_lock(&marker).unwrap());
    assert_eq!(place.remove(flag::STALE, place.item(&staged)), BUSY);
    let own = Head {
        run: 0xdead,
        flags: flag::STALE,
        ..place.head
    };
    let (_, results, _) = testing::run(run, &own.request(&[place.item(&staged)]));
    assert_eq!(
        testing::status_of(&results, 0),
        OK,
        "a run may remove its own"
    );
    symlink("x", place.path(&staged)).unwrap();
    drop(marker);
    assert_eq!(place.remove(flag::STALE, place.item(&staged)), OK);
}

#[cfg(unix)]
#[test]
fn a_sweep_removes_a_directory_with_all_that_is_in_it_and_nothing_outside() {
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kept"), "x").unwrap();
    let staged = String::from_utf8(name_of(0xdead, 9)).unwrap();
    // Deeper than directories are held open, and than a path may be long.
    let mut dir = place.path(&staged);
    fs::create_dir(&dir).unwrap();
    let mut held = sys::open_directory(
        File::open(place.temp.path()).unwrap().as_fd(),
        staged.as_bytes(),
    );
    for level in 0..300 {
        let fd = held.unwrap();
        let name = format!("{level}-{}", "n".repeat(20));
        sys::make_directory(&fd, name.as_bytes()).unwrap();
        sys::make_symlink(
            outside.path().as_os_str().as_encoded_bytes(),
            &fd,
            b"link",
            0,
        )
        .unwrap();
        sys::create_file(fd.as_fd(), b"file").unwrap();
        held = sys::open_directory(fd.as_fd(), name.as_bytes());
        dir.push(name);
    }
    assert!(dir.as_os_str().len() > 4096);
    fs::set_permissions(
        place.path(&staged),
        std::os::unix::fs::PermissionsExt::from_mode(0o500),
    )
    .unwrap();
    assert_eq!(place.remove(flag::STALE, place.item(&staged)), OK);
    assert!(!exists(&place.path(&staged)));
    assert!(outside.path().join("kept").exists());
    root::close(place.head.destination).unwrap();
}
