//! Several streams that share one large file.

use std::fs;
use std::thread;

use super::shapes::noise;
use super::{CLIENT, RUN, WAYS, Way, World, names, recorded, statuses};
use crate::block::Item;
use crate::request::{Op, Request, action};
use crate::results::Results;
use crate::status::Status;
use crate::testing::{Head, bytes_of, stat};

const MIB: usize = 1 << 20;
const SIZE: usize = 9 * MIB + 5;

const OPEN: u64 = 1;
const FINISH: u64 = 3;

fn ranges(first: u64, end: u64) -> u64 {
    2 | first << 8 | end << 36
}

fn request(world: &World, part: u64, item: Item) -> Request {
    let head = Head {
        source: world.roots[0],
        destination: world.roots[0],
        run: RUN,
        slot: CLIENT,
        p1: part,
        ..Head::new(Op::Copy)
    };
    head.request(&[item])
}

fn part(world: &World, way: Way, part: u64, item: Item) -> Results {
    let request = request(world, part, item);
    let ((results, ended), closed) = world.batches(|link| world.run(way, link, &request));
    ended.unwrap();
    assert_eq!(closed.status, Status::Ok);
    results
}

#[test]
fn ranges_over_several_streams_become_one_file() {
    for way in WAYS {
        for act in [action::CREATE, action::REPLACE] {
            let world = World::new();
            let (from, to) = world.ends(way);
            let content = noise(SIZE);
            fs::write(from.join("f"), &content).unwrap();
            if act == action::REPLACE {
                fs::write(to.join("f"), "old").unwrap();
            }
            let item = recorded(from, "f", act);
            assert_eq!(statuses(&part(&world, way, OPEN, item)), [Status::Ok]);
            let parts = [ranges(6, 100), ranges(0, 3), ranges(3, 6)];
            let sent: u64 = thread::scope(|scope| {
                let jobs = parts.map(|one| {
                    let world = &world;
                    scope.spawn(move || {
                        let results = part(world, way, one, item);
                        assert_eq!(statuses(&results), [Status::Ok]);
                        bytes_of(&results, 0)
                    })
                });
                jobs.into_iter().map(|job| job.join().unwrap()).sum()
            });
            assert_eq!(sent, SIZE as u64);
            if act == action::REPLACE {
                assert_eq!(fs::read(to.join("f")).unwrap(), b"old");
            }
            assert_eq!(statuses(&part(&world, way, FINISH, item)), [Status::Ok]);
            assert_eq!(fs::read(to.join("f")).unwrap(), content);
            assert_eq!(names(to), ["f"]);
            let (one, other) = (stat(&from.join("f")), stat(&to.join("f")));
            assert_eq!((one.mtime_ns, one.mode), (other.mtime_ns, other.mode));
        }
    }
}

#[test]
fn a_part_that_is_missing_is_missed() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        fs::write(from.join("f"), noise(SIZE)).unwrap();
        let item = recorded(from, "f", action::CREATE);
        part(&world, way, OPEN, item);
        for (first, end) in [(0, 4), (5, 10)] {
            part(&world, way, ranges(first, end), item);
        }
        let results = part(&world, way, FINISH, item);
        assert_eq!(statuses(&results), [Status::Corrupt]);
        assert!(names(to).is_empty());
    }
}

#[test]
fn a_file_that_changes_between_its_parts_is_void() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        fs::write(from.join("f"), noise(SIZE)).unwrap();
        let item = recorded(from, "f", action::CREATE);
        part(&world, way, OPEN, item);
        part(&world, way, ranges(0, 9), item);
        fs::write(from.join("f"), noise(SIZE)).unwrap();
        let results = part(&world, way, ranges(9, 10), item);
        assert_eq!(statuses(&results), [Status::Changed]);
        // Recorded anew, it still isn't what was opened.
        let now = recorded(from, "f", action::CREATE);
        for one in [ranges(9, 10), FINISH] {
            let results = part(&world, way, one, now);
            assert_eq!(statuses(&results), [Status::Changed]);
        }
        crate::net::part::forget_root(world.roots[0]);
        crate::net::part::forget_root(world.roots[1]);
        assert!(names(to).is_empty());
    }
}

#[test]
fn a_source_that_vanishes_between_its_parts_fails_them() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        fs::write(from.join("f"), noise(SIZE)).unwrap();
        let item = recorded(from, "f", action::CREATE);
        part(&world, way, OPEN, item);
        part(&world, way, ranges(0, 4), item);
        fs::remove_file(from.join("f")).unwrap();
        for one in [ranges(4, 10), FINISH] {
            let results = part(&world, way, one, item);
            assert_eq!(statuses(&results), [Status::NotFound]);
        }
        crate::net::part::forget_root(world.roots[0]);
        crate::net::part::forget_root(world.roots[1]);
        assert!(names(to).is_empty());
    }
}

#[test]
fn parts_of_what_was_not_opened_fail() {
    let world = World::new();
    fs::write(world.client.join("f"), noise(SIZE)).unwrap();
    let item = recorded(&world.client, "f", action::CREATE);
    for one in [ranges(0, 10), FINISH] {
        let results = part(&world, Way::Put, one, item);
        assert_eq!(statuses(&results), [Status::NotFound]);
    }
    assert!(names(&world.daemon).is_empty());
}
