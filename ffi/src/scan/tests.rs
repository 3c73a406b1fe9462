use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::*;
use crate::block::u64_at;
use crate::block::{ENTRY_STAGED, Item, Kind, NO_PARENT};
use crate::control::Shared;
use crate::frame::{Frame, FrameType};
use crate::request::Request;
use crate::status::Status;
#[cfg(unix)]
use crate::sys::AsFd;
use crate::testing::{Head, blocks, handle_at, in_memory, root_at, shared};

fn directory(name: &[u8]) -> Item<'_> {
    Item {
        name,
        kind: Kind::Directory,
        parent: NO_PARENT,
        ..Item::default()
    }
}

fn frames(shared: &Shared, request: &Request) -> Vec<Frame> {
    run(&JobContext::new(request, shared, 0)).unwrap();
    shared.frames.take()
}

/// Scans to the end through all continuations.
fn scan_all(head: Head, directories: &[&[u8]]) -> Vec<Frame> {
    let shared = shared();
    let items: Vec<_> = directories.iter().map(|d| directory(d)).collect();
    let mut all = frames(&shared, &head.request(&items));
    while all.last().unwrap().kind == FrameType::More {
        let continuation = u64_at(&all.pop().unwrap().payload, 0);
        let more = Head {
            p0: continuation,
            ..Head::new(Op::ScanMore)
        };
        all.extend(frames(&shared, &more.request(&[])));
    }
    all
}

fn make_files(at: &Path, count: usize) {
    for i in 0..count {
        fs::write(at.join(format!("file_{:06}", (i * 7919) % count)), "").unwrap();
    }
}

#[test]
fn a_sorted_scan_orders_names_by_bytes() {
    let temp = tempfile::tempdir().unwrap();
    let names = [
        "b",
        "a",
        "B",
        "ab",
        "a-longer-name",
        "a-longer-namf",
        "é",
        "~",
        "😀",
        "a.",
    ];
    // On Windows one is another spelling of b, the other loses its dot.
    let names: Vec<&str> = names
        .into_iter()
        .filter(|name| cfg!(unix) || !["B", "a."].contains(name))
        .collect();
    for name in &names {
        fs::write(temp.path().join(name), name).unwrap();
    }
    let source = handle_at(temp.path());
    let head = Head {
        source,
        flags: flag::SORTED,
        ..Head::new(Op::Scan)
    };
    let all = scan_all(head, &[b""]);
    let block = &blocks(&all)[0];
    let mut expected: Vec<_> = names.iter().map(|n| n.as_bytes().to_vec()).collect();
    expected.sort();
    assert_eq!(block.names(), expected);
    assert_eq!(block.bytes[1], BLOCK_SORTED | BLOCK_LAST);
    for i in 0..names.len() {
        assert_eq!(block.item(i).size as usize, block.item(i).name.len());
        assert_eq!(block.item(i).kind, Kind::File);
    }
    assert_eq!(all.len(), 2);
    assert!(all[1].last && all[1].kind == FrameType::Results);
}

#[cfg(unix)]
#[test]
fn a_scan_tells_metadata_and_link_targets() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("f"), "12345").unwrap();
    fs::set_permissions(temp.path().join("f"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::hard_link(temp.path().join("f"), temp.path().join("g")).unwrap();
    symlink("no/such\u{1}place", temp.path().join("l")).unwrap();
    fs::create_dir(temp.path().join("m")).unwrap();
    let source = handle_at(temp.path());
    let all = scan_all(
        Head {
            source,
            flags: flag::SORTED,
            ..Head::new(Op::Scan)
        },
        &[b""],
    );
    let block = &blocks(&all)[0];
    let (f, g, l, m) = (block.item(0), block.item(1), block.item(2), block.item(3));
    assert_eq!((f.size, f.mode, f.links, f.inode), (5, 0o4751, 2, g.inode));
    assert_eq!(
        (l.kind, l.target),
        (Kind::Symlink, &b"no/such\x01place"[..])
    );
    assert_eq!(m.kind, Kind::Directory);
    assert!(f.mtime_ns > 1_600_000_000_000_000_000);
    assert_eq!(f.device, root_at(temp.path()).device);
}

#[test]
fn staged_entries_are_counted_or_listed() {
    let temp = tempfile::tempdir().unwrap();
    for name in [
        "a",
        ".blit-0123456789abcdef-1",
        ".blit-0123456789abcdef-22",
        ".blit-x",
    ] {
        fs::write(temp.path().join(name), "").unwrap();
    }
    let source = handle_at(temp.path());
    let left_out = blocks(&scan_all(
        Head {
            source,
            flags: 1,
            ..Head::new(Op::Scan)
        },
        &[b""],
    ));
    assert_eq!(left_out[0].names(), [&b".blit-x"[..], b"a"]);
    assert_eq!(crate::block::u32_at(&left_out[0].bytes, 28), 2);
    let head = Head {
        source,
        flags: flag::SORTED | flag::STAGED,
        ..Head::new(Op::Scan)
    };
    let listed = &blocks(&scan_all(head, &[b""]))[0];
    let flags: Vec<_> = (0..4).map(|i| listed.item(i).flags).collect();
    assert_eq!(flags, [ENTRY_STAGED, ENTRY_STAGED, 0, 0]);
}

#[cfg(unix)]
#[test]
fn a_directory_that_cannot_be_listed_is_one_empty_block_with_its_status() {
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir(temp.path().join("a")).unwrap();
    fs::write(temp.path().join("f"), "").unwrap();
    symlink("a", temp.path().join("l")).unwrap();
    let source = handle_at(temp.path());
    let all = scan_all(
        Head {
            source,
            ..Head::new(Op::Scan)
        },
        &[b"a", b"none", b"f", b"l", b".."],
    );
    let got: Vec<_> = blocks(&all)
        .iter()
        .map(|b| {
            let word = |at| crate::block::u32_at(&b.bytes, at);
            assert_eq!((b.bytes[1], b.layout.count), (BLOCK_LAST, 0));
            (word(8), word(12))
        })
        .collect();
    let escaped = Status::Escaped as u32;
    let not_found = Status::NotFound as u32;
    let not_directory = Status::NotDirectory as u32;
    assert_eq!(
        got,
        [
            (0, 0),
            (1, not_found),
            (2, not_directory),
            (3, escaped),
            (4, escaped)
        ]
    );
    let results = &all.last().unwrap().payload;
    assert_eq!(crate::block::u32_at(results, 64), not_found);
}

#[test]
fn large_directories_come_in_blocks_through_continuations() {
    const FILES: usize = 10_000;
    let temp = in_memory().unwrap();
    fs::create_dir(temp.path().join("big")).unwrap();
    fs::create_dir(temp.path().join("small")).unwrap();
    make_files(&temp.path().join("big"), FILES);
    make_files(&temp.path().join("small"), 3);
    let source = handle_at(temp.path());
    for flags in [0, flag::SORTED] {
        let head = Head {
            source,
            flags,
            p1: 1,
            ..Head::new(Op::Scan)
        };
        let shared = shared();
        let first = frames(
            &shared,
            &head.request(&[directory(b"big"), directory(b"small")]),
        );
        assert_eq!(first.len(), 2, "a budget of one byte is spent by one block");
        let all = scan_all(head, &[b"big", b"small"]);
        let blocks = blocks(&all);
        let (last, others) = blocks.split_last().unwrap();
        assert_eq!(last.names().len(), 3);
        assert!(others.iter().all(|b| b.layout.count <= BLOCK_ENTRIES));
        let lasts = others
            .iter()
            .filter(|b| b.bytes[1] & BLOCK_LAST != 0)
            .count();
        assert_eq!(
            (lasts, others.last().unwrap().bytes[1] & BLOCK_LAST),
            (1, BLOCK_LAST)
        );
        let mut names: Vec<_> = others.iter().flat_map(|b| b.names()).collect();
        if flags == flag::SORTED {
            assert!(names.is_sorted());
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), FILES);
        assert_eq!(all.last().unwrap().payload.len(), 2 * 64);
    }
}

#[test]
fn a_directory_of_exactly_one_block_has_one_block() {
    let temp = in_memory().unwrap();
    make_files(temp.path(), BLOCK_ENTRIES);
    let source = handle_at(temp.path());
    for flags in [0, flag::SORTED] {
        let all = blocks(&scan_all(
            Head {
                source,
                flags,
                ..Head::new(Op::Scan)
            },
            &[b""],
        ));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].layout.count, BLOCK_ENTRIES);
    }
}

#[test]
fn an_entry_that_vanished_after_the_names_were_read_is_left_out() {
    let temp = tempfile::tempdir().unwrap();
    make_files(temp.path(), 10);
    let root = root_at(temp.path());
    let fd = root
        .open(b"", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
        .unwrap();
    let mut listing = Listing::new(fd, false);
    listing
        .read(&mut DirReader::new(), true, || Ok(()))
        .unwrap();
    fs::remove_file(temp.path().join("file_000003")).unwrap();
    let (writer, _) = listing.take_block(|| Ok(())).unwrap();
    let block = writer.finish(&Header::default());
    let layout = crate::block::Layout::check(&block).unwrap();
    let names: Vec<_> = (0..layout.count)
        .map(|i| layout.item(&block, i).name.to_vec())
        .collect();
    assert_eq!(names.len(), 9);
    assert!(names.is_sorted() && !names.contains(&b"file_000003".to_vec()));
}

#[test]
fn a_dropped_or_unknown_continuation_cannot_be_used() {
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir(temp.path().join("a")).unwrap();
    let source = handle_at(temp.path());
    let shared = shared();
    let head = Head {
        source,
        p1: 1,
        ..Head::new(Op::Scan)
    };
    let first = frames(&shared, &head.request(&[directory(b"a"), directory(b"")]));
    let p0 = u64_at(&first.last().unwrap().payload, 0);
    let drop_it = Head {
        p0,
        p1: 1,
        ..Head::new(Op::ScanMore)
    }
    .request(&[]);
    assert_eq!(frames(&shared, &drop_it).len(), 1);
    let again = JobContext::new(&drop_it, &shared, 0);
    assert_eq!(run(&again).unwrap_err().status, Status::Usage);
}

#[test]
fn closing_a_root_drops_its_parked_scans() {
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir(temp.path().join("a")).unwrap();
    let source = handle_at(temp.path());
    let shared = shared();
    let head = Head {
        source,
        p1: 1,
        ..Head::new(Op::Scan)
    };
    let first = frames(&shared, &head.request(&[directory(b"a"), directory(b"")]));
    let p0 = u64_at(&first.last().unwrap().payload, 0);
    shared.parked.drop_root(source);
    assert!(shared.parked.take(p0).is_none());
}

#[test]
fn a_cancelled_scan_says_which_directories_it_did_not_reach() {
    let temp = tempfile::tempdir().unwrap();
    let source = handle_at(temp.path());
    let shared = shared();
    shared.control.cancel(0);
    let request = Head {
        source,
        ..Head::new(Op::Scan)
    }
    .request(&[directory(b"")]);
    let all = frames(&shared, &request);
    assert_eq!(all.len(), 1);
    assert_eq!(
        crate::block::u32_at(&all[0].payload, 0),
        Status::Cancelled as u32
    );
}

/// Not a test of behaviour: prints what a scan costs beside its system calls alone, in processor time
/// so that a busy machine matters less. Run with `--release -- --ignored --nocapture measure`.
#[cfg(unix)]
#[test]
#[ignore = "a measurement"]
fn measure_scan_rate() {
    const FILES: usize = 100_000;
    let temp = in_memory().unwrap();
    make_files(temp.path(), FILES);
    let source = handle_at(temp.path());
    let root = root_at(temp.path());
    let scan = |flags| {
        let all = scan_all(
            Head {
                source,
                flags,
                ..Head::new(Op::Scan)
            },
            &[b""],
        );
        assert!(all.len() > FILES / BLOCK_ENTRIES);
    };
    let calls_alone = || {
        let fd = root
            .open(b"", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
            .unwrap();
        let mut reader = DirReader::new();
        let each = |name: &std::ffi::CStr, _, _| assert!(crate::sys::stat_at(&fd, name).is_ok());
        while reader.fill(fd.as_fd(), each).unwrap() {}
    };
    let ways: [(&str, &dyn Fn()); 3] = [
        ("getdents and statx alone", &calls_alone),
        ("unsorted scan", &|| scan(0)),
        ("sorted scan", &|| scan(flag::SORTED)),
    ];
    let now = || {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
    };
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..9 {
        for (way, times) in ways.iter().zip(&mut times) {
            let start = now();
            way.1();
            times.push(now() - start);
        }
    }
    for (way, times) in ways.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let (best, median) = (times[0] * 1e3, times[4] * 1e3);
        let rate = FILES as f64 / times[4];
        println!(
            "{:25} best {best:.1} ms, median {median:.1} ms, {rate:.0} entries/s",
            way.0
        );
    }
}
