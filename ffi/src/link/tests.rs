use std::fs;

use super::run;
use crate::block::{Item, Kind, NO_PARENT};
use crate::request::{Op, action, flag};
use crate::status::Status;
use crate::testing::{self, Head, handle_at};

fn item<'n>(name: &'n str, target: &'n str, action: u16) -> Item<'n> {
    Item {
        name: name.as_bytes(),
        target: target.as_bytes(),
        kind: Kind::File,
        action,
        parent: NO_PARENT,
        ..Item::default()
    }
}

#[test]
fn links_are_made_replaced_and_checked() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name);
    fs::create_dir(path("d")).unwrap();
    fs::write(path("d/one"), "one").unwrap();
    fs::write(path("taken"), "taken").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc", path("out")).unwrap();
    let inode = testing::stat(&path("d/one")).inode;
    let items = [
        Item {
            inode,
            ..item("two", "d/one", action::CREATE)
        },
        item("taken", "d/one", action::CREATE),
        Item {
            inode: inode + 1,
            ..item("three", "d/one", action::CREATE)
        },
        item("taken", "d/one", action::REPLACE),
        item("taken", "two", action::REPLACE),
        item("four", "out/passwd", action::CREATE),
        item("four", "gone", action::CREATE),
    ];
    let head = Head {
        destination: handle_at(temp.path()),
        flags: flag::FSYNC,
        ..Head::new(Op::Link)
    };
    let (outcome, results, _) = testing::run(run, &head.request(&items));
    outcome.unwrap();
    let statuses: Vec<u32> = (0..items.len())
        .map(|i| testing::status_of(&results, i))
        .collect();
    let expected = [
        Status::Ok,
        Status::Exists,
        Status::Changed,
        Status::Ok,
        Status::Ok,
        if cfg!(unix) {
            Status::Escaped
        } else {
            Status::NotFound
        },
        Status::NotFound,
    ];
    assert_eq!(statuses, expected.map(|status| status as u32));
    for name in ["two", "taken"] {
        assert_eq!(testing::stat(&path(name)).inode, inode);
    }
    assert_eq!(
        testing::stat(&path("d/one")).links,
        3,
        "no staged name is left"
    );
    assert_eq!(
        fs::read_dir(temp.path()).unwrap().count(),
        if cfg!(unix) { 4 } else { 3 }
    );
}
