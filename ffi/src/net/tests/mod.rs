//! Batches between a client and a daemon in one process, over a connection on the loopback.

mod hostile;
#[cfg(unix)]
mod looks;
mod resume;
mod shapes;
mod shared;
mod silence;
mod trouble;

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::client::{get, put};
use super::link::Link;
use super::serve::serve;
use super::tcp::{self, TcpLink};
use super::terms::{Closed, READ, TRUST_METADATA, Terms, WRITE};
use crate::block::{Item, Kind, NO_PARENT, u64_at};
use crate::control::{JobContext, Shared};
use crate::request::{Op, Request, flag};
use crate::results::{RESULT_BYTES, Results};
use crate::status::{Outcome, Status};
use crate::testing::{self, Head, handle_at};

/// Run id of the tests' batches.
const RUN: u64 = 0xb117;
/// Run slots of client and daemon.
const CLIENT: u32 = 1;
const DAEMON: u32 = 2;

/// Two ends of one connection.
fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    (one, other)
}

fn link(socket: TcpStream) -> TcpLink {
    tcp::tune(&socket);
    tcp::make_waiting(&socket, Duration::from_secs(20)).unwrap();
    TcpLink::new(Arc::new(socket))
}

/// A client's directory and a daemon's.
struct World {
    _temp: TempDir,
    client: PathBuf,
    daemon: PathBuf,
    roots: [u32; 2],
    terms: Terms,
    shared: Shared,
}

impl World {
    fn new() -> World {
        World::within(tempfile::tempdir().unwrap())
    }

    fn within(temp: TempDir) -> World {
        let (client, daemon) = (temp.path().join("client"), temp.path().join("daemon"));
        fs::create_dir(&client).unwrap();
        fs::create_dir(&daemon).unwrap();
        let roots = [handle_at(&client), handle_at(&daemon)];
        World {
            _temp: temp,
            client,
            daemon,
            roots,
            terms: Terms {
                root: roots[1],
                rights: READ | WRITE,
                flags: flag::ALL,
                run: RUN,
                slot: DAEMON,
                trust: TRUST_METADATA,
                idle_ms: 5_000,
                ..Terms::default()
            },
            shared: testing::shared(),
        }
    }

    /// A request of the client's; the other side's root is none of its business.
    fn request(&self, flags: u32, items: &[Item]) -> Request {
        let head = Head {
            flags,
            source: self.roots[0],
            destination: self.roots[0],
            run: RUN,
            slot: CLIENT,
            ..Head::new(Op::Copy)
        };
        head.request(items)
    }

    /// Carries out batches over one stream; returns what the client got, and how the stream ended.
    fn batches<R>(&self, work: impl FnOnce(&mut dyn Link) -> R) -> (R, Closed) {
        self.batches_over(|link| Box::new(link), work)
    }

    fn batches_over<R>(
        &self,
        wrap: impl Fn(TcpLink) -> Box<dyn Link>,
        work: impl FnOnce(&mut dyn Link) -> R,
    ) -> (R, Closed) {
        let (ours, theirs) = sockets();
        let (mut ours, theirs) = (wrap(link(ours)), wrap(link(theirs)));
        thread::scope(|scope| {
            let daemon = scope.spawn(|| serve(theirs, &self.terms, &self.shared));
            let done = work(&mut *ours);
            drop(ours);
            (done, daemon.join().unwrap())
        })
    }

    /// Carries one batch out, where nothing ends the stream.
    fn carry(&self, way: Way, flags: u32, items: &[Item]) -> Results {
        let request = self.request(flags, items);
        let ((results, ended), closed) = self.batches(|link| self.run(way, link, &request));
        ended.unwrap();
        assert_eq!(closed.status, Status::Ok);
        results
    }

    /// Where entries come from and go to.
    fn ends(&self, way: Way) -> (&Path, &Path) {
        match way {
            Way::Put => (&self.client, &self.daemon),
            Way::Get => (&self.daemon, &self.client),
        }
    }

    fn run(&self, way: Way, link: &mut dyn Link, request: &Request) -> (Results, Outcome<()>) {
        let job = JobContext::new(request, &self.shared, 0);
        let mut results = Results::new(request.len());
        let ended = match way {
            Way::Put => put(&job, link, &mut results),
            Way::Get => get(&job, link, &mut results),
        };
        (results, ended)
    }
}

/// A link that says it is a tunnel.
struct Tunnelled(TcpLink);

impl Link for Tunnelled {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
    fn is_readable(&mut self, wait: Duration) -> io::Result<bool> {
        self.0.is_readable(wait)
    }
    fn is_tunnel(&self) -> bool {
        true
    }
}

/// A link that breaks once so many bytes were written.
struct Cut<'l> {
    link: &'l mut dyn Link,
    left: usize,
}

impl Link for Cut<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.link.read(into)
    }
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        self.link.write_all(&bytes[..taken])?;
        match taken == bytes.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
    fn is_readable(&mut self, wait: Duration) -> io::Result<bool> {
        self.link.is_readable(wait)
    }
    fn is_tunnel(&self) -> bool {
        false
    }
}

/// Which way content goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Put,
    Get,
}

const WAYS: [Way; 2] = [Way::Put, Way::Get];

/// Where a name goes only with its last handle, a folder whose root is open could not be removed.
impl Drop for World {
    fn drop(&mut self) {
        for root in self.roots {
            let _ = crate::root::close(root);
        }
    }
}

/// The item of an entry, as a scan records it.
fn recorded<'n>(root: &Path, name: &'n str, action: u16) -> Item<'n> {
    Item {
        name: name.as_bytes(),
        action,
        parent: NO_PARENT,
        ..Item::of(&testing::stat(&root.join(name)))
    }
}

/// The item of a parent directory.
fn parent(name: &str, action: u16) -> Item<'_> {
    Item {
        name: name.as_bytes(),
        kind: Kind::Directory,
        action,
        parent: NO_PARENT,
        ..Item::default()
    }
}

/// All statuses of a batch.
fn statuses(results: &Results) -> Vec<Status> {
    let count = results.len();
    let number = |i| testing::status_of(results, i);
    (0..count).map(|i| Status::of(number(i)).unwrap()).collect()
}

fn flags(results: &Results, i: usize) -> u8 {
    results.as_bytes()[i * RESULT_BYTES + 17]
}

fn method(results: &Results, i: usize) -> u8 {
    results.as_bytes()[i * RESULT_BYTES + 16]
}

fn inode(results: &Results, i: usize) -> u64 {
    u64_at(results.as_bytes(), i * RESULT_BYTES + 24)
}

/// Names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
