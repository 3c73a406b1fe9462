//! Peers that keep to no rule: what they say is refused, and nothing of it is named.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::{Way, World, link, names, parent, sockets, statuses};
use crate::block::{Item, Kind, NO_PARENT};
use crate::net::record::{READ_AGAIN, Type, VOID, pack_fail, pack_have};
use crate::net::serve::serve;
use crate::net::terms::{Closed, READ, WRITE};
use crate::net::vectors::{self, MIB, Side, entry, range, record, whole};
use crate::net::wire::{Line, Wait, Wire};
use crate::request::action;
use crate::results::Results;
use crate::status::{Fail, Outcome, Status};
use crate::sys::Metadata;
use crate::xattr::Xattrs;

mod breaches;

/// Longer than anything here takes.
const IDLE: Duration = Duration::from_secs(60);

/// Says this to a daemon, hears it out and closes; returns what it said, and how it saw the stream.
fn say(world: &World, bytes: &[u8]) -> (Vec<u8>, Closed) {
    let (mut ours, theirs) = sockets();
    thread::scope(|scope| {
        let theirs = Box::new(link(theirs));
        let daemon = scope.spawn(|| serve(theirs, &world.terms, &world.shared));
        // It may close before it has heard all.
        let _ = ours.write_all(bytes);
        let _ = ours.shutdown(Shutdown::Write);
        let mut heard = Vec::new();
        let _ = ours.read_to_end(&mut heard);
        (heard, daemon.join().unwrap())
    })
}

/// Has a client carry this batch out with a daemon that says only this.
fn hear(world: &World, way: Way, items: &[Item], bytes: &[u8]) -> (Results, Outcome<()>) {
    let (ours, mut theirs) = sockets();
    let request = world.request(0, items);
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ = theirs.write_all(bytes);
            let _ = theirs.shutdown(Shutdown::Write);
            let _ = theirs.read_to_end(&mut Vec::new());
        });
        world.run(way, &mut link(ours), &request)
    })
}

fn file(size: u64) -> Metadata {
    Metadata {
        size,
        allocated: size,
        mode: 0o644,
        kind: Kind::File,
        ..Metadata::default()
    }
}

fn item(name: &str) -> Item<'_> {
    Item {
        name: name.as_bytes(),
        kind: Kind::File,
        action: action::CREATE,
        parent: NO_PARENT,
        ..Item::default()
    }
}

fn small(index: u32, content: &[u8]) -> Vec<u8> {
    let look = file(content.len() as u64);
    record(
        Type::File,
        0,
        index,
        &whole(&look, b"", &Xattrs::new(), content),
    )
}

/// The beginning of a file that has holes.
fn large(index: u32, size: u64) -> Vec<u8> {
    let look = Metadata {
        allocated: size / 2,
        ..file(size)
    };
    record(Type::Entry, 0, index, &entry(&look, &Xattrs::new()))
}

fn piece(index: u32, offset: u64, content: &[u8]) -> Vec<u8> {
    record(Type::Range, 0, index, &range(offset, content))
}

fn plain(kind: Type, index: u32) -> Vec<u8> {
    record(kind, 0, index, b"")
}

/// A put of these items, with this said behind it.
fn put(world: &World, items: &[Item], said: &[Vec<u8>]) -> Vec<u8> {
    let batch = record(Type::Put, 0, 0, &world.request(0, items).for_peer());
    [&batch[..], &said.concat()].concat()
}

#[test]
fn a_record_takes_memory_as_it_comes() {
    let claimed = record(Type::Put, 0, 0, &vec![7; 4 << 20]);
    let length = claimed.len();
    for (sent, most) in [(100, 512 << 10), (1 << 20, 2 << 20), (length, length)] {
        let (mut ours, theirs) = sockets();
        let mut theirs = link(theirs);
        let line = Line::new(&mut theirs);
        let mut wire = Wire::new(&line, IDLE);
        let heard = thread::scope(|scope| {
            scope.spawn(|| {
                ours.write_all(&claimed[..sent]).unwrap();
                ours.shutdown(Shutdown::Write).unwrap();
            });
            wire.record(Wait::Idle)
        });
        match heard {
            Ok(header) => assert_eq!((sent, header.length), (length, 4 << 20)),
            Err(fail) => assert_eq!(fail.status, Status::Disconnected),
        }
        assert!(wire.input_bytes() <= most, "{}", wire.input_bytes());
    }
}

// The recorded entries are of kinds that not every system has: a symlink and a FIFO among them.
#[cfg(unix)]
#[test]
fn recorded_conversations_are_carried_out() {
    let world = World::new();
    let (_, closed) = say(&world, &vectors::put().said_by(Side::Client));
    assert_eq!(
        (closed.status, closed.batches, closed.files),
        (Status::Ok, 1, 3)
    );
    let made = fs::read(world.daemon.join("d/large")).unwrap();
    assert_eq!(made.len() as u64, 3 * MIB);
    assert!(
        made.starts_with(b"begin\0") && made[2 * MIB as usize..].starts_with(b"past the hole\0")
    );
    let (_, closed) = say(&world, &vectors::given_up().said_by(Side::Client));
    assert_eq!((closed.status, closed.batches), (Status::Ok, 1));
    let items = vectors::items([action::CREATE; 3]);
    for (conversation, expected) in [
        (vectors::get(), [Status::Ok; 4]),
        (
            vectors::trouble(),
            [Status::Ok, Status::Ok, Status::NotFound, Status::Changed],
        ),
    ] {
        let world = World::new();
        let said = conversation.said_by(Side::Daemon);
        let (results, ended) = hear(&world, Way::Get, &items, &said);
        ended.unwrap();
        assert_eq!(statuses(&results), expected);
        let flags = super::flags(&results, 1) & crate::results::result_flag::READ_AGAIN;
        assert_eq!(flags != 0, expected[3] == Status::Changed);
    }
}

#[test]
fn a_client_takes_no_wrong_answer_to_a_put() {
    for (what, said) in [
        ("too few", record(Type::Results, 0, 0, &[0; 64])),
        ("too many", record(Type::Results, 0, 0, &[0; 192])),
        ("content", small(0, b"x")),
        ("an end", plain(Type::End, 0)),
        ("a cancel", plain(Type::Cancel, 0)),
        (
            "something behind it",
            [record(Type::Results, 0, 0, &[0; 128]), plain(Type::End, 0)].concat(),
        ),
    ] {
        let world = World::new();
        for name in ["a", "b"] {
            fs::write(world.client.join(name), name).unwrap();
        }
        let (_, ended) = hear(&world, Way::Put, &[item("a"), item("b")], &said);
        assert_eq!(ended.unwrap_err().status, Status::Mismatch, "{what}");
    }
}

#[test]
fn damaged_content_is_corrupt_and_the_next_item_is_not() {
    for way in [Way::Put, Way::Get] {
        for damaged in [small(0, b"content"), piece(0, 0, b"content")] {
            let world = World::new();
            let mut damaged = damaged;
            let at = damaged.len() - 35;
            damaged[at] ^= 4;
            let said = if damaged[0] == Type::File as u8 {
                vec![damaged]
            } else {
                vec![
                    large(0, 2 * MIB),
                    piece(0, 0, b""),
                    damaged,
                    plain(Type::Done, 0),
                ]
            };
            let mut said: Vec<_> = said
                .into_iter()
                .filter(|r| *r != piece(0, 0, b""))
                .collect();
            said.extend([small(1, b"good"), plain(Type::End, 0)]);
            let items = [item("a"), item("b")];
            let (results, ended, to) = if way == Way::Put {
                let (heard, closed) = say(&world, &put(&world, &items, &said));
                let results = &heard[heard.len() - 128..];
                let results = Results::from_peer(results, 2).unwrap();
                (results, closed.status, &world.daemon)
            } else {
                let (results, ended) = hear(&world, way, &items, &said.concat());
                let ended = ended.map_or_else(|fail| fail.status, |()| Status::Ok);
                (results, ended, &world.client)
            };
            assert_eq!(ended, Status::Ok);
            assert_eq!(statuses(&results), [Status::Corrupt, Status::Ok]);
            assert_eq!(names(to), ["b"]);
        }
    }
}

#[test]
fn a_stream_cut_at_any_byte_leaves_only_whole_files() {
    let items = [parent("d", action::PARENT_CREATE), item("a"), item("b")];
    let world = World::new();
    let said = [
        small(1, b"content"),
        large(2, 2 * MIB),
        piece(2, 0, b"abc"),
        piece(2, MIB, b"def"),
        plain(Type::Done, 2),
        plain(Type::End, 0),
    ];
    let all = put(&world, &items, &said);
    for end in 0..all.len() {
        let world = World::new();
        let (_, closed) = say(&world, &all[..end]);
        let expected = if end == 0 {
            Status::Ok
        } else {
            Status::Disconnected
        };
        assert_eq!(closed.status, expected, "at {end}");
        for name in names(&world.daemon) {
            match &name[..] {
                "d" => {}
                "a" => assert_eq!(fs::read(world.daemon.join("a")).unwrap(), b"content"),
                "b" => assert!(end + 16 >= all.len()),
                other => panic!("{other} at {end}"),
            }
        }
    }
}

#[test]
fn a_file_without_holes_misses_nothing() {
    let entry = record(Type::Entry, 0, 0, &entry(&file(2 * MIB), &Xattrs::new()));
    let [first, second] = [0, MIB].map(|at| piece(0, at, &[7; MIB as usize]));
    let (done, end) = (plain(Type::Done, 0), plain(Type::End, 0));
    for (said, status) in [
        (vec![&first, &second, &done], Status::Ok),
        (vec![&second, &done], Status::Mismatch),
        (vec![&first, &done], Status::Mismatch),
        (vec![&done], Status::Mismatch),
    ] {
        let world = World::new();
        let said = [&[&entry][..], &said, &[&end]].concat();
        let said: Vec<Vec<u8>> = said.into_iter().cloned().collect();
        let (_, closed) = say(&world, &put(&world, &[item("f")], &said));
        assert_eq!(closed.status, status);
        assert_eq!(
            names(&world.daemon).len(),
            usize::from(status == Status::Ok)
        );
    }
}

#[test]
fn names_that_lead_out_of_the_root_are_escapes() {
    let world = World::new();
    fs::write(world.client.join("outside"), "untouched").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../client", world.daemon.join("planted")).unwrap();
    let bad = [
        "../client/outside",
        "/tmp/x",
        "a/../../client/outside",
        "..",
        "a\0b",
        "planted/outside",
    ];
    let items = bad.map(|name| Item {
        action: action::REPLACE,
        ..item(name)
    });
    let mut said: Vec<_> = (0..items.len() as u32).map(|i| small(i, b"mine")).collect();
    said.push(plain(Type::End, 0));
    let (heard, closed) = say(&world, &put(&world, &items, &said));
    assert_eq!(closed.status, Status::Ok);
    let results = Results::from_peer(&heard[16..], items.len()).unwrap();
    let expected = if cfg!(unix) {
        Status::Escaped
    } else {
        Status::NotFound
    };
    for (name, status) in bad.iter().zip(statuses(&results)) {
        let allowed = [Status::Escaped, Status::NotFound, expected];
        assert!(allowed.contains(&status), "{name:?} {status:?}");
    }
    assert_eq!(
        fs::read(world.client.join("outside")).unwrap(),
        b"untouched"
    );
    assert!(names(&world.daemon).iter().all(|name| name == "planted"));
}

#[test]
fn rights_are_held_to() {
    let mut world = World::new();
    let put = put(&world, &[item("a")], &[small(0, b"x"), plain(Type::End, 0)]);
    let get = record(Type::Get, 0, 0, &world.request(0, &[item("a")]).for_peer());
    for (rights, batch) in [(READ, &put), (0, &put), (WRITE, &get)] {
        world.terms.rights = rights;
        let (heard, closed) = say(&world, batch);
        assert_eq!((closed.status, heard.len()), (Status::Refused, 0));
        assert!(names(&world.daemon).is_empty());
    }
}

#[test]
fn requests_of_other_operations_or_other_peoples_roots_are_none() {
    let world = World::new();
    let mut request = world.request(0, &[item("a")]).for_peer();
    // Job, roots, run, slot, trailing bytes: the session's count.
    request[8..32].fill(0xee);
    request[48..56].fill(0xee);
    let said = [small(0, b"x"), plain(Type::End, 0)].concat();
    let bytes = [record(Type::Put, 0, 0, &request), said.clone()].concat();
    assert_eq!(say(&world, &bytes).1.status, Status::Ok);
    assert_eq!(names(&world.daemon), ["a"]);
    for op in [0, 1, 7, 12, 15, 200] {
        request[1] = op;
        let bytes = [record(Type::Put, 0, 0, &request), said.clone()].concat();
        assert_eq!(
            say(&world, &bytes).1.status,
            Status::Usage,
            "operation {op}"
        );
    }
}

#[test]
fn what_is_late_between_two_batches_means_nothing() {
    let world = World::new();
    let late = [
        record(Type::Fail, 0, 3, &pack_fail(Fail::cancelled())),
        plain(Type::Cancel, 0),
        plain(Type::Alive, 0),
        record(Type::Have, 0, 0, &pack_have(0, &[])),
    ]
    .concat();
    let batch = put(&world, &[item("a")], &[small(0, b"x"), plain(Type::End, 0)]);
    let (_, closed) = say(&world, &[late, batch].concat());
    assert_eq!((closed.status, closed.batches), (Status::Ok, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_noise_makes_a_daemon_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let world = World::new();
        let (_, closed) = say(&world, &bytes);
        prop_assert_ne!(closed.status, Status::Bug);
        prop_assert!(names(&world.daemon).is_empty());
    }

    #[test]
    fn no_damage_makes_a_side_panic_or_leaves_something_staged(
        which in 0usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let world = World::new();
        let conversation = [vectors::put, vectors::get, vectors::trouble, vectors::given_up][which]();
        let side = if which == 1 || which == 2 { Side::Daemon } else { Side::Client };
        let mut bytes = conversation.said_by(side);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let to = if side == Side::Client {
            let (_, closed) = say(&world, &bytes);
            prop_assert_ne!(closed.status, Status::Bug);
            &world.daemon
        } else {
            let items = vectors::items([action::CREATE; 3]);
            let (_, _) = hear(&world, Way::Get, &items, &bytes);
            &world.client
        };
        for name in names(to) {
            prop_assert!(!name.starts_with(".blit-"), "{}", name);
        }
        if to.join("d").is_dir() {
            for name in names(&to.join("d")) {
                prop_assert!(!name.starts_with(".blit-"), "{}", name);
            }
        }
    }
}
