//! A hostile client on a bound stream: the daemon's end serves it over a root that is thrown away.
//!
//! The first byte of the input chooses what the session may do, the rest is what the client says. Nothing
//! outside of the root is touched, and the daemon's end ends when the client does.

use std::io;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use crate::Thrown;
use blit_native::control::{Control, Shared};
use blit_native::net::link::Link;
use blit_native::net::part;
use blit_native::net::serve::serve;
use blit_native::net::terms::{READ, TRUST_METADATA, Terms, WRITE};
use blit_native::request::flag;
use blit_native::root::{self, Root};
use blit_native::status::Status;

/// A client that has said everything already, and reads whatever it is told.
struct Said {
    bytes: Vec<u8>,
    at: usize,
}

impl Link for Said {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = &self.bytes[self.at..];
        let count = left.len().min(into.len());
        into[..count].copy_from_slice(&left[..count]);
        self.at += count;
        Ok(count)
    }

    fn write_all(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn is_readable(&mut self, _: Duration) -> io::Result<bool> {
        Ok(true)
    }

    fn is_tunnel(&self) -> bool {
        true
    }
}

struct World {
    thrown: Thrown,
    root: AtomicU32,
    shared: Shared,
}

impl World {
    /// Opens the root anew.
    fn open(&self) {
        let path = self.thrown.inside();
        let root = Root::open_at(path.as_os_str().as_encoded_bytes(), 0).expect("it opens");
        let last = self.root.swap(root::add(root), Relaxed);
        if root::close(last).is_ok() {
            part::forget_root(last);
        }
    }
}

static WORLD: LazyLock<World> = LazyLock::new(|| World {
    thrown: Thrown::new(),
    root: AtomicU32::new(0),
    shared: Shared::new(Control::leaked()),
});

/// Carries one input out; panics where a promise doesn't hold.
pub fn run(data: &[u8]) {
    let Some((&rights, said)) = data.split_first() else {
        return;
    };
    let world = &*WORLD;
    if world.thrown.fill() {
        world.open();
    }
    let terms = Terms {
        root: world.root.load(Relaxed),
        rights: u32::from(rights) & (READ | WRITE),
        // Flushing a whole file system is nobody's parser.
        flags: flag::ALL & !flag::FSYNC,
        run: 7,
        slot: 1,
        trust: u32::from(rights >> 2) & TRUST_METADATA,
        idle_ms: 1_000,
        ..Terms::default()
    };
    let link = Said {
        bytes: said.to_vec(),
        at: 0,
    };
    let closed = serve(Box::new(link), &terms, &world.shared);
    assert_ne!(closed.status, Status::Bug);
    world.thrown.check();
}
