use proptest::prelude::*;

use super::*;
use crate::testing::Head;

fn items() -> [Item<'static>; 3] {
    let directory = Item {
        kind: Kind::Directory,
        parent: NO_PARENT,
        ..Item::default()
    };
    [
        Item {
            name: b"d/e",
            action: action::PARENT_CREATE,
            ..directory
        },
        Item {
            name: b"f",
            target: b"other",
            size: 1 << 40,
            mtime_ns: -5,
            ctime_ns: i64::MAX,
            inode: u64::MAX,
            device: 3,
            rdev: 4,
            allocated: 5,
            mode: 0o4755,
            uid: 6,
            gid: 7,
            links: 8,
            kind: Kind::File,
            flags: 1,
            action: action::REPLACE,
            parent: 0,
            os: 0,
        },
        Item {
            name: b"whole/path",
            kind: Kind::Symlink,
            parent: NO_PARENT,
            ..Item::default()
        },
    ]
}

fn bytes() -> Vec<u8> {
    let head = Head {
        flags: flag::OWNER,
        source: 1,
        destination: 2,
        slot: 63,
        p0: 4,
        p1: 5,
        ..Head::new(Op::Copy)
    };
    head.pack(&items(), b"trailing")
}

/// Touches everything that a module may ask for.
fn use_all(request: &Request) {
    for i in 0..request.len() {
        let item = request.item(i);
        assert!(item.name.len() <= request.path(i).len());
    }
    let _ = request.trailing();
}

#[test]
fn a_request_is_read_as_it_was_written() {
    let request = Request::parse(bytes()).unwrap();
    assert_eq!(
        (request.op, request.flags, request.job),
        (Op::Copy, flag::OWNER, 7)
    );
    assert_eq!(
        (request.source, request.destination, request.slot),
        (1, 2, 63)
    );
    assert_eq!((request.run, request.p0, request.p1), (0xabc, 4, 5));
    assert_eq!(request.trailing(), b"trailing");
    for (i, item) in items().iter().enumerate() {
        assert_eq!(request.item(i), *item);
    }
    assert_eq!(request.path(1), &b"d/e/f"[..]);
    assert_eq!(request.path(2), &b"whole/path"[..]);
}

#[test]
fn hostile_parents_are_refused() {
    let fails = |change: fn(&mut [Item<'static>; 3])| {
        let mut items = items();
        change(&mut items);
        Request::parse(Head::new(Op::Copy).pack(&items, b""))
            .unwrap_err()
            .status
    };
    assert_eq!(fails(|i| i[1].parent = 1), Status::Usage);
    assert_eq!(fails(|i| i[1].parent = 2), Status::Usage);
    assert_eq!(fails(|i| i[1].parent = 77), Status::Usage);
    assert_eq!(fails(|i| i[0].kind = Kind::File), Status::Usage);
}

#[test]
fn every_wrong_header_field_is_refused() {
    for (at, value) in [
        (0, 2),
        (1, 0),
        (1, HIGHEST_OP + 1),
        (2, 1),
        (6, 1),
        (48, 64),
        (52, 0xff),
        (64, 9),
        (66, 95),
        (68, 4),
        (84, 1),
    ] {
        let mut bytes = bytes();
        bytes[at] = value;
        assert!(Request::parse(bytes).is_err(), "byte {at} = {value}");
    }
    let whole = bytes();
    for length in 0..whole.len() {
        assert!(
            Request::parse(whole[..length].to_vec()).is_err(),
            "{length} bytes"
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(request) = Request::parse(bytes) {
            use_all(&request);
        }
    }

    #[test]
    fn damaged_requests_never_panic(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = bytes();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(request) = Request::parse(bytes) {
            use_all(&request);
        }
    }
}
