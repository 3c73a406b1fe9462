use std::fs;

use super::run;
use crate::block::{Item, Kind, NO_PARENT};
use crate::request::{Op, flag};
use crate::status::Status;
use crate::testing::{self, Head, handle_at};

fn item<'n>(name: &'n str, target: &'n str, kind: Kind) -> Item<'n> {
    Item {
        name: name.as_bytes(),
        target: target.as_bytes(),
        kind,
        parent: NO_PARENT,
        ..Item::default()
    }
}

#[test]
fn renames_replace_only_where_they_may() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name);
    for dir in ["from/d", "to/e", "to/full/x"] {
        fs::create_dir_all(path(dir)).unwrap();
    }
    for file in ["from/a", "from/b", "from/c", "from/d/x", "to/taken"] {
        fs::write(path(file), file).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc", path("to/out")).unwrap();
    let inode = testing::stat(&path("from/a")).inode;
    let head = Head {
        source: handle_at(&path("from")),
        destination: handle_at(&path("to")),
        ..Head::new(Op::Rename)
    };
    let statuses = |flags, items: &[Item]| {
        let (outcome, results, _) = testing::run(run, &Head { flags, ..head }.request(items));
        outcome.unwrap();
        (0..items.len())
            .map(|i| testing::status_of(&results, i))
            .collect::<Vec<_>>()
    };
    let file = Kind::File;
    let items = [
        item("a", "taken", file),
        item("d", "full", Kind::Directory),
        Item {
            inode: inode + 1,
            ..item("a", "new", file)
        },
        item("a", "new", Kind::Symlink),
        item("a", "out/x", file),
        Item {
            inode,
            ..item("a", "e/new", file)
        },
        item("d", "d", Kind::Directory),
        item("gone", "x", file),
    ];
    let expected = [
        Status::Exists,
        Status::Exists,
        Status::Changed,
        Status::Changed,
        if cfg!(unix) {
            Status::Escaped
        } else {
            Status::NotFound
        },
        Status::Ok,
        Status::Ok,
        Status::NotFound,
    ];
    assert_eq!(
        statuses(flag::NO_REPLACE | flag::FSYNC, &items),
        expected.map(|status| status as u32)
    );
    assert_eq!(fs::read(path("to/taken")).unwrap(), b"to/taken");
    assert_eq!(testing::stat(&path("to/e/new")).inode, inode);
    assert!(path("to/d/x").exists() && !path("from/d").exists());

    let items = [item("b", "taken", file), item("c", "full", file)];
    assert_eq!(
        statuses(0, &items),
        [Status::Ok as u32, Status::IsDirectory as u32]
    );
    assert_eq!(fs::read(path("to/taken")).unwrap(), b"from/b");
    for root in [head.source, head.destination] {
        crate::root::close(root).unwrap();
    }
}
