//! Sources that change, clients that give up, disks that are full, links that break.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::shapes::noise;
use super::{CLIENT, Cut, DAEMON, WAYS, Way, World, flags, names, recorded, statuses};
use crate::block::Item;
use crate::request::action;
use crate::results::result_flag;
use crate::status::{Fail, Status};

const MIB: usize = 1 << 20;

#[test]
fn entries_that_are_gone_or_others_by_now_fail_alone() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        for name in ["gone", "other", "dir", "good"] {
            fs::write(from.join(name), name).unwrap();
        }
        let items =
            ["gone", "other", "dir", "good"].map(|name| recorded(from, name, action::CREATE));
        fs::remove_file(from.join("gone")).unwrap();
        fs::write(from.join("new"), "another inode").unwrap();
        fs::rename(from.join("new"), from.join("other")).unwrap();
        fs::remove_file(from.join("dir")).unwrap();
        fs::create_dir(from.join("dir")).unwrap();
        let results = world.carry(way, 0, &items);
        let expected = [
            Status::NotFound,
            Status::Changed,
            Status::Changed,
            Status::Ok,
        ];
        assert_eq!(statuses(&results), expected);
        assert_eq!(names(to), ["good"]);
    }
}

#[test]
fn a_file_written_since_the_scan_arrives_as_it_is_now() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        for size in [10, 3000, 2 * MIB] {
            fs::write(from.join("f"), "as it was").unwrap();
            let item = recorded(from, "f", action::REPLACE);
            fs::write(from.join("f"), noise(size)).unwrap();
            let results = world.carry(way, 0, &[item]);
            assert_eq!(statuses(&results), [Status::Ok]);
            assert_eq!(fs::read(to.join("f")).unwrap(), noise(size));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn content_of_a_file_that_is_said_to_be_empty_is_not_lost_in_silence() {
    let proc = std::path::Path::new("/proc");
    for way in WAYS {
        let mut world = World::new();
        let side = usize::from(way == Way::Get);
        crate::root::close(world.roots[side]).unwrap();
        world.roots[side] = crate::testing::handle_at(proc);
        world.terms.root = world.roots[1];
        let results = world.carry(way, 0, &[recorded(proc, "version", action::CREATE)]);
        assert_eq!(statuses(&results), [Status::Changed]);
        assert!(names(world.ends(way).1).is_empty());
    }
}

/// Ends the thread that changes the file, when the test fails too.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Sends a file of `size` over and over while `change` is done to it; what arrives satisfies `is_whole`.
fn while_changing(size: usize, change: impl Fn(&fs::File, u8) + Sync, is_whole: fn(&[u8]) -> bool) {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        let path = from.join("f");
        fs::write(&path, vec![b'a'; size]).unwrap();
        let stop = AtomicBool::new(false);
        let mut seen = [0; 3];
        thread::scope(|scope| {
            scope.spawn(|| {
                let file = fs::File::options().write(true).open(&path).unwrap();
                for letter in (b'a'..=b'z').cycle().take_while(|_| !stop.load(Relaxed)) {
                    change(&file, letter);
                    thread::sleep(Duration::from_micros(300));
                }
            });
            let _stop = StopAtEnd(&stop);
            for _ in 0..40 {
                let item = recorded(from, "f", action::CREATE);
                let results = world.carry(way, 0, &[item]);
                match statuses(&results)[0] {
                    Status::Ok => {
                        assert!(is_whole(&fs::read(to.join("f")).unwrap()));
                        let again = flags(&results, 0) & result_flag::READ_AGAIN != 0;
                        seen[usize::from(again)] += 1;
                        fs::remove_file(to.join("f")).unwrap();
                    }
                    Status::Changed => seen[2] += 1,
                    other => panic!("{other:?}"),
                }
                assert!(names(to).is_empty());
            }
        });
        assert!(seen[1] + seen[2] > 0, "never changed in time: {seen:?}");
    }
}

#[test]
fn a_large_file_that_grows_and_shrinks_while_it_is_sent_is_never_mixed_up() {
    let size = 4 * MIB;
    let change = move |file: &fs::File, letter: u8| {
        let length = if letter.is_multiple_of(2) {
            size
        } else {
            size - 100_000
        };
        file.set_len(length as u64).unwrap();
    };
    // What was cut off came back as zeros.
    while_changing(size, change, |content| {
        let zeros = content
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |at| at + 1);
        content[..zeros].iter().all(|&byte| byte == b'a') && content.len() >= 4 * MIB - 100_000
    });
}

#[test]
fn a_client_that_gives_up_is_heard_and_the_stream_goes_on() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        fs::write(from.join("large"), noise(64 * MIB)).unwrap();
        fs::write(from.join("small"), "x").unwrap();
        let items = ["large", "small"].map(|name| recorded(from, name, action::CREATE));
        let (_, closed) = world.batches(|link| {
            let request = world.request(0, &items);
            let began = Instant::now();
            let (results, ended) = thread::scope(|scope| {
                scope.spawn(|| {
                    while world.shared.control.progress(CLIENT as usize).0 < 4 << 20 {
                        thread::sleep(Duration::from_millis(1));
                    }
                    world.shared.control.cancel(CLIENT as usize);
                });
                world.run(way, link, &request)
            });
            assert!(began.elapsed() < Duration::from_secs(10));
            ended.unwrap();
            assert_eq!(statuses(&results), [Status::Cancelled; 2]);
            assert!(names(to).is_empty());
            // Another run's batch.
            let head = crate::testing::Head {
                source: world.roots[0],
                destination: world.roots[0],
                slot: 5,
                ..crate::testing::Head::new(crate::request::Op::Copy)
            };
            let (results, ended) = world.run(way, link, &head.request(&items[1..]));
            ended.unwrap();
            assert_eq!(statuses(&results), [Status::Ok]);
        });
        assert_eq!(closed.status, Status::Ok);
    }
}

#[test]
fn a_cancelled_session_ends_its_streams() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        fs::write(from.join("large"), noise(64 * MIB)).unwrap();
        let request = world.request(0, &[recorded(from, "large", action::CREATE)]);
        let ((results, ended), closed) = world.batches(|link| {
            thread::scope(|scope| {
                scope.spawn(|| {
                    while world.shared.control.progress(DAEMON as usize).0 < 4 << 20 {
                        thread::sleep(Duration::from_millis(1));
                    }
                    world.shared.control.cancel(DAEMON as usize);
                });
                world.run(way, link, &request)
            })
        });
        assert!(ended.is_err());
        assert_eq!(statuses(&results), [Status::Disconnected]);
        assert_eq!(closed.status, Status::Cancelled);
        assert!(names(to).is_empty());
    }
}

#[test]
fn a_quiet_stream_notices_that_its_session_is_over() {
    let world = World::new();
    let (_, closed) = world.batches(|link| {
        world.shared.control.cancel(DAEMON as usize);
        link.read(&mut [0; 1]).unwrap()
    });
    assert_eq!(closed.status, Status::Cancelled);
}

#[test]
fn a_link_that_breaks_fails_what_has_no_result_and_leaves_nothing_half_made() {
    let world = World::new();
    for (name, size) in [("a", 5), ("b", 3 * MIB), ("c", 5)] {
        fs::write(world.client.join(name), noise(size)).unwrap();
    }
    let items = ["a", "b", "c"].map(|name| recorded(&world.client, name, action::CREATE));
    let request = world.request(0, &items);
    for left in [0, 100, 500, 1000, 2 * MIB, 3 * MIB + 700] {
        let (_, closed) = world.batches(|link| {
            let mut link = Cut { link, left };
            let (results, ended) = world.run(Way::Put, &mut link, &request);
            assert_eq!(ended.unwrap_err().status, Status::Disconnected);
            assert_eq!(statuses(&results), [Status::Disconnected; 3]);
        });
        let quiet = if left == 0 {
            Status::Ok
        } else {
            Status::Disconnected
        };
        assert_eq!(closed.status, quiet);
        for name in names(&world.daemon) {
            let whole = fs::read(world.client.join(&name)).unwrap();
            assert_eq!(fs::read(world.daemon.join(&name)).unwrap(), whole);
            fs::remove_file(world.daemon.join(name)).unwrap();
        }
    }
}

/// A file system of 4 MiB, mounted while this lives.
#[cfg(target_os = "linux")]
struct SmallDisk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount(at: &std::path::Path) -> Option<SmallDisk> {
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(at)
            .output();
        match done {
            Ok(done) if done.status.success() => Some(SmallDisk(at.into())),
            _ => {
                crate::testing::skip("can't mount here");
                None
            }
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .output();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_the_large_file_stops_its_sender_and_lets_the_next_one_in() {
    use crate::control::Shared;
    for way in WAYS {
        let mut world = World::new();
        let full = world.ends(way).1.to_path_buf();
        let Some(_disk) = SmallDisk::mount(&full) else {
            return;
        };
        // The root of before lies below the mount.
        let root = crate::testing::handle_at(&full);
        let side = usize::from(way == Way::Put);
        let _ = crate::root::close(world.roots[side]);
        world.roots[side] = root;
        world.terms.root = world.roots[1];
        let (from, to) = world.ends(way);
        fs::write(from.join("large"), noise(200 * MIB)).unwrap();
        fs::write(from.join("small"), "x").unwrap();
        let items = ["large", "small"].map(|name| recorded(from, name, action::CREATE));
        let results = world.carry(way, 0, &items);
        assert_eq!(statuses(&results), [Status::NoSpace, Status::Ok]);
        assert_eq!(names(to), ["small"]);
        let sender = if way == Way::Put { CLIENT } else { DAEMON };
        let progress = |shared: &Shared| shared.control.progress(sender as usize).0;
        assert!(
            progress(&world.shared) < 100 << 20,
            "sent to its end all the same"
        );
    }
}

#[test]
fn a_new_name_that_is_taken_fails_alone() {
    for way in WAYS {
        let world = World::new();
        let (from, to) = world.ends(way);
        for (name, size) in [("small", 5), ("large", 3 * MIB), ("free", 5)] {
            fs::write(from.join(name), noise(size)).unwrap();
        }
        fs::write(to.join("small"), "mine").unwrap();
        fs::write(to.join("large"), "mine").unwrap();
        let items = ["small", "large", "free"].map(|name| recorded(from, name, action::CREATE));
        let results = world.carry(way, 0, &items);
        assert_eq!(
            statuses(&results),
            [Status::Exists, Status::Exists, Status::Ok]
        );
        assert_eq!(fs::read(to.join("large")).unwrap(), b"mine");
        assert_eq!(names(to), ["free", "large", "small"]);
    }
}

#[test]
fn a_batch_without_items_has_no_results() {
    for way in WAYS {
        assert!(World::new().carry(way, 0, &[]).is_empty());
    }
}

#[test]
fn a_root_that_is_closed_fails_every_item_and_begins_nothing() {
    let world = World::new();
    fs::write(world.client.join("f"), "x").unwrap();
    let item: Item = recorded(&world.client, "f", action::CREATE);
    let request = world.request(0, &[item]);
    crate::root::close(world.roots[0]).unwrap();
    for way in WAYS {
        let ((results, ended), closed) = world.batches(|link| world.run(way, link, &request));
        assert_eq!(ended, Err(Fail::usage()));
        assert_eq!(statuses(&results), [Status::Usage]);
        assert_eq!((closed.status, closed.bytes_in), (Status::Ok, 0));
    }
}
