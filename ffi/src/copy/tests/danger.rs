//! What others do meanwhile: planted links, files that change, full disks, cancellation.

use std::fs::File;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
#[cfg(unix)]
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use super::*;
use crate::control::JobContext;
#[cfg(unix)]
use crate::request::flag;
#[cfg(unix)]
use crate::results::result_flag;
use crate::sys::AsFd;

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_source_or_of_a_parent_is_not_followed() {
    let pair = Pair::new();
    fs::create_dir(pair.from.join("d")).unwrap();
    let inner = pair.write("d/f", "x");
    pair.write("f", "x");
    let items = [
        parent("d", action::PARENT_CREATE),
        Item {
            name: b"f",
            parent: 0,
            ..pair.item("d/f", CREATE)
        },
        pair.item("f", CREATE),
    ];
    fs::remove_file(&inner).unwrap();
    fs::remove_dir(pair.from.join("d")).unwrap();
    symlink("/etc", pair.from.join("d")).unwrap();
    fs::remove_file(pair.from.join("f")).unwrap();
    symlink("/etc/passwd", pair.from.join("f")).unwrap();
    let results = pair.copy(0, &items);
    assert_eq!(status(&results, 1), Status::Escaped);
    assert_eq!(status(&results, 2), Status::Changed);
    assert_eq!(pair.names(), ["d"]);
}

#[cfg(unix)]
#[test]
fn a_link_planted_at_the_destination_is_neither_followed_nor_written_through() {
    let pair = Pair::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("victim"), "victim").unwrap();
    pair.write("f", "new");
    fs::create_dir(pair.from.join("d")).unwrap();
    pair.write("d/f", "new");
    symlink(outside.path(), pair.to.join("d")).unwrap();
    symlink(outside.path().join("victim"), pair.to.join("f")).unwrap();
    let below = |parent| Item {
        name: b"f",
        parent,
        ..pair.item("d/f", CREATE)
    };
    let items = [
        parent("d", action::PARENT_CREATE),
        below(0),
        parent("d", action::PARENT_EXISTS),
        below(2),
        parent("d/e/g", action::PARENT_CREATE),
        pair.item("f", CREATE),
        pair.item("f", REPLACE),
    ];
    let results = pair.copy(0, &items);
    for i in 0..5 {
        assert_eq!(status(&results, i), Status::Escaped, "item {i}");
    }
    assert_eq!(status(&results, 5), Status::Exists);
    assert_eq!(status(&results, 6), Status::Ok);
    assert_eq!(fs::read(outside.path().join("victim")).unwrap(), b"victim");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert!(fs::symlink_metadata(pair.to.join("f")).unwrap().is_file());
}

#[cfg(unix)]
#[test]
fn a_fifo_in_place_of_a_file_does_not_block() {
    let pair = Pair::new();
    let path = pair.write("f", "x");
    let item = Item {
        inode: 0,
        ..pair.item("f", CREATE)
    };
    fs::remove_file(&path).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for flags in [0, flag::DISCARD] {
        assert_eq!(status(&pair.copy(flags, &[item]), 0), Status::Changed);
    }
    assert!(pair.names().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn content_of_a_file_that_is_said_to_be_empty_is_not_lost_in_silence() {
    let proc = Path::new("/proc");
    let mut pair = Pair::new();
    crate::root::close(pair.head.source).unwrap();
    pair.head.source = handle_at(proc);
    let results = pair.copy(0, &[recorded(proc, "version", CREATE)]);
    assert_eq!(
        (status(&results, 0), step(&results, 0)),
        (Status::Changed, 2)
    );
    assert!(pair.names().is_empty());
}

#[test]
fn names_that_leave_the_root_are_refused() {
    let pair = Pair::new();
    pair.write("f", "x");
    let found = pair.item("f", CREATE);
    for name in [
        &b"../f"[..],
        b"/etc/passwd",
        b"a/../f",
        b"",
        b".",
        b"..",
        b"f/",
    ] {
        let results = pair.copy(0, &[Item { name, ..found }]);
        assert_eq!(
            status(&results, 0),
            Status::Escaped,
            "{}",
            name.escape_ascii()
        );
    }
}

#[test]
fn another_inode_than_the_scan_saw_is_a_change() {
    let pair = Pair::new();
    pair.write("f", "x");
    let item = Item {
        inode: 1,
        ..pair.item("f", CREATE)
    };
    let results = pair.copy(0, &[item]);
    assert_eq!(
        (status(&results, 0), step(&results, 0)),
        (Status::Changed, 1)
    );
    assert!(pair.names().is_empty());
}

#[test]
fn a_small_file_written_since_the_scan_is_copied_as_it_is_now() {
    for now in ["longer than it was", "short", "same size"] {
        let pair = Pair::new();
        let path = pair.write("f", "was this.");
        let item = pair.item("f", CREATE);
        fs::write(&path, now).unwrap();
        let results = pair.copy(0, &[item]);
        assert_eq!(status(&results, 0), Status::Ok);
        assert_eq!(pair.read("f"), now.as_bytes());
        let (from, to) = (testing::stat(&path), testing::stat(&pair.to.join("f")));
        assert_eq!(from.mtime_ns, to.mtime_ns);
    }
}

#[test]
fn a_small_file_rewritten_while_it_is_read_is_never_mixed() {
    let pair = Pair::new();
    let path = pair.write("f", [b'a'; 9000]);
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            let file = File::options().write(true).open(&path).unwrap();
            for letter in (b'a'..=b'z').cycle() {
                if stop.load(Relaxed) {
                    break;
                }
                sys::write_all_at(file.as_fd(), &[letter; 9000], 0).unwrap();
                thread::sleep(std::time::Duration::from_micros(50));
            }
        });
        let _stop = StopAtEnd(&stop);
        for _ in 0..300 {
            let (done, _) = pair.copy_one(0, "f", CREATE);
            if done == Status::Ok {
                let copy = pair.read("f");
                // A write still under way has set its time already: what the file held at one moment, the
                // new letter and then the old one, can't be told from the whole.
                let (first, last) = (copy[0], copy[copy.len() - 1]);
                let turns = copy.windows(2).filter(|two| two[0] != two[1]).count();
                let one_moment = first - b'a' == (last - b'a' + 1) % 26;
                assert!(copy.len() == 9000 && (turns == 0 || turns == 1 && one_moment));
                fs::remove_file(pair.to.join("f")).unwrap();
            }
            assert!(matches!(done, Status::Ok | Status::Changed));
            assert!(pair.names().is_empty());
        }
    });
}

/// Ends the thread that changes the file, when the test fails too.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Copies a file again and again while `churn` changes it. Whatever gets the final name must be `whole`.
fn copy_under_churn(size: usize, churn: fn(&File, usize, u64), whole: fn(&[u8]) -> bool) {
    let pair = Pair::new();
    let path = pair.write("f", vec![b'a'; size]);
    let file = File::options().write(true).open(&path).unwrap();
    let stop = AtomicBool::new(false);
    let mut changed = 0;
    thread::scope(|threads| {
        threads.spawn(|| {
            for round in 0.. {
                if stop.load(Relaxed) {
                    break;
                }
                churn(&file, size, round);
            }
        });
        let _stop = StopAtEnd(&stop);
        for _ in 0..60 {
            let item = Item {
                action: REPLACE,
                ..recorded(&pair.from, "f", REPLACE)
            };
            let results = pair.copy(0, &[item]);
            match status(&results, 0) {
                Status::Ok => {
                    let copy = pair.read("f");
                    assert!(
                        whole(&copy),
                        "a mixed version of {} bytes got the name",
                        copy.len()
                    );
                    let copy = testing::stat(&pair.to.join("f"));
                    assert_eq!(copy.inode, inode(&results, 0));
                }
                Status::Changed => changed += 1,
                other => panic!("{other:?}"),
            }
        }
    });
    assert!(pair.names().len() <= 1, "{:?}", pair.names());
    eprintln!("{changed} of 60 copies saw the file change");
}

#[test]
fn a_file_that_grows_and_shrinks_is_never_named_half() {
    let churn = |file: &File, size: usize, round: u64| {
        file.set_len(if round.is_multiple_of(2) {
            size as u64 / 3
        } else {
            size as u64
        })
        .unwrap();
    };
    // It holds zeros beyond the third where it was cut and grew again.
    copy_under_churn(3_000_000, churn, |copy| {
        copy.len() == 1_000_000 || copy.len() == 3_000_000
    });
}

#[test]
fn a_file_rewritten_while_it_is_read_is_never_mixed() {
    // Each round writes its letter from the start to the end, a little at a time. At any moment the file
    // holds this round's letter and then the last one's: the reverse order is a mix of two moments.
    const PART: usize = 4000;
    let churn = |file: &File, size: usize, round: u64| {
        let letter = b'a' + (round % 26) as u8;
        for at in (0..size).step_by(PART) {
            sys::write_all_at(file.as_fd(), &[letter; PART], at as u64).unwrap();
        }
        thread::yield_now();
    };
    copy_under_churn(400_000, churn, |copy| {
        let (first, last) = (copy[0], copy[copy.len() - 1]);
        let turns = copy.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let newer_first = (last - b'a' + 1) % 26 == first - b'a';
        copy.len() == 400_000 && (turns == 0 || turns == 1 && newer_first)
    });
}

#[test]
fn a_file_without_end_is_read_to_its_size_only() {
    let pair = Pair::new();
    let path = pair.write("log", noise(100_000));
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            let mut log = File::options().append(true).open(&path).unwrap();
            while !stop.load(Relaxed) {
                std::io::Write::write_all(&mut log, b"more and more").unwrap();
            }
        });
        let _stop = StopAtEnd(&stop);
        for action in [CREATE, REPLACE] {
            let (done, _) = pair.copy_one(0, "log", action);
            assert!(matches!(done, Status::Ok | Status::Changed));
        }
    });
    assert!(pair.names().len() <= 1);
}

#[cfg(unix)]
#[test]
fn a_full_volume_leaves_no_name_behind() {
    if sys::effective_uid() != 0 {
        testing::skip("only root may mount");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
        .arg(temp.path())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        testing::skip("cannot mount a tmpfs");
        return;
    }
    let pair = Pair::new();
    let results = {
        let head = Head {
            destination: handle_at(temp.path()),
            ..pair.head
        };
        pair.write("large", noise(5 << 20));
        pair.write("fill", noise(2_500_000));
        pair.write("small", noise(1 << 20));
        let items = [
            pair.item("large", CREATE),
            pair.item("large", REPLACE),
            pair.item("fill", CREATE),
            pair.item("small", CREATE),
        ];
        let results = testing::run(run, &head.request(&items)).1;
        crate::root::close(head.destination).unwrap();
        results
    };
    let names: Vec<_> = fs::read_dir(temp.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    Command::new("umount")
        .arg("-l")
        .arg(temp.path())
        .status()
        .unwrap();
    let statuses: Vec<Status> = (0..4).map(|i| status(&results, i)).collect();
    assert_eq!(
        statuses,
        [
            Status::NoSpace,
            Status::NoSpace,
            Status::Ok,
            Status::NoSpace
        ]
    );
    assert_eq!(names, ["fill"]);
}

#[test]
fn a_cancelled_batch_answers_for_all_and_leaves_nothing_half() {
    let pair = Pair::new();
    pair.write("a", noise(200 << 20));
    pair.write("b", "b");
    let shared = testing::shared();
    let request = pair
        .head
        .request(&[pair.item("a", CREATE), pair.item("b", CREATE)]);
    let job = JobContext::new(&request, &shared, 0);
    let mut results = Results::new(2);
    thread::scope(|threads| {
        threads.spawn(|| {
            while shared.control.progress(0).0 == 0 {
                std::hint::spin_loop();
            }
            shared.control.cancel(0);
        });
        run(&job, &mut results).unwrap();
    });
    if status(&results, 0) == Status::Ok {
        testing::skip("this file system copies 200 MiB in one step");
        return;
    }
    assert_eq!(status(&results, 0), Status::Cancelled);
    assert_eq!(status(&results, 1), Status::Cancelled);
    assert!(pair.names().is_empty());
}

/// As another user: root's rights would hide what is tested.
#[cfg(unix)]
#[test]
fn a_directory_of_ones_own_is_made_writable_and_says_so() {
    if sys::effective_uid() == 0 {
        let own = std::env::current_exe().unwrap();
        let temp = tempfile::tempdir().unwrap();
        fs::set_permissions(temp.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let program = temp.path().join("tests");
        fs::copy(own, &program).unwrap();
        let listed = Command::new(&program).arg("--list").output();
        if !listed.is_ok_and(|done| done.status.success()) {
            testing::skip("an emulated program cannot be started again");
            return;
        }
        let done = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .args([
                "--exact",
                "copy::tests::danger::a_directory_of_ones_own_is_made_writable_and_says_so",
            ])
            .env("TMPDIR", temp.path())
            .output();
        match done {
            Ok(done) => assert!(
                done.status.success(),
                "{}",
                String::from_utf8_lossy(&done.stdout)
            ),
            Err(_) => testing::skip("setpriv is not installed"),
        }
        return;
    }
    let pair = Pair::new();
    pair.write("f", "x");
    fs::create_dir_all(pair.from.join("d/e")).unwrap();
    pair.write("d/f", "x");
    pair.write("d/large", noise(2 << 20));
    symlink("x", pair.from.join("d/link")).unwrap();
    fs::create_dir(pair.to.join("d")).unwrap();
    let close =
        || fs::set_permissions(pair.to.join("d"), PermissionsExt::from_mode(0o500)).unwrap();
    for name in ["d/f", "d/large", "d/link"] {
        close();
        let item = Item {
            name: &name.as_bytes()[2..],
            parent: 0,
            ..pair.item(name, CREATE)
        };
        let results = pair.copy(0, &[parent("d", action::PARENT_EXISTS), item]);
        assert_eq!(status(&results, 1), Status::Ok, "{name}");
        assert_eq!(flags(&results, 0), result_flag::DIRECTORY_WIDENED, "{name}");
        assert_eq!(
            fs::metadata(pair.to.join("d")).unwrap().mode() & 0o777,
            0o700
        );
    }
    close();
    let results = pair.copy(0, &[parent("d/e", action::PARENT_CREATE)]);
    assert_eq!(status(&results, 0), Status::Ok);
    assert_eq!(
        flags(&results, 0),
        result_flag::CREATED | result_flag::DIRECTORY_WIDENED
    );
}
