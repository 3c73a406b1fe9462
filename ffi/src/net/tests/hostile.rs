//! A peer that keeps to no rule.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use super::{World, link, names, sockets};
use crate::net::serve::serve;
use crate::net::terms::Closed;
use crate::net::vectors;
use crate::status::Status;

#[test]
fn a_recorded_put_is_carried_out() {
    let world = World::new();
    let closed = say(&world, &vectors::put().said_by(vectors::Side::Client));
    assert_eq!(
        (closed.status, closed.batches, closed.files),
        (Status::Ok, 1, 3)
    );
    assert_eq!(names(&world.daemon), ["d"]);
    let made = fs::read(world.daemon.join("d/large")).unwrap();
    assert_eq!(made.len() as u64, 3 * vectors::MIB);
    assert!(made.starts_with(b"begin\0"));
}

/// Says this to a daemon, hears it out and closes; returns how the daemon saw it.
fn say(world: &World, bytes: &[u8]) -> Closed {
    let (mut ours, theirs) = sockets();
    thread::scope(|scope| {
        let theirs = Box::new(link(theirs));
        let daemon = scope.spawn(|| serve(theirs, &world.terms, &world.shared));
        ours.write_all(bytes).unwrap();
        ours.shutdown(Shutdown::Write).unwrap();
        let _ = ours.read_to_end(&mut Vec::new());
        daemon.join().unwrap()
    })
}
