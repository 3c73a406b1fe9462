//! Every shape of entry, both ways.

use std::fs;
use std::path::Path;

use super::{WAYS, Way, World, flags, inode, method, names, parent, recorded, statuses};
use crate::request::{action, flag};
use crate::results::method as methods;
use crate::results::result_flag;
use crate::status::Status;
use crate::testing::{bytes_of, stat};

const MIB: usize = 1 << 20;

/// Bytes no two MiBs of which are equal.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = (0..bytes.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let mut content: Vec<u8> = words.collect();
    content.truncate(bytes);
    content
}

fn same(one: &Path, other: &Path) {
    assert_eq!(fs::read(one).unwrap(), fs::read(other).unwrap());
    let (one, other) = (stat(one), stat(other));
    assert_eq!(
        (one.size, one.mtime_ns, one.mode),
        (other.size, other.mtime_ns, other.mode)
    );
}

#[test]
fn files_of_every_size_are_made_and_replaced() {
    for way in WAYS {
        for action in [action::CREATE, action::REPLACE] {
            sizes(way, action);
        }
    }
}

fn sizes(way: Way, action: u16) {
    let world = World::new();
    let (from, to) = world.ends(way);
    let sizes = [
        ("empty", 0),
        ("small", 5),
        ("mib", MIB),
        ("above", MIB + 1),
        ("large", 3 * MIB + 77),
    ];
    for (name, size) in sizes {
        fs::write(from.join(name), noise(size)).unwrap();
        if action == action::REPLACE {
            fs::write(to.join(name), "old").unwrap();
        }
    }
    let items = sizes.map(|(name, _)| recorded(from, name, action));
    let results = world.carry(way, 0, &items);
    assert_eq!(statuses(&results), [Status::Ok; 5]);
    for (i, (name, size)) in sizes.into_iter().enumerate() {
        same(&from.join(name), &to.join(name));
        assert_eq!(bytes_of(&results, i), size as u64);
        assert_eq!(inode(&results, i), stat(&to.join(name)).inode);
        let expected = if size > 0 {
            methods::DATA_PLANE
        } else {
            methods::NONE
        };
        assert_eq!(method(&results, i), expected);
    }
    assert_eq!(names(to).len(), 5);
    let (bytes, _) = world.shared.control.progress(super::CLIENT as usize);
    assert_eq!(bytes, sizes.iter().map(|(_, size)| *size as u64).sum());
    assert_eq!(world.shared.control.progress(super::CLIENT as usize).1, 5);
}

#[test]
fn directories_are_made_by_the_batch_and_items_go_below_them() {
    let world = World::new();
    fs::create_dir_all(world.client.join("a/b")).unwrap();
    fs::write(world.client.join("a/b/f"), "f").unwrap();
    fs::create_dir(world.client.join("gone")).unwrap();
    fs::write(world.client.join("gone/g"), "g").unwrap();
    let file = crate::block::Item {
        name: b"f",
        parent: 0,
        ..recorded(&world.client, "a/b/f", action::CREATE)
    };
    let orphan = crate::block::Item {
        name: b"g",
        parent: 2,
        ..recorded(&world.client, "gone/g", action::CREATE)
    };
    let items = [
        parent("a/b", action::PARENT_CREATE),
        file,
        parent("gone", action::PARENT_EXISTS),
        orphan,
        parent("late", action::PARENT_CREATE),
    ];
    let results = world.carry(Way::Put, 0, &items);
    assert_eq!(
        statuses(&results),
        [
            Status::Ok,
            Status::Ok,
            Status::NotFound,
            Status::NotFound,
            Status::Ok
        ]
    );
    assert_eq!(flags(&results, 0), result_flag::CREATED);
    assert_eq!(fs::read(world.daemon.join("a/b/f")).unwrap(), b"f");
    assert!(world.daemon.join("late").is_dir());
}

#[cfg(unix)]
#[test]
fn links_and_pipes_keep_their_looks() {
    use std::os::unix::fs::symlink;
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        symlink("to/nothing", from.join("l")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            from.join("p"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let items = ["l", "p"].map(|name| recorded(from, name, action::CREATE));
        let results = world.carry(way, flag::XATTRS, &items);
        assert_eq!(statuses(&results), [Status::Ok; 2]);
        assert_eq!(
            fs::read_link(to.join("l")).unwrap(),
            Path::new("to/nothing")
        );
        for name in ["l", "p"] {
            let (one, other) = (stat(&from.join(name)), stat(&to.join(name)));
            assert_eq!(
                (one.kind, one.mode, one.mtime_ns),
                (other.kind, other.mode, other.mtime_ns)
            );
        }
    }
}
