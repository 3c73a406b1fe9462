//! Jobs that take turns on one stream.

use std::fs;

use super::*;
use crate::block::{Item, NO_PARENT};
use crate::net::bind::bind;
use crate::net::client::{receive, send};
use crate::net::terms::{READ, WRITE};
use crate::request::{Request, action};
use crate::results::Results;
use crate::testing::{Head, bytes_of, handle_at, stat, status_of};

const BATCHES: usize = 12;
const FILES: usize = 8;
const CLIENT: u32 = 4;

/// A client's directory and a daemon's, and one stream between them.
struct Pair {
    temp: tempfile::TempDir,
    roots: [u32; 2],
    daemon: Daemon,
    client: Arc<Shared>,
    stream: u32,
}

impl Pair {
    fn new() -> Pair {
        let temp = tempfile::tempdir().unwrap();
        let roots = ["client", "daemon"].map(|name| {
            fs::create_dir(temp.path().join(name)).unwrap();
            handle_at(&temp.path().join(name))
        });
        let daemon = Daemon::new(&USUAL);
        let client = Arc::new(testing::shared());
        dial::start(&client, &dialling(daemon.address, None, 5000, 7)).unwrap();
        let (arrived, _) = daemon.arrival();
        let mut bound = terms(0, 9);
        bound[4..8].copy_from_slice(&roots[1].to_le_bytes());
        bound[8..12].copy_from_slice(&(READ | WRITE).to_le_bytes());
        bind(&daemon.shared, arrived, &bound).unwrap();
        let stream = dialled(&client, 7).unwrap();
        Pair {
            temp,
            roots,
            daemon,
            client,
            stream,
        }
    }

    /// A batch of files that one side has: of this name and a number, `bytes` long, recorded.
    fn batch(&self, op: Op, side: &str, name: &str, bytes: usize) -> Request {
        let folder = self.temp.path().join(side);
        let names: Vec<String> = (0..FILES).map(|i| format!("{name}-{i}")).collect();
        let stats: Vec<_> = names
            .iter()
            .map(|name| {
                fs::write(folder.join(name), name.repeat(bytes)).unwrap();
                stat(&folder.join(name))
            })
            .collect();
        let items: Vec<Item> = names
            .iter()
            .zip(&stats)
            .map(|(name, stat)| Item {
                name: name.as_bytes(),
                action: action::CREATE,
                parent: NO_PARENT,
                ..Item::of(stat)
            })
            .collect();
        let head = Head {
            source: self.roots[0],
            destination: self.roots[0],
            p0: self.stream.into(),
            slot: CLIENT,
            ..Head::new(op)
        };
        head.request(&items)
    }

    fn run(
        &self,
        operation: fn(&JobContext, &mut Results) -> Outcome<()>,
        request: &Request,
    ) -> Results {
        let job = JobContext::new(request, &self.client, 0);
        let mut results = Results::new(request.len());
        operation(&job, &mut results).unwrap();
        results
    }

    fn close(&self) {
        self.client.net.close();
        self.daemon.close();
        for root in self.roots {
            crate::root::close(root).unwrap();
        }
    }
}

fn all_are(results: &Results, status: Status) -> bool {
    (0..results.len()).all(|i| status_of(results, i) == status as u32)
}

#[test]
fn batches_that_share_a_stream_get_their_own_results() {
    let pair = Pair::new();
    let requests: Vec<Request> = (0..BATCHES)
        .map(|i| pair.batch(Op::Send, "client", &format!("batch{i:02}"), 100 * (i + 1)))
        .collect();
    thread::scope(|scope| {
        for (i, request) in requests.iter().enumerate() {
            let pair = &pair;
            scope.spawn(move || {
                let results = pair.run(send, request);
                assert!(all_are(&results, Status::Ok));
                let bytes = (0..FILES).map(|at| bytes_of(&results, at));
                assert!(bytes.eq([(100 * (i + 1) * "batch00-0".len()) as u64; FILES]));
            });
        }
    });
    let arrived = fs::read_dir(pair.temp.path().join("daemon"))
        .unwrap()
        .count();
    assert_eq!(arrived, BATCHES * FILES);
    // And there's nothing left over on it: it can be asked.
    let results = pair.run(receive, &pair.batch(Op::Receive, "daemon", "back", 1000));
    assert!(all_are(&results, Status::Ok));
    let back = fs::read(pair.temp.path().join("client/back-3")).unwrap();
    assert_eq!(back, "back-3".repeat(1000).as_bytes());
    pair.close();
}

#[test]
fn whoever_waits_for_a_turn_can_be_cancelled_and_learns_of_the_end() {
    let pair = Pair::new();
    let request = pair.batch(Op::Send, "client", "file", 10);
    let busy = Head {
        slot: CLIENT + 1,
        ..Head::new(Op::Send)
    }
    .request(&[]);
    let holder = JobContext::new(&busy, &pair.client, 0);
    let streams = &pair.client.net.streams;
    let held = streams.check_out(pair.stream, &holder).unwrap();
    // What doesn't wait for its turn is told so.
    let refused = pair.run(receive, &pair.batch(Op::Receive, "daemon", "back", 10));
    assert!(all_are(&refused, Status::Busy));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| pair.run(send, &request));
        while !streams.is_awaited(pair.stream) {
            thread::yield_now();
        }
        pair.client.control.cancel(CLIENT as usize);
        assert!(all_are(&waiting.join().unwrap(), Status::Cancelled));
    });
    held.give_back();
    assert!(!streams.is_awaited(pair.stream));
    streams.close(pair.stream).unwrap();
    for operation in [send, receive] {
        assert!(all_are(
            &pair.run(operation, &request),
            Status::Disconnected
        ));
    }
    pair.close();
}
