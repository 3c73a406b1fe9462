//! A plain TCP connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use super::link::Link;
use crate::sys;

/// How long a peer may take no bytes while it flushes.
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

/// Makes reading and writing wait, but no longer than the idle limit, and with writing than a peer that
/// flushes to its disk.
pub fn make_waiting(socket: &TcpStream, idle: Duration) -> io::Result<()> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(idle))?;
    socket.set_write_timeout(Some(idle.max(FLUSH)))
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

/// Writes all bytes.
pub fn write_all(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    // Where some bytes were taken before the limit passed, the system says how many: no error then.
    socket.write_all(bytes).map_err(timed_out)
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
