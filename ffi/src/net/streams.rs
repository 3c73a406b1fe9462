//! The streams of the process by their handles: who may use one, and how to end it from outside.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::link::Link;
use super::preamble;
use super::tunnel::Pipe;
use super::wire::Carry;
use crate::control::JobContext;
use crate::status::{Fail, Outcome, Status, Step};

/// How often a job that waits for its turn on a stream looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(200);

/// How to reach a stream while somebody else works on it.
#[derive(Clone)]
pub enum Reach {
    /// Its socket.
    Socket(Arc<TcpStream>),
    /// What the other half of a tunnel fills.
    Pipe(Arc<Pipe>),
}

impl Reach {
    /// Ends whatever waits on the stream, now and later.
    pub fn cut(&self) {
        match self {
            // One that the peer has reset is cut already.
            Reach::Socket(socket) => drop(socket.shutdown(Shutdown::Both)),
            Reach::Pipe(pipe) => pipe.cut(),
        }
    }
}

/// Where a stream came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A peer dialled: nobody may use it before it is bound.
    Arrival,
    /// This process dialled, and was answered.
    Dialled,
    /// The caller carries its bytes: bound as an arrival, or used as if dialled.
    Tunnel,
}

struct Stream {
    reach: Reach,
    origin: Origin,
    /// Gone while a job or a thread works on it.
    link: Option<Box<dyn Link>>,
    /// The daemon's answer was read, or given.
    greeted: bool,
    /// What the last job left for the next one.
    carry: Carry,
    /// Jobs that wait for their turn.
    waiting: usize,
}

impl Stream {
    /// Ends it; not to be called under the lock, since a link that nobody works on says goodbye to its peer.
    fn end(self) {
        drop(self.link);
        self.reach.cut();
    }
}

#[derive(Default)]
struct Table {
    next: u32,
    closing: bool,
    streams: HashMap<u32, Stream>,
}

/// The streams.
#[derive(Default)]
pub struct Streams {
    table: Mutex<Table>,
    /// Jobs wait here for a stream that another one has.
    freed: Condvar,
}

impl Streams {
    /// Adds a stream and returns its handle, never 0; `cancelled` once the pool closes.
    pub fn add(&self, link: Box<dyn Link>, reach: Reach, origin: Origin) -> Outcome<u32> {
        let mut table = self.lock();
        if table.closing {
            drop(table);
            return Err(Fail::cancelled());
        }
        loop {
            table.next = table.next.wrapping_add(1);
            let handle = table.next;
            if handle != 0 && !table.streams.contains_key(&handle) {
                let stream = Stream {
                    reach,
                    origin,
                    link: Some(link),
                    greeted: origin != Origin::Tunnel,
                    carry: Carry::default(),
                    waiting: 0,
                };
                table.streams.insert(handle, stream);
                return Ok(handle);
            }
        }
    }

    /// Whether an arrival still waits to be bound.
    pub fn is_unbound(&self, handle: u32) -> bool {
        let table = self.lock();
        table
            .streams
            .get(&handle)
            .is_some_and(|stream| stream.link.is_some())
    }

    /// Takes an arrival or a new tunnel, to serve or refuse it. The handle stays, so that it can be cut.
    pub fn take_unbound(&self, handle: u32) -> Outcome<(Box<dyn Link>, Reach)> {
        let mut table = self.lock();
        let stream = table.streams.get_mut(&handle).ok_or(gone())?;
        if stream.origin == Origin::Dialled || stream.greeted && stream.origin == Origin::Tunnel {
            return Err(Fail::usage());
        }
        stream.greeted = true;
        let link = stream.link.take().ok_or(Fail::usage())?;
        Ok((link, stream.reach.clone()))
    }

    /// Ends a stream: one that nobody works on goes at once, another when its job notices.
    pub fn close(&self, handle: u32) -> Outcome<()> {
        let mut table = self.lock();
        let stream = table.streams.remove(&handle).ok_or(gone())?;
        drop(table);
        self.freed.notify_all();
        stream.end();
        Ok(())
    }

    /// Ends an arrival, unless it was bound meanwhile.
    pub fn close_unbound(&self, handle: u32) {
        let mut table = self.lock();
        let unbound = table.streams.get(&handle);
        if unbound.is_some_and(|stream| stream.link.is_some()) {
            let stream = table.streams.remove(&handle);
            drop(table);
            if let Some(stream) = stream {
                stream.end();
            }
        }
    }

    /// Forgets a stream that its thread is done with; does nothing where it was closed meanwhile.
    pub fn forget(&self, handle: u32) {
        let stream = self.lock().streams.remove(&handle);
        self.freed.notify_all();
        // Dropping a link says goodbye to the peer: not under the lock.
        drop(stream);
    }

    /// The tunnel of a handle.
    pub fn pipe(&self, handle: u32) -> Outcome<Arc<Pipe>> {
        let table = self.lock();
        match &table.streams.get(&handle).ok_or(gone())?.reach {
            Reach::Pipe(pipe) => Ok(Arc::clone(pipe)),
            Reach::Socket(_) => Err(Fail::usage()),
        }
    }

    /// Takes a stream for one job.
    ///
    /// # Errors
    ///
    /// `busy` where another job has it; `disconnected` where it is closed; what the daemon answered,
    /// where it refused a tunnel.
    pub fn check_out<'a>(&'a self, handle: u32, job: &JobContext) -> Outcome<CheckedOut<'a>> {
        self.take(self.lock(), handle, job)
    }

    /// The same, but waits while another job has it: what that one leaves over is the next one's.
    ///
    /// # Errors
    ///
    /// As above; `cancelled` with the job.
    pub fn check_out_next<'a>(&'a self, handle: u32, job: &JobContext) -> Outcome<CheckedOut<'a>> {
        let mut table = self.lock();
        loop {
            let stream = table.streams.get_mut(&handle).ok_or(gone())?;
            if stream.link.is_some() {
                return self.take(table, handle, job);
            }
            job.check()?;
            stream.waiting += 1;
            let woken = self.freed.wait_timeout(table, LOOK);
            table = woken.unwrap_or_else(PoisonError::into_inner).0;
            if let Some(stream) = table.streams.get_mut(&handle) {
                stream.waiting -= 1;
            }
        }
    }

    fn take<'a>(
        &'a self,
        mut table: MutexGuard<'a, Table>,
        handle: u32,
        job: &JobContext,
    ) -> Outcome<CheckedOut<'a>> {
        let stream = table.streams.get_mut(&handle).ok_or(gone())?;
        if stream.origin == Origin::Arrival {
            return Err(Fail::usage());
        }
        let link = stream.link.take();
        let link = link.ok_or(Fail::new(Status::Busy, Step::Process))?;
        let greeted = std::mem::replace(&mut stream.greeted, true);
        let carry = std::mem::take(&mut stream.carry);
        drop(table);
        let mut out = CheckedOut {
            streams: self,
            handle,
            link: Some(link),
            carry,
        };
        if !greeted {
            let until = Instant::now() + job.shared.net.idle();
            preamble::read_answer(out.link(), until, &|| job.cancelled())?;
        }
        Ok(out)
    }

    fn give_back(&self, handle: u32, link: Box<dyn Link>) {
        let mut table = self.lock();
        match table.streams.get_mut(&handle) {
            Some(stream) => {
                stream.link = Some(link);
                drop(table);
                self.freed.notify_all();
            }
            None => {
                // Closed meanwhile.
                drop(table);
                drop(link);
            }
        }
    }

    /// Whether a job waits for its turn on a stream.
    pub fn is_awaited(&self, handle: u32) -> bool {
        let table = self.lock();
        table
            .streams
            .get(&handle)
            .is_some_and(|stream| stream.waiting > 0)
    }

    /// Cuts every stream and takes no more.
    pub fn close_all(&self) {
        let mut table = self.lock();
        table.closing = true;
        let streams = std::mem::take(&mut table.streams);
        drop(table);
        self.freed.notify_all();
        for stream in streams.into_values() {
            stream.end();
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.lock().streams.len()
    }

    // Every change is one step: a panic while the lock was held leaves it whole.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream while one job has it. Dropped, it closes the stream: what was left half said can't be
/// taken up by the next job. A job that came to a clean end calls [`CheckedOut::give_back`].
pub struct CheckedOut<'a> {
    streams: &'a Streams,
    handle: u32,
    /// Gone only while it is given back.
    link: Option<Box<dyn Link>>,
    /// What the job before left.
    pub carry: Carry,
}

impl CheckedOut<'_> {
    /// What carries the bytes.
    pub fn link(&mut self) -> &mut dyn Link {
        match &mut self.link {
            Some(link) => &mut **link,
            None => unreachable!("a stream is given back only by value"),
        }
    }

    /// Lets a job have it that waits, with what this one leaves over; returns both where none waits.
    pub fn hand_over(mut self, carry: Carry) -> Option<(Self, Carry)> {
        let mut table = self.streams.lock();
        match table.streams.get_mut(&self.handle) {
            Some(stream) if stream.waiting > 0 => {
                stream.link = self.link.take();
                stream.carry = carry;
                drop(table);
                self.streams.freed.notify_all();
                None
            }
            _ => {
                drop(table);
                Some((self, carry))
            }
        }
    }

    /// Lets the next job have it.
    pub fn give_back(mut self) {
        if let Some(link) = self.link.take() {
            self.streams.give_back(self.handle, link);
        }
    }
}

impl Drop for CheckedOut<'_> {
    fn drop(&mut self) {
        if self.link.is_some() {
            self.streams.forget(self.handle);
        }
    }
}

fn gone() -> Fail {
    Fail::new(Status::Disconnected, Step::Process)
}
