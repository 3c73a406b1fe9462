use std::fs;

use tempfile::TempDir;

#[cfg(target_os = "linux")]
use super::attributes;
use super::{ABANDON, FIRST, LAST, forget_root, run};
use crate::block::{Item, Kind, NO_PARENT};
use crate::request::{Op, Request, action};
use crate::status::Status;
use crate::testing::{self, Head, handle_at};

struct Place {
    temp: TempDir,
    head: Head,
}

impl Place {
    fn new() -> Place {
        let temp = tempfile::tempdir().unwrap();
        let head = Head {
            destination: handle_at(temp.path()),
            ..Head::new(Op::Write)
        };
        Place { temp, head }
    }
    fn piece(&self, item: Item, at: u64, bits: u64, content: &[u8]) -> u32 {
        let bytes = Head {
            p0: at,
            p1: bits,
            ..self.head
        }
        .pack(&[item], content);
        let (outcome, results, _) = testing::run(run, &Request::parse(bytes).unwrap());
        outcome.unwrap();
        testing::status_of(&results, 0)
    }
    fn names(&self) -> Vec<String> {
        let all = fs::read_dir(self.temp.path()).unwrap();
        all.map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn file(name: &str, size: u64, action: u16) -> Item<'_> {
    Item {
        name: name.as_bytes(),
        kind: Kind::File,
        action,
        size,
        mode: 0o640,
        mtime_ns: 1_000_000_000_000_000_003,
        parent: NO_PARENT,
        ..Item::default()
    }
}

const OK: u32 = Status::Ok as u32;
const USAGE: u32 = Status::Usage as u32;

#[cfg(target_os = "linux")]
#[test]
fn attributes_come_with_the_last_piece() {
    use crate::request::flag;
    let mut place = Place::new();
    let mut list = Vec::new();
    assert!(attributes::pack(
        &[(b"user.a".to_vec(), b"1".to_vec())],
        &mut list
    ));
    let mut with = (list.len() as u32).to_le_bytes().to_vec();
    with.extend(&list);
    let read = |place: &Place, name: &str| {
        let mut value = [0; 8];
        let path = place.temp.path().join(name);
        rustix::fs::getxattr(path, "user.a", &mut value[..]).map(|n| value[..n].to_vec())
    };
    place.head.flags = flag::XATTRS;
    with.extend(b"abc");
    assert_eq!(
        place.piece(file("whole", 3, action::CREATE), 0, FIRST | LAST, &with),
        OK
    );
    if read(&place, "whole") == Err(rustix::io::Errno::NODATA) {
        return testing::skip("no user attributes here");
    }
    assert_eq!(read(&place, "whole").unwrap(), b"1");
    let parts = file("parts", 6, action::REPLACE);
    assert_eq!(place.piece(parts, 0, FIRST, b"abc"), OK);
    assert_eq!(place.piece(parts, 3, LAST, &with), OK);
    assert_eq!(read(&place, "parts").unwrap(), b"1");
    assert_eq!(
        fs::read(place.temp.path().join("parts")).unwrap(),
        b"abcabc"
    );
    let cut = file("cut", 0, action::CREATE);
    let bytes = Head {
        p1: FIRST | LAST,
        ..place.head
    }
    .pack(&[cut], &with[..6]);
    let (_, results, _) = testing::run(run, &Request::parse(bytes).unwrap());
    assert_eq!(testing::status_of(&results, 0), USAGE);
}

#[test]
fn pieces_in_order_become_a_file() {
    let place = Place::new();
    let item = file("f", 6, action::REPLACE);
    fs::write(place.temp.path().join("f"), "old").unwrap();
    assert_eq!(place.piece(item, 0, FIRST, b"ab"), OK);
    assert_eq!(place.piece(item, 2, 0, b"cd"), OK);
    assert_eq!(fs::read(place.temp.path().join("f")).unwrap(), b"old");
    assert_eq!(place.piece(item, 4, LAST, b"ef"), OK);
    assert_eq!(fs::read(place.temp.path().join("f")).unwrap(), b"abcdef");
    let made = testing::stat(&place.temp.path().join("f"));
    let expected = if cfg!(unix) { (0o640, 3) } else { (0o644, 0) };
    assert_eq!(
        (made.mode, made.mtime_ns - 1_000_000_000_000_000_000),
        expected
    );
    assert_eq!(place.names(), ["f"]);
}

#[test]
fn a_piece_out_of_order_ends_the_file() {
    let place = Place::new();
    let item = file("f", 6, action::CREATE);
    assert_eq!(
        place.piece(item, 2, 0, b"cd"),
        USAGE,
        "there was no first piece"
    );
    assert_eq!(place.piece(item, 0, FIRST, b"abc"), OK);
    assert_eq!(place.piece(item, 2, LAST, b"cdef"), USAGE);
    assert!(place.names().is_empty());
    assert_eq!(place.piece(item, 0, FIRST, b"ab"), OK);
    assert_eq!(place.piece(item, 2, 0, b"too much"), USAGE);
    assert!(place.names().is_empty());
}

#[test]
fn what_lies_between_pieces_and_at_the_end_is_a_hole() {
    let place = Place::new();
    let size = 4 << 20;
    let item = Item {
        allocated: size,
        ..file("f", size, action::CREATE)
    };
    assert_eq!(place.piece(item, 1 << 20, FIRST, b"ab"), OK);
    assert_eq!(place.piece(item, 3 << 20, 0, b"cd"), OK);
    assert_eq!(place.piece(item, size, LAST, b""), OK);
    let content = fs::read(place.temp.path().join("f")).unwrap();
    let mut expected = vec![0; size as usize];
    expected[1 << 20..][..2].copy_from_slice(b"ab");
    expected[3 << 20..][..2].copy_from_slice(b"cd");
    assert!(content == expected);
    if cfg!(target_os = "linux") {
        let made = testing::stat(&place.temp.path().join("f"));
        assert!(made.allocated < size / 2, "{} bytes", made.allocated);
    }
}

#[test]
fn a_file_that_ends_early_gets_no_name() {
    let place = Place::new();
    let corrupt = Status::Corrupt as u32;
    assert_eq!(
        place.piece(file("f", 6, action::CREATE), 0, FIRST | LAST, b"abc"),
        corrupt
    );
    let large = file("f", 2 << 20, action::CREATE);
    assert_eq!(place.piece(large, 0, FIRST, b"abc"), OK);
    assert_eq!(place.piece(large, 3, LAST, b"def"), corrupt);
    assert!(place.names().is_empty());
}

#[test]
fn what_is_abandoned_or_below_a_closed_root_goes() {
    let place = Place::new();
    let item = file("f", 2 << 20, action::CREATE);
    assert_eq!(place.piece(item, 0, FIRST, b"abc"), OK);
    assert_eq!(place.names().len(), 1);
    assert_eq!(place.piece(item, 0, ABANDON, b""), OK);
    assert!(place.names().is_empty());
    assert_eq!(place.piece(item, 0, FIRST, b"abc"), OK);
    forget_root(place.head.destination);
    assert!(place.names().is_empty());
}

#[test]
fn create_never_overwrites() {
    let place = Place::new();
    fs::write(place.temp.path().join("f"), "old").unwrap();
    let exists = Status::Exists as u32;
    assert_eq!(
        place.piece(file("f", 3, action::CREATE), 0, FIRST | LAST, b"new"),
        exists
    );
    assert_eq!(
        place.piece(file("f", 3, action::CREATE), 0, FIRST, b"new"),
        OK
    );
    assert_eq!(
        place.piece(file("f", 3, action::CREATE), 3, LAST, b""),
        exists
    );
    assert_eq!(fs::read(place.temp.path().join("f")).unwrap(), b"old");
    assert_eq!(place.names(), ["f"]);
}

#[cfg(unix)]
#[test]
fn other_kinds_are_made_from_their_fields() {
    let place = Place::new();
    let link = Item {
        kind: Kind::Symlink,
        target: b"../x",
        ..file("link", 0, action::CREATE)
    };
    let fifo = Item {
        kind: Kind::Fifo,
        ..file("fifo", 0, action::CREATE)
    };
    assert_eq!(place.piece(link, 0, FIRST | LAST, b""), OK);
    assert_eq!(place.piece(fifo, 0, FIRST | LAST, b""), OK);
    assert_eq!(
        fs::read_link(place.temp.path().join("link"))
            .unwrap()
            .to_str(),
        Some("../x")
    );
    let made = testing::stat(&place.temp.path().join("fifo"));
    assert_eq!((made.kind, made.mode), (Kind::Fifo, 0o640));
    assert_eq!(made.mtime_ns, 1_000_000_000_000_000_003);
}
