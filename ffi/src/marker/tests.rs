use std::fs;

use super::{CREATE, LEAVE, REMOVE, run};
use crate::journal;
use crate::request::{Op, Request};
use crate::root;
use crate::status::Status;
use crate::testing::{self, Head, handle_at};

/// Runs the operation and returns its one result's status.
fn marker(head: Head, run_id: u64, p0: u64, p1: u64) -> u32 {
    let bytes = Head {
        run: run_id,
        p0,
        p1,
        ..head
    }
    .pack(&[], b"content");
    let (outcome, results, _) = testing::run(run, &Request::parse(bytes).unwrap());
    outcome.unwrap();
    assert_eq!(results.len(), 1);
    testing::status_of(&results, 0)
}

const OK: u32 = Status::Ok as u32;
const BUSY: u32 = Status::Busy as u32;

#[test]
fn a_live_run_keeps_others_out_of_its_root() {
    let temp = tempfile::tempdir().unwrap();
    let head = Head {
        destination: handle_at(temp.path()),
        ..Head::new(Op::Marker)
    };
    let other = Head {
        destination: handle_at(temp.path()),
        ..Head::new(Op::Marker)
    };
    assert_eq!(marker(head, 1, CREATE, 1), OK);
    let path = temp.path().join(".blit-0000000000000001-0");
    assert!(fs::read(&path).unwrap().ends_with(b"content"));
    assert_eq!(marker(other, 2, CREATE, 1), BUSY);
    assert_eq!(
        fs::read_dir(temp.path()).unwrap().count(),
        1,
        "the refused run leaves nothing"
    );
    assert_eq!(marker(other, 3, CREATE, 0), OK);
    assert_eq!(marker(other, 3, REMOVE, 0), OK);
    assert_eq!(marker(head, 1, REMOVE, 0), OK);
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    assert_eq!(marker(other, 2, CREATE, 1), OK);
}

#[test]
fn a_marker_that_was_left_is_no_live_run() {
    let temp = tempfile::tempdir().unwrap();
    let head = Head {
        destination: handle_at(temp.path()),
        ..Head::new(Op::Marker)
    };
    assert_eq!(marker(head, 1, CREATE, 1), OK);
    assert_eq!(marker(head, 1, LEAVE, 0), OK);
    assert!(temp.path().join(".blit-0000000000000001-0").exists());
    assert_eq!(marker(head, 2, CREATE, 1), OK);
    // Releasing what this root does not hold removes nothing.
    assert_eq!(marker(head, 1, REMOVE, 0), OK);
    assert!(temp.path().join(".blit-0000000000000001-0").exists());
}

#[test]
fn closing_the_root_frees_its_marker() {
    let temp = tempfile::tempdir().unwrap();
    let first = Head {
        destination: handle_at(temp.path()),
        ..Head::new(Op::Marker)
    };
    let second = Head {
        destination: handle_at(temp.path()),
        ..Head::new(Op::Marker)
    };
    assert_eq!(marker(first, 1, CREATE, 1), OK);
    assert_eq!(marker(second, 2, CREATE, 1), BUSY);
    root::close(first.destination).unwrap();
    assert_eq!(marker(second, 2, CREATE, 1), OK);
}

#[test]
fn a_run_whose_connection_broke_takes_its_marker_up_again() {
    let temp = tempfile::tempdir().unwrap();
    let head = |handle| Head {
        destination: handle,
        ..Head::new(Op::Marker)
    };
    let (before, after) = (handle_at(temp.path()), handle_at(temp.path()));
    assert_eq!(marker(head(before), 1, CREATE, 1), OK);
    assert_eq!(
        marker(head(after), 1, CREATE, 1),
        BUSY,
        "its old session lives"
    );
    assert_eq!(marker(head(before), 1, LEAVE, 0), OK);
    assert_eq!(marker(head(after), 1, CREATE, 1), OK);
    assert_eq!(
        marker(head(before), 2, CREATE, 1),
        BUSY,
        "it is locked again"
    );
    let partial = journal::Partial {
        directory: b"",
        staged: b".blit-0000000000000001-4294967296",
        target: b"large",
        size: 1 << 30,
        mtime_ns: 7,
    };
    let root = root::get(after).unwrap();
    assert_eq!(journal::add(&root, 1, &partial, 0), Ok(true));
    assert_eq!(marker(head(after), 1, REMOVE, 0), OK);
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_marker_of_another_mount_tells_since_when_bytes_may_be_lost() {
    let temp = tempfile::tempdir().unwrap();
    let head = Head {
        destination: handle_at(temp.path()),
        ..Head::new(Op::Marker)
    };
    let lost_since = |run_id: u64| {
        let bytes = Head {
            run: run_id,
            p0: CREATE,
            ..head
        }
        .pack(&[], b"");
        let (outcome, results, _) = testing::run(run, &Request::parse(bytes).unwrap());
        outcome.unwrap();
        i64::from_le_bytes(results.as_bytes()[40..48].try_into().unwrap())
    };
    let began_ms = 1_700_000_000_000u64;
    let run_id = began_ms << 20;
    assert_eq!(lost_since(run_id), 0);
    assert_eq!(marker(head, run_id, LEAVE, 0), OK);
    assert_eq!(
        lost_since(run_id + 1),
        0,
        "killed, but the kernel has it all"
    );
    assert_eq!(marker(head, run_id + 1, REMOVE, 0), OK);
    let path = temp.path().join(format!(".blit-{run_id:016x}-0"));
    for content in [&b"mount\tof-another-boot\t7\n"[..], b"", b"\0\0\0"] {
        fs::write(&path, content).unwrap();
        assert_eq!(lost_since(run_id + 2), began_ms as i64 * 1_000_000);
        assert_eq!(marker(head, run_id + 2, REMOVE, 0), OK);
    }
}
