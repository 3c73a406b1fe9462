use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::XattrFlags;

use super::run;
use crate::block::{Item, Kind, NO_PARENT};
use crate::request::{Op, flag};
use crate::results::Results;
use crate::status::Status;
use crate::sys;
use crate::testing::{self, Head, handle_at};

const TIME: i64 = 1_000_000_000_000_000_005;

fn item(name: &str, kind: Kind, mode: u32) -> Item<'_> {
    Item {
        name: name.as_bytes(),
        kind,
        mode,
        mtime_ns: TIME,
        parent: NO_PARENT,
        ..Item::default()
    }
}

fn looks(path: &Path) -> (u32, i64, i64) {
    let now = fs::symlink_metadata(path).unwrap();
    (now.mode() & 0o7777, now.mtime(), now.mtime_nsec())
}

fn statuses(results: &Results) -> Vec<u32> {
    (0..results.len())
        .map(|i| testing::status_of(results, i))
        .collect()
}

#[test]
fn mode_and_time_of_every_kind_are_set_without_following() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name);
    fs::create_dir(path("d")).unwrap();
    fs::write(path("f"), "x").unwrap();
    fs::write(path("secret"), "x").unwrap();
    fs::set_permissions(path("secret"), PermissionsExt::from_mode(0o000)).unwrap();
    symlink("f", path("link")).unwrap();
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path("fifo"),
        rustix::fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    let head = Head {
        destination: handle_at(temp.path()),
        ..Head::new(Op::Meta)
    };
    let items = [
        item("f", Kind::File, 0o4755),
        item("link", Kind::Symlink, 0o777),
        item("fifo", Kind::Fifo, 0o622),
        item("secret", Kind::File, 0o200),
        item("d", Kind::Directory, 0o2500),
        item("link", Kind::File, 0o600),
        item("", Kind::Directory, 0o711),
    ];
    let (outcome, results, _) = testing::run(run, &head.request(&items));
    outcome.unwrap();
    let changed = Status::Changed as u32;
    assert_eq!(statuses(&results), [0, 0, 0, 0, 0, changed, 0]);
    // Without the owner flag nobody vouches for whose rights a set-id bit would lend.
    for (name, mode) in [
        ("f", 0o755),
        ("fifo", 0o622),
        ("secret", 0o200),
        ("d", 0o2500),
        ("", 0o711),
    ] {
        assert_eq!(looks(&path(name)), (mode, 1_000_000_000, 5), "{name:?}");
    }
    assert_eq!(looks(&path("link")).2, 5);
}

#[test]
fn owner_is_set_when_asked_for() {
    if sys::effective_uid() != 0 {
        testing::skip("only root may do this");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("f"), "x").unwrap();
    symlink("f", temp.path().join("link")).unwrap();
    let head = Head {
        destination: handle_at(temp.path()),
        ..Head::new(Op::Meta)
    };
    let items = [
        Item {
            uid: 12,
            gid: 34,
            ..item("f", Kind::File, 0o6755)
        },
        Item {
            uid: 56,
            gid: 78,
            ..item("link", Kind::Symlink, 0)
        },
    ];
    testing::run(run, &head.request(&items)).0.unwrap();
    assert_eq!(
        looks(&temp.path().join("f")).0,
        0o755,
        "set-id bits need their owner"
    );
    testing::run(
        run,
        &Head {
            flags: flag::OWNER,
            ..head
        }
        .request(&items),
    )
    .0
    .unwrap();
    let owner = |name| {
        fs::symlink_metadata(temp.path().join(name))
            .map(|m| (m.uid(), m.gid()))
            .unwrap()
    };
    assert_eq!((owner("f"), owner("link")), ((12, 34), (56, 78)));
    assert_eq!(looks(&temp.path().join("f")).0, 0o6755);
}

#[test]
fn attributes_become_the_sources() {
    let temp = tempfile::tempdir().unwrap();
    let (from, to) = (temp.path().join("from"), temp.path().join("to"));
    let set = |path: &Path, name: &str, value: &[u8]| {
        rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).is_ok()
    };
    for dir in [&from, &to] {
        fs::create_dir(dir).unwrap();
        fs::write(dir.join("f"), "x").unwrap();
    }
    if !set(&from.join("f"), "user.new", b"new") {
        testing::skip("this file system keeps no user attributes");
        return;
    }
    set(&from.join("f"), "user.both", b"source");
    set(&to.join("f"), "user.both", b"destination");
    set(&to.join("f"), "user.extra", b"extra");
    let (source, destination) = (handle_at(&from), handle_at(&to));
    let head = Head {
        source,
        destination,
        flags: flag::XATTRS,
        ..Head::new(Op::Meta)
    };
    testing::run(run, &head.request(&[item("f", Kind::File, 0o644)]))
        .0
        .unwrap();
    let dir = fs::File::open(&to).unwrap();
    let holder = sys::Holder::open(std::os::fd::AsFd::as_fd(&dir), b"f", Kind::File).unwrap();
    let all = crate::xattr::read_all(holder.held()).unwrap().unwrap();
    let expected = [("user.both", "source"), ("user.new", "new")];
    assert_eq!(
        all,
        expected.map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
    );
}

#[test]
fn attributes_may_come_with_the_request_a_list_for_each_item() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name);
    for name in ["first", "second"] {
        fs::write(path(name), "x").unwrap();
    }
    if rustix::fs::setxattr(path("second"), "user.extra", b"x", XattrFlags::empty()).is_err() {
        return testing::skip("this file system keeps no user attributes");
    }
    let mut lists = Vec::new();
    for value in ["one", "none", "two"] {
        let mut list = Vec::new();
        assert!(crate::attributes::pack(
            &[(b"user.v".to_vec(), value.into())],
            &mut list
        ));
        lists.extend((list.len() as u32).to_le_bytes());
        lists.extend(list);
    }
    let head = Head {
        destination: handle_at(temp.path()),
        flags: flag::XATTRS,
        ..Head::new(Op::Meta)
    };
    lists.extend(u32::MAX.to_le_bytes());
    let items = ["first", "gone", "second", "first"].map(|name| item(name, Kind::File, 0o644));
    let request = crate::request::Request::parse(head.pack(&items, &lists)).unwrap();
    let (outcome, results, _) = testing::run(run, &request);
    outcome.unwrap();
    assert_eq!(statuses(&results), [0, Status::NotFound as u32, 0, 0]);
    let read = |name: &str, attribute: &str| {
        let mut value = [0; 8];
        rustix::fs::getxattr(path(name), attribute, &mut value[..]).map(|n| value[..n].to_vec())
    };
    assert_eq!(read("first", "user.v").unwrap(), b"one");
    assert_eq!(read("second", "user.v").unwrap(), b"two");
    assert!(read("second", "user.extra").is_err());
    let request = crate::request::Request::parse(head.pack(&items, &lists[..9])).unwrap();
    assert_eq!(
        statuses(&testing::run(run, &request).1)[2],
        Status::Usage as u32
    );
}
