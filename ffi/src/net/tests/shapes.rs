//! Every shape of entry, both ways.

use std::fs;
use std::path::Path;

use super::{WAYS, Way, World, flags, inode, method, names, parent, recorded, statuses};
use crate::block::Item;
#[cfg(unix)]
use crate::block::NO_PARENT;
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
    let file = Item {
        name: b"f",
        parent: 0,
        ..recorded(&world.client, "a/b/f", action::CREATE)
    };
    let orphan = Item {
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

#[cfg(unix)]
#[test]
fn names_that_are_no_text_arrive() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let name = b"\xff\xfe caf\xc3\xa9\n";
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        fs::write(from.join(OsStr::from_bytes(name)), "x").unwrap();
        let item = Item {
            name,
            parent: NO_PARENT,
            action: action::CREATE,
            ..Item::of(&stat(&from.join(OsStr::from_bytes(name))))
        };
        let results = world.carry(way, 0, &[item]);
        assert_eq!(statuses(&results), [Status::Ok]);
        assert_eq!(fs::read(to.join(OsStr::from_bytes(name))).unwrap(), b"x");
    }
}

#[test]
fn a_renamed_item_arrives_under_its_new_name() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        fs::write(from.join("old"), "x").unwrap();
        let item = Item {
            target: b"new",
            ..recorded(from, "old", action::CREATE)
        };
        assert_eq!(statuses(&world.carry(way, 0, &[item])), [Status::Ok]);
        assert_eq!(names(to), ["new"]);
    }
}

/// Makes a file of 5 MiB with data in its first and its fourth.
#[cfg(unix)]
fn sparse(path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::create(path).unwrap();
    file.write_all_at(&noise(100_000), 0).unwrap();
    file.write_all_at(b"island", 3 * MIB as u64 + 4096).unwrap();
    file.set_len(5 * MIB as u64).unwrap();
}

#[cfg(unix)]
#[test]
fn holes_stay_holes() {
    for way in WAYS {
        for action in [action::CREATE, action::REPLACE] {
            let world = World::new();
            let (from, to) = world.ends(way);
            sparse(&from.join("s"));
            if action == action::REPLACE {
                fs::write(to.join("s"), noise(6 * MIB)).unwrap();
            }
            let results = world.carry(way, 0, &[recorded(from, "s", action)]);
            assert_eq!(statuses(&results), [Status::Ok]);
            same(&from.join("s"), &to.join("s"));
            let there = stat(&to.join("s"));
            assert!(there.allocated < MIB as u64, "{}", there.allocated);
            let (done, _) = world.shared.control.progress(super::CLIENT as usize);
            assert_eq!(done, 5 * MIB as u64);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_small_file_of_zeros_keeps_its_hole() {
    let world = World::new();
    let file = fs::File::create(world.client.join("s")).unwrap();
    file.set_len(MIB as u64).unwrap();
    drop(file);
    let item = recorded(&world.client, "s", action::CREATE);
    let results = world.carry(Way::Put, 0, &[item]);
    assert_eq!(statuses(&results), [Status::Ok]);
    let there = stat(&world.daemon.join("s"));
    assert_eq!((there.size, there.allocated), (MIB as u64, 0));
}

#[test]
fn discarded_content_is_verified_and_not_written() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        for (name, size) in [("a", 10), ("b", 2 * MIB)] {
            fs::write(from.join(name), noise(size)).unwrap();
        }
        let items = ["a", "b"].map(|name| recorded(from, name, action::CREATE));
        let results = world.carry(way, flag::DISCARD, &items);
        assert_eq!(statuses(&results), [Status::Ok; 2]);
        assert_eq!(bytes_of(&results, 1), 2 * MIB as u64);
        assert!(names(to).is_empty());
    }
}

#[test]
fn what_comes_through_a_tunnel_is_said_so() {
    let world = World::new();
    fs::write(world.client.join("f"), "x").unwrap();
    let request = world.request(0, &[recorded(&world.client, "f", action::CREATE)]);
    let wrap = |link| Box::new(super::Tunnelled(link)) as Box<dyn crate::net::link::Link>;
    let ((results, ended), _) =
        world.batches_over(wrap, |link| world.run(Way::Put, link, &request));
    ended.unwrap();
    assert_eq!(method(&results, 0), methods::CONTROL_PLANE);
}

#[test]
fn flushing_everything_changes_nothing_else() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        fs::write(from.join("f"), noise(2 * MIB)).unwrap();
        fs::write(from.join("g"), "g").unwrap();
        let items = ["f", "g"].map(|name| recorded(from, name, action::CREATE));
        let results = world.carry(way, flag::FSYNC, &items);
        assert_eq!(statuses(&results), [Status::Ok; 2]);
        assert_eq!(names(to), ["f", "g"]);
    }
}

#[test]
fn many_batches_go_over_one_stream() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        fs::write(world.client.join(name), name).unwrap();
    }
    let (_, closed) = world.batches(|link| {
        for name in ["a", "b", "c"] {
            let item = recorded(&world.client, name, action::CREATE);
            let (results, ended) = world.run(Way::Put, link, &world.request(0, &[item]));
            ended.unwrap();
            assert_eq!(statuses(&results), [Status::Ok]);
            let back = recorded(&world.daemon, name, action::REPLACE);
            let (results, ended) = world.run(Way::Get, link, &world.request(0, &[back]));
            ended.unwrap();
            assert_eq!(statuses(&results), [Status::Ok]);
        }
    });
    assert_eq!(closed.status, Status::Ok);
    assert_eq!((closed.batches, closed.files), (6, 6));
    assert!(closed.bytes_in > 0 && closed.bytes_out > 0);
}
