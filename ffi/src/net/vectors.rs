//! The test vectors in `tests/vectors/records.json`, which the codec in TypeScript checks too.
//!
//! `BLIT_WRITE_VECTORS=1 cargo test vectors` writes the file anew.

use std::fmt::Write;
use std::path::PathBuf;

use super::entry::{Entry, WholeFile, pack_entry};
use super::record::{
    Header, MORE, Piece, READ_AGAIN, Range, Type, VOID, pack_fail, pack_have, parse_have,
};
use crate::block::{Item, Kind, NO_PARENT};
use crate::request::{Op, Request, action, flag};
use crate::results::{ItemResult, Results, method, result_flag};
use crate::status::{Fail, Status, Step};
use crate::sys::Metadata;
use crate::testing::Head;
use crate::xattr::Xattrs;

const SECOND: i64 = 1_000_000_000;
pub const MIB: u64 = 1 << 20;

/// Who says something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Daemon,
}
use Side::{Client, Daemon};

/// A batch from its first record to its last.
pub struct Conversation {
    pub name: &'static str,
    pub about: &'static str,
    pub records: Vec<(Side, Vec<u8>)>,
}

impl Conversation {
    /// Everything that one side says, in order.
    pub fn said_by(&self, side: Side) -> Vec<u8> {
        let theirs = self.records.iter().filter(|(from, _)| *from == side);
        theirs.flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

pub fn record(kind: Type, flags: u8, item: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        kind,
        flags,
        item,
        length: payload.len(),
    };
    [&header.pack()[..], payload].concat()
}

pub fn whole(look: &Metadata, target: &[u8], xattrs: &Xattrs, content: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    pack_entry(look, target, xattrs, &mut payload);
    payload.extend(content);
    payload.extend(blake3::hash(content).as_bytes());
    payload
}

pub fn entry(look: &Metadata, xattrs: &Xattrs) -> Vec<u8> {
    let mut payload = Vec::new();
    pack_entry(look, b"", xattrs, &mut payload);
    payload
}

pub fn range(offset: u64, content: &[u8]) -> Vec<u8> {
    let mut payload = offset.to_le_bytes().to_vec();
    payload.extend(content);
    payload.extend(blake3::hash(content).as_bytes());
    payload
}

fn look(size: u64, allocated: u64) -> Metadata {
    Metadata {
        size,
        mtime_ns: 1_700_000_000 * SECOND + 123_456_789,
        allocated,
        mode: 0o640,
        uid: 1000,
        gid: 100,
        kind: Kind::File,
        ..Metadata::default()
    }
}

fn link() -> Metadata {
    Metadata {
        kind: Kind::Symlink,
        mode: 0o777,
        mtime_ns: -SECOND,
        ..look(6, 0)
    }
}

fn attributes() -> Xattrs {
    vec![(b"user.note".to_vec(), b"kept \xff".to_vec())]
}

/// A new directory with a file, a link and a sparse file; the last is named by its whole path.
pub fn items(actions: [u16; 3]) -> Vec<Item<'static>> {
    let item = |name, metadata: &Metadata, action| Item {
        name,
        action,
        parent: 0,
        inode: 0,
        ..Item::of(metadata)
    };
    let directory = Item {
        name: b"d",
        kind: Kind::Directory,
        action: action::PARENT_CREATE,
        parent: NO_PARENT,
        ..Item::default()
    };
    let linked = Item {
        target: b"to/\xfe\xff!",
        ..item(b"l", &link(), actions[1])
    };
    let large = Item {
        parent: NO_PARENT,
        ..item(b"d/large", &large(), actions[2])
    };
    vec![
        directory,
        item(b"\xff.txt", &look(5, 4096), actions[0]),
        linked,
        large,
    ]
}

fn large() -> Metadata {
    look(3 * MIB, 8192)
}

const CREATE: [u16; 3] = [action::CREATE; 3];

fn batch(items: &[Item]) -> Vec<u8> {
    let head = Head {
        flags: flag::XATTRS,
        job: 0,
        run: 0,
        ..Head::new(Op::Copy)
    };
    head.pack(items, b"")
}

fn results(all: [ItemResult; 4]) -> Vec<u8> {
    let mut results = Results::new(all.len());
    for (i, result) in all.into_iter().enumerate() {
        results.set(i, result);
    }
    results.into_bytes()
}

fn made(inode: u64, bytes: u64, mtime_ns: i64) -> ItemResult {
    ItemResult {
        bytes,
        method: method::DATA_PLANE,
        inode,
        ctime_ns: 1_800_000_000 * SECOND + 1,
        mtime_ns,
        ..ItemResult::default()
    }
}

fn directory_made() -> ItemResult {
    ItemResult {
        flags: result_flag::CREATED,
        ..ItemResult::default()
    }
}

/// What the sender says of the four items, where nothing goes wrong.
fn content(sender: Side) -> Vec<(Side, Vec<u8>)> {
    let none = Xattrs::new();
    let records = [
        record(
            Type::File,
            0,
            1,
            &whole(&look(5, 4096), b"", &attributes(), b"hello"),
        ),
        record(
            Type::File,
            0,
            2,
            &whole(&link(), b"to/\xfe\xff!", &none, b""),
        ),
        record(Type::Entry, 0, 3, &entry(&large(), &attributes())),
        record(Type::Range, 0, 3, &range(0, b"begin")),
        record(Type::Range, 0, 3, &range(2 * MIB, b"past the hole")),
        record(Type::Done, 0, 3, b""),
        record(Type::End, 0, 0, b""),
    ];
    records.into_iter().map(|bytes| (sender, bytes)).collect()
}

pub fn put() -> Conversation {
    let mut records = vec![(Client, record(Type::Put, 0, 0, &batch(&items(CREATE))))];
    records.extend(content(Client));
    let sparse = 18;
    let all = [
        directory_made(),
        made(11, 5, look(0, 0).mtime_ns),
        made(12, 0, link().mtime_ns),
        made(13, sparse, look(0, 0).mtime_ns),
    ];
    records.push((Daemon, record(Type::Results, 0, 0, &results(all))));
    Conversation {
        name: "put",
        about: "A directory to make, a file in one record, a link, and a sparse file in ranges.",
        records,
    }
}

pub fn get() -> Conversation {
    let mut records = vec![(Client, record(Type::Get, 0, 0, &batch(&items(CREATE))))];
    records.extend(content(Daemon));
    Conversation {
        name: "get",
        about: "The same items the other way.",
        records,
    }
}

/// A file that changed once while it was read, one that is gone, one that changed twice.
pub fn trouble() -> Conversation {
    let gone = Fail {
        status: Status::NotFound,
        os: 2,
        step: Step::Open,
    };
    let again = record(
        Type::File,
        READ_AGAIN,
        1,
        &whole(&look(5, 4096), b"", &Xattrs::new(), b"later"),
    );
    let changed = Fail::new(Status::Changed, Step::Read);
    let none = Xattrs::new();
    let daemon = [
        again,
        record(Type::Alive, 0, 0, b""),
        record(Type::Fail, 0, 2, &pack_fail(gone)),
        record(Type::Entry, 0, 3, &entry(&look(2 * MIB, 2 * MIB), &none)),
        record(Type::Range, 0, 3, &range(0, b"of the first reading")),
        record(Type::Done, VOID, 3, b""),
        record(Type::Entry, 0, 3, &entry(&large(), &none)),
        record(Type::Range, 0, 3, &range(0, b"of the second reading")),
        record(Type::Fail, 0, 3, &pack_fail(changed)),
        record(Type::End, 0, 0, b""),
    ];
    let mut records = vec![(Client, record(Type::Get, 0, 0, &batch(&items(CREATE))))];
    records.extend(daemon.into_iter().map(|bytes| (Daemon, bytes)));
    Conversation {
        name: "trouble",
        about: "Content that changed while it was read, once and twice, and an entry that is gone.",
        records,
    }
}

/// A file that the receiver holds two thirds of, the second of them wrong.
pub fn resume() -> Conversation {
    let full = look(3 * MIB, 2 * MIB);
    let item = Item {
        name: b"large",
        target: b".blit-0000000000000abc-4294967296",
        action: action::RESUME,
        parent: NO_PARENT,
        ..Item::of(&full)
    };
    let piece = |number: u64, byte: u8| Piece {
        offset: number * MIB,
        length: MIB,
        digest: *blake3::hash(&vec![byte; MIB as usize]).as_bytes(),
    };
    let held = 2 * MIB + 17;
    let done = made(14, 2 * MIB, full.mtime_ns);
    let mut all = Results::new(1);
    all.set(
        0,
        ItemResult {
            flags: result_flag::RESUMED,
            ..done
        },
    );
    let records = vec![
        (Client, record(Type::Put, 0, 0, &batch(&[item]))),
        (
            Client,
            record(Type::Entry, 0, 0, &entry(&full, &Xattrs::new())),
        ),
        (Daemon, record(Type::Have, MORE, 0, &pack_have(held, &[]))),
        (
            Daemon,
            record(Type::Have, MORE, 0, &pack_have(held, &[piece(0, b'a')])),
        ),
        (
            Daemon,
            record(Type::Have, 0, 0, &pack_have(held, &[piece(1, b'x')])),
        ),
        (Client, record(Type::Range, 0, 0, &range(MIB, b""))),
        (
            Client,
            record(Type::Range, 0, 0, &range(MIB, b"from here on")),
        ),
        (Client, record(Type::Done, 0, 0, b"")),
        (Client, record(Type::End, 0, 0, b"")),
        (Daemon, record(Type::Results, 0, 0, all.as_bytes())),
    ];
    Conversation {
        name: "resume",
        about: "The receiver holds two MiB, of which the first is right. What follows that is a hole, but for its beginning.",
        records,
    }
}

/// A receiver that has no room, and a client that gives up.
pub fn given_up() -> Conversation {
    let full = Fail {
        status: Status::NoSpace,
        os: 28,
        step: Step::Write,
    };
    let replaced = items([action::REPLACE; 3]);
    let none = Xattrs::new();
    let all = [
        directory_made(),
        ItemResult::from(full),
        ItemResult::from(Fail::cancelled()),
        ItemResult::from(Fail::cancelled()),
    ];
    let records = vec![
        (Client, record(Type::Put, 0, 0, &batch(&replaced))),
        (
            Client,
            record(Type::Entry, 0, 1, &entry(&look(2 * MIB, 2 * MIB), &none)),
        ),
        (
            Client,
            record(Type::Range, 0, 1, &range(0, b"no room for this")),
        ),
        (Daemon, record(Type::Fail, 0, 1, &pack_fail(full))),
        (Client, record(Type::Fail, 0, 1, &pack_fail(full))),
        (Client, record(Type::Cancel, 0, 0, b"")),
        (Daemon, record(Type::Results, 0, 0, &results(all))),
    ];
    Conversation {
        name: "given up",
        about: "The receiver has no room for the first file; the client cancels before the second.",
        records,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn json() -> String {
    let mut text = String::from("{\n  \"conversations\": [\n");
    let all = [put(), get(), trouble(), resume(), given_up()];
    for (i, conversation) in all.iter().enumerate() {
        let _ = write!(
            text,
            "    {{\n      \"name\": \"{}\",\n      \"about\": \"{}\",\n      \"records\": [\n",
            conversation.name, conversation.about,
        );
        for (j, (side, bytes)) in conversation.records.iter().enumerate() {
            let side = if *side == Client { "client" } else { "daemon" };
            let comma = if j + 1 < conversation.records.len() {
                ","
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "        [\n          \"{side}\",\n          \"{}\"\n        ]{comma}",
                hex(bytes)
            );
        }
        let comma = if i + 1 < all.len() { "," } else { "" };
        let _ = writeln!(text, "      ]\n    }}{comma}");
    }
    text + "  ]\n}\n"
}

#[test]
fn the_vectors_on_disk_are_what_the_codec_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/records.json");
    let now = json();
    if std::env::var_os("BLIT_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let before = std::fs::read_to_string(&path)
        .unwrap()
        .replace("\r\n", "\n");
    assert!(
        before == now,
        "tests/vectors/records.json differs from the codec"
    );
}

#[test]
fn the_vectors_have_every_type() {
    let all = [put(), get(), trouble(), resume(), given_up()];
    for kind in super::record::TYPES {
        let mut records = all.iter().flat_map(|c| &c.records);
        assert!(records.any(|(_, bytes)| bytes[0] == kind as u8), "{kind:?}");
    }
}

#[test]
fn every_record_of_the_vectors_is_read() {
    for conversation in [put(), get(), trouble(), resume(), given_up()] {
        for side in [Client, Daemon] {
            let bytes = conversation.said_by(side);
            let mut rest = &bytes[..];
            while let Some((head, behind)) = rest.split_first_chunk() {
                let header = Header::parse(head).unwrap();
                let (payload, behind) = behind.split_at(header.length);
                rest = behind;
                match header.kind {
                    Type::File => assert!(WholeFile::parse(payload).unwrap().is_intact),
                    Type::Entry => drop(Entry::parse(payload).unwrap()),
                    Type::Range => assert!(Range::parse(payload).unwrap().is_intact),
                    Type::Have => drop(parse_have(payload).unwrap()),
                    Type::Put | Type::Get => drop(Request::parse(payload.to_vec()).unwrap()),
                    _ => {}
                }
            }
            assert!(rest.is_empty());
        }
    }
}
