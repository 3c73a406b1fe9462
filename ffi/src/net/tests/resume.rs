//! Going on with what an earlier run left of a large file.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use super::shapes::noise;
use super::{RUN, WAYS, Way, World, flags, link, names, recorded, sockets, statuses};
use crate::block::{Item, Kind, NO_PARENT};
use crate::net::record::{HEADER_BYTES, Header, MORE, Type, parse_have};
use crate::net::serve::serve;
use crate::net::vectors::{entry, range, record};
use crate::request::{Op, action, flag};
use crate::results::result_flag;
use crate::status::Status;
use crate::sys::Metadata;
use crate::testing::{self, Head, bytes_of};

const MIB: usize = 1 << 20;
const SIZE: usize = 20 * MIB + 5;
const STAGED: &str = ".blit-0000000000000abc-7";

/// Resumes a file of which this is there; returns how many bytes were sent.
fn resume(way: Way, there: Option<&[u8]>) -> (u64, u8) {
    let world = World::new();
    let (from, to) = world.ends(way);
    let content = noise(SIZE);
    fs::write(from.join("f"), &content).unwrap();
    if let Some(there) = there {
        fs::write(to.join(STAGED), there).unwrap();
    }
    let item = Item {
        target: STAGED.as_bytes(),
        ..recorded(from, "f", action::RESUME)
    };
    let results = world.carry(way, 0, &[item]);
    assert_eq!(statuses(&results), [Status::Ok]);
    assert_eq!(fs::read(to.join("f")).unwrap(), content);
    assert_eq!(names(to), ["f"]);
    let (done, _) = world.shared.control.progress(super::CLIENT as usize);
    assert_eq!(
        done,
        SIZE as u64,
        "progress of {there:?}",
        there = there.map(<[u8]>::len)
    );
    (bytes_of(&results, 0), flags(&results, 0))
}

#[test]
fn what_is_there_and_right_is_not_sent_again() {
    let content = noise(SIZE);
    for way in WAYS {
        let (sent, flags) = resume(way, Some(&content[..10 * MIB + 77]));
        assert_eq!(sent, (SIZE - 10 * MIB) as u64);
        assert_eq!(flags, result_flag::RESUMED);
    }
}

#[test]
fn what_is_wrong_is_sent_again_from_there_on() {
    for way in WAYS {
        let mut there = noise(SIZE);
        there[9 * MIB] ^= 1;
        let (sent, _) = resume(way, Some(&there));
        assert_eq!(sent, (SIZE - 8 * MIB) as u64);
        there[0] ^= 1;
        let (sent, _) = resume(way, Some(&there));
        assert_eq!(sent, SIZE as u64);
    }
}

#[test]
fn nothing_or_too_little_or_too_much_may_be_there() {
    for way in WAYS {
        assert_eq!(resume(way, None), (SIZE as u64, 0));
        assert_eq!(resume(way, Some(b"x")).0, SIZE as u64);
        let mut longer = noise(SIZE);
        longer.extend(vec![1; MIB]);
        assert_eq!(resume(way, Some(&longer)).0, 5);
    }
}

#[test]
fn a_broken_transfer_is_kept_noted_and_gone_on_with() {
    let world = World::new();
    let marker = Head {
        destination: world.roots[1],
        run: RUN,
        p0: 1,
        ..Head::new(Op::Marker)
    };
    testing::run(crate::marker::run, &marker.request(&[]))
        .0
        .unwrap();
    let content = noise(SIZE);
    fs::write(world.client.join("f"), &content).unwrap();
    let item = recorded(&world.client, "f", action::CREATE);
    let request = world.request(flag::KEEP_PARTIAL, &[item]);
    let (_, closed) = world.batches(|link| {
        let mut cut = super::Cut {
            link,
            left: 12 * MIB,
        };
        let (results, ended) = world.run(Way::Put, &mut cut, &request);
        assert!(ended.is_err());
        assert_eq!(statuses(&results), [Status::Disconnected]);
    });
    assert_eq!(closed.status, Status::Disconnected);
    let left: Vec<String> = names(&world.daemon)
        .into_iter()
        .filter(|name| !name.ends_with("-0"))
        .collect();
    let [staged] = &left[..] else {
        panic!("{left:?}")
    };
    let journal = fs::read(world.daemon.join(format!(".blit-{RUN:016x}-0"))).unwrap();
    assert!(journal.ends_with(b"\n"));
    let item = Item {
        target: staged.as_bytes(),
        ..recorded(&world.client, "f", action::RESUME)
    };
    let results = world.carry(Way::Put, 0, &[item]);
    assert_eq!(statuses(&results), [Status::Ok]);
    assert_eq!(flags(&results, 0), result_flag::RESUMED);
    assert!(bytes_of(&results, 0) < 10 * MIB as u64);
    assert_eq!(fs::read(world.daemon.join("f")).unwrap(), content);
}

#[test]
fn a_sender_that_only_lives_gets_all_pieces_and_may_take_any_part_of_them() {
    let content = noise(SIZE);
    for right in [20 * MIB, 8 * MIB, 0] {
        let world = World::new();
        fs::write(world.daemon.join(STAGED), &content).unwrap();
        let look = Metadata {
            size: SIZE as u64,
            allocated: SIZE as u64,
            mode: 0o600,
            kind: Kind::File,
            ..Metadata::default()
        };
        let item = Item {
            name: b"f",
            target: STAGED.as_bytes(),
            action: action::RESUME,
            parent: NO_PARENT,
            ..Item::of(&look)
        };
        let request = world.request(0, &[item]).for_peer();
        let (mut ours, theirs) = sockets();
        let closed = thread::scope(|scope| {
            let theirs = Box::new(link(theirs));
            let daemon = scope.spawn(|| serve(theirs, &world.terms, &world.shared));
            let begin = [
                record(Type::Put, 0, 0, &request),
                record(Type::Entry, 0, 0, &entry(&look, &Vec::new())),
                record(Type::Alive, 0, 0, b""),
            ];
            ours.write_all(&begin.concat()).unwrap();
            ours.set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let mut held = 0;
            loop {
                let mut head = [0; HEADER_BYTES];
                ours.read_exact(&mut head).unwrap();
                let header = Header::parse(&head).unwrap();
                let mut payload = vec![0; header.length];
                ours.read_exact(&mut payload).unwrap();
                assert_eq!(header.kind, Type::Have);
                let (_, pieces) = parse_have(&payload).unwrap();
                held += pieces.iter().map(|piece| piece.length).sum::<u64>();
                if header.flags & MORE == 0 {
                    break;
                }
            }
            assert_eq!(held, 20 << 20);
            let mut rest = vec![record(Type::Range, 0, 0, &range(right as u64, b""))];
            for at in (right..SIZE).step_by(MIB) {
                let piece = &content[at..SIZE.min(at + MIB)];
                rest.push(record(Type::Range, 0, 0, &range(at as u64, piece)));
            }
            rest.push(record(Type::Done, 0, 0, b""));
            rest.push(record(Type::End, 0, 0, b""));
            ours.write_all(&rest.concat()).unwrap();
            ours.shutdown(Shutdown::Write).unwrap();
            ours.read_to_end(&mut Vec::new()).unwrap();
            daemon.join().unwrap()
        });
        assert_eq!((closed.status, closed.batches), (Status::Ok, 1));
        assert_eq!(fs::read(world.daemon.join("f")).unwrap(), content);
    }
}
