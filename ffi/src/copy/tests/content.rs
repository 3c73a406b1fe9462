//! Content: the methods, holes, replacement, resuming.

use std::fs::{self, File};

use super::*;
use crate::control::JobContext;
use crate::copy::ladder::{Copied, Ladder, Pair as Known};
use crate::journal;
use crate::request::flag;
use crate::results::{method as by, result_flag};
use crate::staging::name_of;
use crate::sys::AsFd;

/// One way through the ladder: which rungs are known to fail, and what is to be used instead.
const RUNGS: [(usize, &[u8], &str); 3] = [
    (
        0,
        &[by::REFLINK, by::COPY_FILE_RANGE],
        "reflink, or what the file system has instead",
    ),
    (1, &[by::COPY_FILE_RANGE], "copy_file_range"),
    (2, &[by::READ_WRITE], "read and write"),
];

fn climb(rung: usize, from: &File, to: &File, start: u64) -> Copied {
    let shared = testing::shared();
    let request = Head::new(Op::Copy).request(&[]);
    let job = JobContext::new(&request, &shared, 0);
    let pair = Known::without(rung);
    let ladder = Ladder {
        job: &job,
        pair: &pair,
        from: from.as_fd(),
        to: to.as_fd(),
        began_ns: i64::MAX,
    };
    ladder.copy(&sys::stat_fd(from).unwrap(), start).unwrap()
}

/// Whether a file that was written with holes has them.
fn has_holes(path: &Path) -> bool {
    let made = testing::stat(path);
    if made.allocated >= made.size {
        testing::skip("this file system has no holes");
    }
    made.allocated < made.size
}

fn write_at(file: &File, bytes: &[u8], offset: u64) {
    sys::write_all_at(file.as_fd(), bytes, offset).unwrap();
}

#[test]
fn every_method_copies_every_shape() {
    let temp = tempfile::tempdir().unwrap();
    let from = temp.path().join("from");
    let mut without_reflink = false;
    for size in [
        0,
        1,
        4095,
        4096,
        20_000,
        1 << 20,
        (1 << 20) + 1,
        3_000_001,
        17 << 20,
    ] {
        let content = noise(size);
        fs::write(&from, &content).unwrap();
        for (rung, expected, word) in RUNGS {
            let path = temp.path().join(format!("to-{rung}"));
            let to = File::create(&path).unwrap();
            let copied = climb(rung, &File::open(&from).unwrap(), &to, 0);
            assert!(
                fs::read(&path).unwrap() == content,
                "{size} bytes by {word}"
            );
            assert_eq!(copied.bytes, size as u64);
            assert!(!copied.short && !copied.length_ahead);
            if size > 20_000 && cfg!(unix) {
                assert!(
                    expected.contains(&copied.method),
                    "{size} bytes by {word}: {copied:?}"
                );
            }
            without_reflink |= rung == 0 && size > 20_000 && copied.method != by::REFLINK;
        }
    }
    if without_reflink {
        testing::skip(format_args!("{} shares no blocks", temp.path().display()));
    }
}

#[test]
fn holes_stay_holes_by_every_method() {
    const MIB: u64 = 1 << 20;
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("sparse");
    let file = File::create(&path).unwrap();
    sys::allow_holes(&file);
    file.set_len(64 * MIB).unwrap();
    write_at(&file, &noise(100_000), 5 * MIB + 17);
    write_at(&file, b"x", 40 * MIB);
    let content = fs::read(&path).unwrap();
    if !has_holes(&path) {
        return;
    }
    for (rung, _, word) in RUNGS {
        let to = temp.path().join(format!("to-{rung}"));
        let copied = climb(
            rung,
            &File::open(&path).unwrap(),
            &File::create(&to).unwrap(),
            0,
        );
        assert!(fs::read(&to).unwrap() == content, "{word}");
        let allocated = testing::stat(&to).allocated;
        assert!(allocated < MIB, "{allocated} bytes allocated by {word}");
        assert!(copied.length_ahead || copied.method == by::REFLINK);
    }
}

#[test]
fn a_hole_at_the_end_and_an_empty_file_of_holes_keep_their_length() {
    let pair = Pair::new();
    File::create(pair.from.join("all"))
        .unwrap()
        .set_len(300_000)
        .unwrap();
    let file = File::create(pair.from.join("end")).unwrap();
    sys::allow_holes(&file);
    write_at(&file, &noise(8192), 0);
    file.set_len(9_000_000).unwrap();
    let results = pair.copy(0, &[pair.item("all", CREATE), pair.item("end", CREATE)]);
    assert_eq!(
        (status(&results, 0), status(&results, 1)),
        (Status::Ok, Status::Ok)
    );
    assert!(pair.read("all") == vec![0; 300_000]);
    assert!(pair.read("end") == fs::read(pair.from.join("end")).unwrap());
    if has_holes(&pair.from.join("end")) {
        assert!(testing::stat(&pair.to.join("end")).allocated < 100_000);
    }
}

#[cfg(unix)]
#[test]
fn space_reserved_ahead_is_read_as_zeros_not_trusted_as_a_hole() {
    let pair = Pair::new();
    let file = File::create(pair.from.join("f")).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 4 << 20).unwrap();
    write_at(&file, &noise(100_000), 2 << 20);
    file.set_len(8 << 20).unwrap();
    let (status, results) = pair.copy_one(0, "f", CREATE);
    assert_eq!(status, Status::Ok);
    let method = results.as_bytes()[16];
    assert!([by::READ_WRITE, by::REFLINK].contains(&method), "{method}");
    assert!(pair.read("f") == fs::read(pair.from.join("f")).unwrap());
}

#[test]
fn copy_makes_parents_and_answers_for_every_item() {
    let pair = Pair::new();
    fs::create_dir_all(pair.from.join("a/b/c")).unwrap();
    pair.write("a/b/c/small", "small");
    pair.write("a/large", noise(2_000_000));
    let small = Item {
        name: b"small",
        parent: 0,
        ..pair.item("a/b/c/small", CREATE)
    };
    let large = Item {
        name: b"large",
        parent: 2,
        ..pair.item("a/large", CREATE)
    };
    let made = action::PARENT_CREATE;
    let items = [
        parent("a/b/c", made),
        small,
        parent("a", made),
        large,
        parent("a/b/c", made),
    ];
    let results = pair.copy(flag::FSYNC | flag::XATTRS | flag::OWNER, &items);
    for i in 0..5 {
        assert_eq!(status(&results, i), Status::Ok, "item {i}");
    }
    assert_eq!(flags(&results, 0), result_flag::CREATED);
    assert_eq!(flags(&results, 2), 0, "an ancestor was made with the first");
    assert_eq!(pair.read("a/b/c/small"), b"small");
    assert!(pair.read("a/large") == noise(2_000_000));
    let private = if cfg!(unix) { 0o700 } else { 0o755 };
    assert_eq!(testing::stat(&pair.to.join("a/b")).mode, private);
    let large = testing::stat(&pair.to.join("a/large"));
    assert_eq!(large.inode, inode(&results, 3));
    assert_eq!(testing::bytes_of(&results, 3), 2_000_000);
}

#[test]
fn a_failed_parent_fails_its_children_alone() {
    let pair = Pair::new();
    pair.write("f", "x");
    fs::create_dir(pair.from.join("d")).unwrap();
    fs::write(pair.from.join("d/f"), "x").unwrap();
    fs::write(pair.to.join("d"), "a file").unwrap();
    let below = Item {
        name: b"f",
        parent: 0,
        ..pair.item("d/f", CREATE)
    };
    let results = pair.copy(
        0,
        &[
            parent("d", action::PARENT_CREATE),
            below,
            pair.item("f", CREATE),
        ],
    );
    assert_eq!(status(&results, 0), Status::NotDirectory);
    assert_eq!(status(&results, 1), Status::NotDirectory);
    assert_eq!(status(&results, 2), Status::Ok);
}

#[test]
fn replace_gives_a_new_inode_and_create_never_overwrites() {
    let pair = Pair::new();
    for (name, size) in [("small", 10), ("large", 2 << 20)] {
        pair.write(name, noise(size));
        fs::write(pair.to.join(name), "old").unwrap();
        // Wine lets nobody replace what is open.
        let held = cfg!(unix).then(|| File::open(pair.to.join(name)).unwrap());
        assert_eq!(pair.copy_one(0, name, CREATE).0, Status::Exists);
        assert_eq!(pair.read(name), b"old");
        assert_eq!(pair.copy_one(0, name, REPLACE).0, Status::Ok);
        assert!(pair.read(name) == noise(size));
        if let Some(held) = held {
            let old = std::io::read_to_string(held).unwrap();
            assert_eq!(old, "old", "whoever has the old file open keeps it");
        }
    }
    assert_eq!(pair.names(), ["large", "small"]);
}

#[test]
fn a_directory_in_the_way_is_named_as_such() {
    let pair = Pair::new();
    pair.write("f", "x");
    fs::create_dir_all(pair.to.join("f/full")).unwrap();
    let (status, results) = pair.copy_one(0, "f", REPLACE);
    assert_eq!((status, step(&results, 0)), (Status::IsDirectory, 5));
    assert_eq!(pair.names(), ["f"]);
}

#[test]
fn another_name_may_be_given_at_the_destination() {
    let pair = Pair::new();
    pair.write("old", "x");
    let results = pair.copy(
        0,
        &[Item {
            target: b"new",
            ..pair.item("old", CREATE)
        }],
    );
    assert_eq!(status(&results, 0), Status::Ok);
    assert_eq!(pair.names(), ["new"]);
}

#[test]
fn discard_reads_everything_and_writes_nothing() {
    let pair = Pair::new();
    fs::create_dir(pair.from.join("d")).unwrap();
    pair.write("d/f", noise(3_000_000));
    let file = Item {
        name: b"f",
        parent: 0,
        ..pair.item("d/f", CREATE)
    };
    let results = pair.copy(flag::DISCARD, &[parent("d", action::PARENT_CREATE), file]);
    assert_eq!(status(&results, 1), Status::Ok);
    assert_eq!(testing::bytes_of(&results, 1), 3_000_000);
    assert!(pair.names().is_empty());
}

#[test]
fn resume_keeps_what_is_right_and_copies_the_rest() {
    const MIB: usize = 1 << 20;
    let content = noise(20 * MIB + 5);
    for (there, kept) in [
        (12 * MIB + 77, 12 * MIB),
        (20 * MIB + 5, 20 * MIB),
        (25 * MIB, 20 * MIB),
    ] {
        let pair = Pair::new();
        pair.write("f", &content);
        let staged = String::from_utf8(name_of(0x01d, 5)).unwrap();
        let mut partial = content.clone();
        partial.resize(there, 9);
        fs::write(pair.to.join(&staged), &partial).unwrap();
        let item = Item {
            target: staged.as_bytes(),
            ..pair.item("f", RESUME)
        };
        let results = pair.copy(0, &[item]);
        assert_eq!(status(&results, 0), Status::Ok);
        assert_eq!(flags(&results, 0), result_flag::RESUMED);
        assert_eq!(
            testing::bytes_of(&results, 0),
            (content.len() - kept) as u64
        );
        assert!(pair.read("f") == content);
        assert_eq!(pair.names(), ["f"]);
    }
}

#[test]
fn resume_takes_nothing_that_differs() {
    let pair = Pair::new();
    let content = noise(20 << 20);
    pair.write("f", &content);
    let staged = String::from_utf8(name_of(0x01d, 5)).unwrap();
    let mut partial = content[..15 << 20].to_vec();
    partial[(3 << 20) + 9] ^= 1;
    fs::write(pair.to.join(&staged), &partial).unwrap();
    let results = pair.copy(
        0,
        &[Item {
            target: staged.as_bytes(),
            ..pair.item("f", RESUME)
        }],
    );
    assert_eq!(testing::bytes_of(&results, 0), 17 << 20);
    assert!(pair.read("f") == content);
    let results = pair.copy(
        0,
        &[Item {
            target: staged.as_bytes(),
            ..pair.item("f", RESUME)
        }],
    );
    assert_eq!(
        (status(&results, 0), flags(&results, 0)),
        (Status::Ok, 0),
        "nothing is left to resume"
    );
}

#[test]
fn a_journalled_copy_that_was_cancelled_can_be_found_and_resumed() {
    let pair = Pair::new();
    pair.write("f", noise(64 << 20));
    let marker = String::from_utf8(name_of(RUN, 0)).unwrap();
    let head = Head {
        op: Op::Marker,
        p0: 1,
        ..pair.head
    };
    testing::run(crate::marker::run, &head.request(&[]))
        .0
        .unwrap();
    let born = fs::metadata(pair.to.join(&marker))
        .unwrap()
        .modified()
        .unwrap();

    let shared = testing::shared();
    let request = Head {
        flags: flag::KEEP_PARTIAL,
        ..pair.head
    }
    .request(&[pair.item("f", CREATE)]);
    let job = JobContext::new(&request, &shared, 0);
    let mut results = Results::new(1);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while shared.control.progress(0).0 == 0 {
                std::hint::spin_loop();
            }
            shared.control.cancel(0);
        });
        run(&job, &mut results).unwrap();
    });
    if status(&results, 0) == Status::Ok {
        testing::skip("this file system copies 64 MiB in one step");
        return;
    }
    assert_eq!(status(&results, 0), Status::Cancelled);
    let names = pair.names();
    assert_eq!(names.len(), 2, "the marker and a partial file: {names:?}");
    let journal = fs::read_to_string(pair.to.join(&marker)).unwrap();
    let lines: Vec<Vec<&str>> = journal
        .lines()
        .filter(|line| !line.starts_with("mount\t"))
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines[0][1], "Zg==");
    assert_eq!(lines[0][2], "67108864");
    assert_eq!(
        fs::metadata(pair.to.join(&marker))
            .unwrap()
            .modified()
            .unwrap(),
        born
    );

    let staged = names.iter().find(|name| **name != marker).unwrap();
    let results = pair.copy(
        0,
        &[Item {
            target: staged.as_bytes(),
            ..pair.item("f", RESUME)
        }],
    );
    assert_eq!(
        (status(&results, 0), flags(&results, 0)),
        (Status::Ok, result_flag::RESUMED)
    );
    assert!(testing::bytes_of(&results, 0) < 64 << 20);
    assert!(pair.read("f") == noise(64 << 20));
}

#[test]
fn without_a_marker_no_partial_file_is_noted() {
    let pair = Pair::new();
    let root = crate::root::get(pair.head.destination).unwrap();
    let partial = journal::Partial {
        directory: b"",
        staged: b"s",
        target: b"t",
        size: 1,
        mtime_ns: 1,
    };
    assert_eq!(journal::add(&root, RUN, &partial, 0), Ok(false));
}
