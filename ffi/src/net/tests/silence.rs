//! Signs of life, and what silence means.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::shapes::noise;
use super::{Way, World, link, recorded, sockets, statuses};
use crate::net::record::{HEADER_BYTES, Type};
use crate::net::tcp;
use crate::net::vectors::record;
use crate::net::wire::{Line, Wait, Wire};
use crate::request::action;
use crate::status::Status;

#[test]
fn whoever_is_busy_says_so_and_says_nothing_behind_its_last_word() {
    let (ours, theirs) = sockets();
    let mut ours = link(ours);
    let line = Line::new(&mut ours);
    let mut wire = Wire::new(&line, Duration::from_secs(5));
    line.while_alive(|| {
        thread::sleep(Duration::from_millis(3000));
        wire.send_last(Type::End, &[]).unwrap();
        thread::sleep(Duration::from_millis(3000));
    });
    drop(wire);
    let mut theirs = theirs;
    theirs
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut said = Vec::new();
    let _ = theirs.read_to_end(&mut said);
    let types: Vec<u8> = said.chunks(HEADER_BYTES).map(|record| record[0]).collect();
    let (last, before) = types.split_last().unwrap();
    assert_eq!(*last, Type::End as u8);
    assert!((1..=3).contains(&before.len()), "{types:?}");
    assert!(before.iter().all(|&kind| kind == Type::Alive as u8));
}

#[test]
fn a_sender_takes_a_sign_of_life_for_nothing_else() {
    let world = World::new();
    fs::write(world.client.join("f"), noise(3 << 20)).unwrap();
    let request = world.request(0, &[recorded(&world.client, "f", action::CREATE)]);
    let (ours, mut theirs) = sockets();
    let began = Instant::now();
    let (results, ended) = thread::scope(|scope| {
        scope.spawn(move || {
            theirs.write_all(&record(Type::Alive, 0, 0, b"")).unwrap();
            let mut said = vec![0; 3 << 20];
            theirs.read_exact(&mut said).unwrap();
            thread::sleep(Duration::from_millis(300));
            theirs.write_all(&record(Type::Alive, 0, 0, b"")).unwrap();
            theirs
                .write_all(&record(Type::Results, 0, 0, &[0; 64]))
                .unwrap();
            let _ = theirs.read_to_end(&mut said);
        });
        world.run(Way::Put, &mut link(ours), &request)
    });
    ended.unwrap();
    assert_eq!(statuses(&results), [Status::Ok]);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn silence_within_a_batch_ends_the_stream_and_between_two_it_does_not() {
    let mut world = World::new();
    world.terms.idle_ms = 1_000;
    fs::write(world.client.join("f"), "x").unwrap();
    let item = recorded(&world.client, "f", action::CREATE);
    let request = world.request(0, &[item]);
    let (_, closed) = world.batches(|link| {
        thread::sleep(Duration::from_millis(2_500));
        let (results, ended) = world.run(Way::Put, link, &request);
        ended.unwrap();
        assert_eq!(statuses(&results), [Status::Ok]);
        link.write_all(&record(Type::Put, 0, 0, &request.for_peer()))
            .unwrap();
        let began = Instant::now();
        assert_eq!(link.read(&mut [0; 1]).unwrap(), 0);
        assert!(began.elapsed() < Duration::from_secs(10));
    });
    assert_eq!((closed.status, closed.batches), (Status::Disconnected, 1));
}

#[test]
fn a_peer_that_says_only_that_it_lives_is_waited_for_no_longer_than_asked() {
    let (ours, mut theirs) = sockets();
    let mut ours = link(ours);
    let line = Line::new(&mut ours);
    let mut wire = Wire::new(&line, Duration::from_secs(20));
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            while theirs.write_all(&record(Type::Alive, 0, 0, b"")).is_ok()
                && began.elapsed() < Duration::from_secs(1)
            {
                thread::sleep(Duration::from_millis(5));
            }
        });
        let wait = Wait::Until(began + Duration::from_millis(400));
        assert_eq!(wire.next(wait).unwrap_err().status, Status::Disconnected);
        assert!(began.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_peer_that_takes_nothing_is_gone_once_it_says_nothing_either() {
    let (ours, mut theirs) = sockets();
    tcp::make_waiting(&ours, Duration::from_millis(600)).unwrap();
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            while began.elapsed() < Duration::from_millis(1500) {
                theirs.write_all(&record(Type::Alive, 0, 0, b"")).unwrap();
                thread::sleep(Duration::from_millis(100));
            }
            // It stays, and takes nothing still.
            thread::sleep(Duration::from_millis(3000));
            // Nothing was kept for it, but on Windows.
            let ended = io::copy(&mut theirs, &mut io::sink());
            if cfg!(unix) {
                assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
            }
        });
        let failed = tcp::write_all(&ours, &vec![7; 64 << 20]).unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::TimedOut);
        // As long as it spoke, and the limit; sooner than it went.
        let waited = began.elapsed();
        assert!((2000..4000).contains(&waited.as_millis()), "{waited:?}");
        drop(ours);
    });
}
