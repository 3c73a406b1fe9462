//! A plain TCP connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::Link;
use crate::sys;

/// How long a peer may take no bytes while it flushes and says so.
pub const FLUSH: Duration = Duration::from_secs(120);

/// What every connection of the data plane is set to. Buffers are left to the kernel's tuning, which
/// knows the link; the congestion control that copes with losses matters only where there are some.
pub fn tune(socket: &TcpStream) {
    // None of these is worth failing for.
    let _ = socket.set_nodelay(true);
    sys::keep_alive(socket);
    let peer = socket
        .peer_addr()
        .map(|address| address.ip().to_canonical());
    if peer.is_ok_and(|peer| !peer.is_loopback()) {
        sys::prefer_bbr(socket);
    }
}

/// A writer that waits looks so often in the idle limit whether the peer said something.
const LOOKS: u32 = 3;

/// Makes reading and writing wait, but not for ever: see [`write`].
pub fn make_waiting(socket: &TcpStream, idle: Duration) -> io::Result<()> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(idle))?;
    socket.set_write_timeout(Some(idle / LOOKS))
}

/// Reads some bytes; what the systems call a limit that passed is `TimedOut`.
pub fn read(mut socket: &TcpStream, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other.map_err(timed_out),
        }
    }
}

/// Writes some bytes. A peer that takes none for the idle limit is gone, unless it said something
/// meanwhile, as one does that flushes to its disk.
pub fn write(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut stall: Option<Stall> = None;
    loop {
        match socket.write(bytes).map_err(timed_out) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => match &mut stall {
                Some(stall) => stall.look(socket)?,
                None => stall = Some(Stall::begin(socket)?),
            },
            other => return other,
        }
    }
}

/// Writes all bytes, as [`write`] does.
pub fn write_all(socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(socket, bytes)? {
            0 => return Err(ErrorKind::WriteZero.into()),
            written => bytes = &bytes[written..],
        }
    }
    Ok(())
}

/// A peer that takes nothing. Nobody reads meanwhile, so that what it says shows by the bytes that wait.
struct Stall {
    idle: Duration,
    began: Instant,
    /// When it last said something.
    heard: Instant,
    waiting: u64,
}

impl Stall {
    /// After the first look that found nothing taken; the error where the socket doesn't wait at all.
    fn begin(socket: &TcpStream) -> io::Result<Stall> {
        let look = socket.write_timeout()?.ok_or(ErrorKind::TimedOut)?;
        let idle = socket.read_timeout()?.ok_or(ErrorKind::TimedOut)?;
        let began = Instant::now().checked_sub(look);
        let began = began.unwrap_or_else(Instant::now);
        Ok(Stall {
            idle,
            began,
            heard: began,
            waiting: sys::unread(socket)?,
        })
    }

    fn look(&mut self, socket: &TcpStream) -> io::Result<()> {
        let waiting = sys::unread(socket)?;
        if waiting != self.waiting {
            self.waiting = waiting;
            self.heard = Instant::now();
        }
        let is_gone = self.heard.elapsed() >= self.idle;
        if is_gone || self.began.elapsed() >= self.idle.max(FLUSH) {
            sys::reset_at_close(socket);
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

/// Whatever the systems call a limit that passed.
pub fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    }
}

/// A stream's bytes, as they are.
pub struct TcpLink {
    socket: Arc<TcpStream>,
}

impl TcpLink {
    /// A link over a connection.
    pub fn new(socket: Arc<TcpStream>) -> TcpLink {
        TcpLink { socket }
    }
}

impl Link for TcpLink {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        read(&self.socket, into)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_all(&self.socket, bytes)
    }

    fn is_readable(&mut self, wait: Duration) -> io::Result<bool> {
        sys::wait_readable(&self.socket, wait)
    }

    fn is_tunnel(&self) -> bool {
        false
    }
}
