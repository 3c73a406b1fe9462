//! Dialling a daemon's data plane: connection, TLS where a certificate is named, token, answer.

use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Link, lost};
use super::preamble::{self, TOKEN_MOST};
use super::streams::{Origin, Reach};
use super::tcp::{self, TcpLink};
use super::threads::Threads;
use super::tls;
use crate::block::{u16_at, u32_at};
use crate::control::Shared;
use crate::frame::{Frame, FrameType};
use crate::request::Request;
use crate::results::Results;
use crate::status::{Fail, Outcome, Status, Step};
use crate::sys;

/// Size of what stands before the token, bytes.
pub const HEAD_BYTES: usize = 64;
/// Flag: TLS.
pub const TLS: u32 = 1;
/// Longest time that may be asked for.
const MOST_MS: u32 = 60_000;
/// How often whoever waits looks whether it was given up.
const LOOK: Duration = Duration::from_millis(100);

/// Where to dial, and what to say.
struct Target {
    address: SocketAddr,
    /// SHA-256 of the certificate to accept.
    pin: Option<[u8; 32]>,
    token: Vec<u8>,
    wait: Duration,
}

/// Starts dialling, on a thread of its own: a port that nobody answers must not keep the workers from
/// their files. The job ends with the stream's handle and a result, or fails.
pub fn start(shared: &Arc<Shared>, request: &Request) -> Outcome<()> {
    let target = Target::parse(request.trailing())?;
    let (job, slot) = (request.job, request.slot);
    Threads::spawn(shared, "blit-dial", move |shared| {
        let given_up = || shared.is_cancelled(slot);
        let dialled = catch_unwind(AssertUnwindSafe(|| dial(shared, &target, &given_up)));
        let stream = match dialled {
            Ok(Ok(stream)) => stream,
            Ok(Err(fail)) => return shared.frames.push(Frame::failed(job, fail)),
            Err(_) => {
                let bug = Fail::new(Status::Bug, Step::Process);
                return shared.frames.push(Frame::failed(job, bug));
            }
        };
        for (kind, last, payload) in [
            (FrameType::Bytes, false, stream.to_le_bytes().to_vec()),
            (FrameType::Results, true, Results::new(1).into_bytes()),
        ] {
            shared.frames.push(Frame {
                job,
                kind,
                last,
                payload,
            });
        }
    })
}

impl Target {
    fn parse(bytes: &[u8]) -> Outcome<Target> {
        if bytes.len() < HEAD_BYTES {
            return Err(Fail::usage());
        }
        let (head, token) = bytes.split_at(HEAD_BYTES);
        let (ip, _) = head.split_first_chunk::<16>().ok_or(Fail::usage())?;
        let (_, pin) = head.split_last_chunk::<32>().ok_or(Fail::usage())?;
        let ip = Ipv6Addr::from(*ip);
        let (port, wait_ms, flags, scope) = (
            u16_at(head, 16),
            u32_at(head, 20),
            u32_at(head, 24),
            u32_at(head, 28),
        );
        let whole = usize::from(u16_at(head, 18)) == token.len();
        if !whole || token.is_empty() || token.len() > TOKEN_MOST {
            return Err(Fail::usage());
        }
        if port == 0 || !(1..=MOST_MS).contains(&wait_ms) || flags & !TLS != 0 {
            return Err(Fail::usage());
        }
        let address = match ip.to_ipv4_mapped() {
            Some(ip) => SocketAddr::from((ip, port)),
            None => SocketAddr::from(SocketAddrV6::new(ip, port, 0, scope)),
        };
        Ok(Target {
            address,
            pin: (flags & TLS != 0).then_some(*pin),
            token: token.to_vec(),
            wait: Duration::from_millis(wait_ms.into()),
        })
    }
}

fn dial(shared: &Arc<Shared>, target: &Target, given_up: &dyn Fn() -> bool) -> Outcome<u32> {
    let until = Instant::now() + target.wait;
    let failed = |error: io::Error| match given_up() {
        true => Fail::cancelled(),
        false => lost(&error),
    };
    let socket = sys::connect(&target.address, until, given_up).map_err(failed)?;
    tcp::tune(&socket);
    let socket = Arc::new(socket);
    let mut link: Box<dyn Link> = match &target.pin {
        None => Box::new(TcpLink::new(Arc::clone(&socket))),
        Some(pin) => {
            let mut timed = Timed {
                socket: &socket,
                until,
                given_up,
            };
            let linked = tls::dial(Arc::clone(&socket), target.address.ip(), pin, &mut timed);
            linked.map_err(|fail| if given_up() { Fail::cancelled() } else { fail })?
        }
    };
    tcp::make_waiting(&socket, shared.net.idle()).map_err(failed)?;
    link.write_all(&preamble::greeting(&target.token)?)
        .map_err(failed)?;
    preamble::read_answer(&mut *link, until, given_up)?;
    shared
        .net
        .streams
        .add(link, Reach::Socket(socket), Origin::Dialled)
}

/// A connection that ends waiting when its time is over, however little the peer says at once.
struct Timed<'a> {
    socket: &'a TcpStream,
    until: Instant,
    given_up: &'a dyn Fn() -> bool,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() || (self.given_up)() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !sys::wait_readable(self.socket, self.left()?.min(LOOK))? {}
        tcp::read(self.socket, into)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A handshake is shorter than any socket's buffer.
        self.socket.set_write_timeout(Some(self.left()?))?;
        let mut socket = self.socket;
        socket.write(bytes).map_err(tcp::timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
