//! The one thread that owns every connection of a port until it is bound. It waits in one call for all of
//! them, and never goes round without a reason.

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::listen::{Limits, Line};
use super::pending::Pending;
use super::streams::{Origin, Reach};
use super::tcp;
use super::tls::Identity;
use crate::control::Shared;
use crate::frame::{Frame, FrameType};
use crate::status::{AtStep, Fail, Outcome, Status, Step};

/// How long a port rests where the process has no descriptor left for another connection.
const REST: Duration = Duration::from_millis(250);
/// Connections accepted before those that wait are looked at again.
const ACCEPTED_AT_ONCE: usize = 64;

/// A connection whose token was handed up.
struct Arrived {
    stream: u32,
    socket: Arc<TcpStream>,
    address: IpAddr,
    until: Instant,
}

/// The state of the thread.
pub struct Poller {
    job: u64,
    listeners: Vec<TcpListener>,
    hears: UnixStream,
    line: Arc<Line>,
    limits: Limits,
    identity: Option<Identity>,
    pending: Vec<Pending>,
    arrived: Vec<Arrived>,
    /// Until when nothing is accepted.
    resting: Option<Instant>,
}

impl Poller {
    /// A poller over sockets that never wait.
    pub fn new(
        job: u64,
        listeners: Vec<TcpListener>,
        hears: UnixStream,
        line: Arc<Line>,
        limits: Limits,
        identity: Option<Identity>,
    ) -> Poller {
        Poller {
            job,
            listeners,
            hears,
            line,
            limits,
            identity,
            pending: Vec::new(),
            arrived: Vec::new(),
            resting: None,
        }
    }

    /// Works until the job is closed; then says so.
    pub fn run(mut self, shared: &Arc<Shared>) {
        let job = self.job;
        let ended = catch_unwind(AssertUnwindSafe(|| self.work(shared)));
        // The panic's message went to stderr through the hook.
        let ended = ended.unwrap_or(Err(Fail::new(Status::Bug, Step::Process)));
        for arrived in &self.arrived {
            shared.net.streams.close_unbound(arrived.stream);
        }
        shared.net.listeners.forget(job);
        drop(self);
        shared.frames.push(match ended {
            Ok(()) => Frame {
                job,
                kind: FrameType::Results,
                last: true,
                payload: Vec::new(),
            },
            Err(fail) => Frame::failed(job, fail),
        });
    }

    fn work(&mut self, shared: &Arc<Shared>) -> Outcome<()> {
        while !self.line.is_closing() {
            #[cfg(test)]
            self.line
                .rounds
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.drop_late(shared);
            let ready = self.wait().at(Step::Process)?;
            self.hear();
            // From the last to the first, since one that ends is taken out.
            for at in (0..self.pending.len()).rev() {
                if ready.pending.get(at) == Some(&true) {
                    self.advance(at, shared);
                }
            }
            for at in (0..self.arrived.len()).rev() {
                if ready.arrived.get(at) == Some(&true) {
                    let gone = self.arrived.swap_remove(at);
                    shared.net.streams.close_unbound(gone.stream);
                }
            }
            if ready.accept {
                self.accept(shared);
            }
        }
        Ok(())
    }

    /// Waits for something to happen, or for the next limit to pass.
    fn wait(&self) -> Result<Ready, Errno> {
        let now = Instant::now();
        let resting = self.resting.filter(|&until| until > now);
        let limits = self.pending.iter().map(|pending| pending.until);
        let limits = limits.chain(self.arrived.iter().map(|arrived| arrived.until));
        let next = limits.chain(resting).min();
        // A millisecond more: a wait that ended just before the limit would come back at once.
        let wait = next.map(|next| next.saturating_duration_since(now) + Duration::from_millis(1));
        let wait = wait.map(|wait| Timespec {
            tv_sec: wait.as_secs() as i64,
            tv_nsec: wait.subsec_nanos().into(),
        });
        let mut fds = vec![PollFd::new(&self.hears, PollFlags::IN)];
        fds.extend(self.pending.iter().map(|pending| {
            let mut events = PollFlags::IN;
            events.set(PollFlags::OUT, pending.wants_write);
            watch(pending.socket.as_fd(), events)
        }));
        // Nothing may be read from these any more; that the peer hung up is told all the same.
        let hung_up = PollFlags::empty();
        let arrived = self.arrived.iter();
        fds.extend(arrived.map(|arrived| watch(arrived.socket.as_fd(), hung_up)));
        if resting.is_none() {
            let listeners = self.listeners.iter();
            fds.extend(listeners.map(|listener| watch(listener.as_fd(), PollFlags::IN)));
        }
        match poll(&mut fds, wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let mut events = fds[1..].iter().map(|fd| !fd.revents().is_empty());
        Ok(Ready {
            pending: events.by_ref().take(self.pending.len()).collect(),
            arrived: events.by_ref().take(self.arrived.len()).collect(),
            accept: events.any(|ready| ready),
        })
    }

    /// Takes the bell's rings.
    fn hear(&mut self) {
        while matches!(self.hears.read(&mut [0; 64]), Ok(64)) {}
    }

    /// Forgets what was bound or closed.
    fn let_go(&mut self, shared: &Arc<Shared>) {
        let waits = |arrived: &Arrived| shared.net.streams.is_unbound(arrived.stream);
        self.arrived.retain(waits);
    }

    /// Ends what is too late.
    fn drop_late(&mut self, shared: &Arc<Shared>) {
        self.let_go(shared);
        let now = Instant::now();
        self.pending.retain(|pending| pending.until > now);
        let late: Vec<Arrived> = self
            .arrived
            .extract_if(.., |arrived| arrived.until <= now)
            .collect();
        for arrived in &late {
            shared.net.streams.close_unbound(arrived.stream);
        }
    }

    fn advance(&mut self, at: usize, shared: &Arc<Shared>) {
        match self.pending[at].advance() {
            Ok(false) => {}
            Ok(true) => {
                let pending = self.pending.swap_remove(at);
                self.hand_up(pending, shared);
            }
            // Nothing is said to who doesn't speak the protocol.
            Err(_) => drop(self.pending.swap_remove(at)),
        }
    }

    fn hand_up(&mut self, pending: Pending, shared: &Arc<Shared>) {
        let (peer, until) = (pending.peer, pending.until);
        let token = pending.token().to_vec();
        let socket = Arc::clone(&pending.socket);
        let reach = Reach::Socket(Arc::clone(&socket));
        let link = pending.into_link();
        // Fails only while the pool closes.
        let Ok(stream) = shared.net.streams.add(link, reach, Origin::Arrival) else {
            return;
        };
        self.arrived.push(Arrived {
            stream,
            socket,
            address: address_of(&peer),
            until,
        });
        shared.frames.push(Frame {
            job: self.job,
            kind: FrameType::Arrival,
            last: false,
            payload: arrival(stream, &peer, &token),
        });
    }

    fn accept(&mut self, shared: &Arc<Shared>) {
        for at in 0..self.listeners.len() {
            for _ in 0..ACCEPTED_AT_ONCE {
                match self.listeners[at].accept() {
                    Ok((socket, peer)) => self.keep(socket, peer, shared),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if has_no_room(&error) => {
                        // The connection stays in the kernel's queue and would wake this thread at once.
                        self.resting = Some(Instant::now() + REST);
                        return;
                    }
                    // The peer gave up before it was accepted.
                    Err(_) => {}
                }
            }
        }
    }

    /// Keeps a connection, in the place of another where there is no more room. Who said nothing goes
    /// first, then who came first: a real client is through before many others came.
    fn keep(&mut self, socket: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) {
        // What was bound a moment ago makes room.
        self.let_go(shared);
        let address = address_of(&peer);
        let same = |other: &IpAddr| *other == address;
        let from_it = self.pending.iter().map(|other| address_of(&other.peer));
        let from_it = from_it.chain(self.arrived.iter().map(|other| other.address));
        let crowded = from_it.filter(same).count() >= self.limits.per_address;
        let full = self.pending.len() + self.arrived.len() >= self.limits.in_all;
        if crowded || full {
            let victim = (0..self.pending.len())
                .filter(|&at| !crowded || address_of(&self.pending[at].peer) == address)
                .min_by_key(|&at| (self.pending[at].was_heard(), self.pending[at].until));
            match victim {
                Some(victim) => drop(self.pending.swap_remove(victim)),
                // All have said their tokens and wait to be bound: the newcomer goes.
                None => return,
            }
        }
        tcp::tune(&socket);
        let until = Instant::now() + self.limits.time;
        let identity = self.identity.as_ref();
        self.pending
            .extend(Pending::new(socket, peer, until, identity));
    }
}

/// What a wait found.
struct Ready {
    pending: Vec<bool>,
    arrived: Vec<bool>,
    accept: bool,
}

fn watch(fd: BorrowedFd<'_>, events: PollFlags) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, events)
}

fn address_of(peer: &SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}

fn has_no_room(error: &std::io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

/// Payload of an arrival.
fn arrival(stream: u32, peer: &SocketAddr, token: &[u8]) -> Vec<u8> {
    let address = match peer.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    [
        &stream.to_le_bytes()[..],
        &(token.len() as u32).to_le_bytes(),
        &address.octets(),
        &peer.port().to_le_bytes(),
        &[0; 2],
        token,
    ]
    .concat()
}
