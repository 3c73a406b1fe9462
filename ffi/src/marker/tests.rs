use std::fs;

use super::{CREATE, LEAVE, REMOVE, run};
use crate::request::{Op, Request};
use crate::root;
use crate::status::{Outcome, Status};
use crate::testing::{self, Head, handle_at};

fn marker(head: Head, run_id: u64, p0: u64, p1: u64) -> Outcome<()> {
    let bytes = Head {
        run: run_id,
        p0,
        p1,
        ..head
    }
    .pack(&[], b"content");
    testing::run(run, &Request::parse(bytes).unwrap()).0
}

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
    marker(head, 1, CREATE, 1).unwrap();
    let path = temp.path().join(".blit-0000000000000001-0");
    assert_eq!(fs::read(&path).unwrap(), b"content");
    assert_eq!(
        marker(other, 2, CREATE, 1).unwrap_err().status,
        Status::Busy
    );
    assert_eq!(
        fs::read_dir(temp.path()).unwrap().count(),
        1,
        "the refused run leaves nothing"
    );
    marker(other, 3, CREATE, 0).unwrap();
    marker(other, 3, REMOVE, 0).unwrap();
    marker(head, 1, REMOVE, 0).unwrap();
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    marker(other, 2, CREATE, 1).unwrap();
}

#[test]
fn a_marker_that_was_left_is_no_live_run() {
    let temp = tempfile::tempdir().unwrap();
    let head = Head {
        destination: handle_at(temp.path()),
        ..Head::new(Op::Marker)
    };
    marker(head, 1, CREATE, 1).unwrap();
    marker(head, 1, LEAVE, 0).unwrap();
    assert!(temp.path().join(".blit-0000000000000001-0").exists());
    marker(head, 2, CREATE, 1).unwrap();
    // Releasing what this root does not hold removes nothing.
    marker(head, 1, REMOVE, 0).unwrap();
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
    marker(first, 1, CREATE, 1).unwrap();
    assert_eq!(
        marker(second, 2, CREATE, 1).unwrap_err().status,
        Status::Busy
    );
    root::close(first.destination).unwrap();
    marker(second, 2, CREATE, 1).unwrap();
}
