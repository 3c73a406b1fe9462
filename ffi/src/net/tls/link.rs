//! A stream's bytes inside of TLS.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::Error;

use super::records::{Records, Session};
use crate::net::link::Link;
use crate::net::tcp;
use crate::sys;

/// Ciphertext read at once.
const READ_BYTES: usize = 256 << 10;
/// Plaintext encrypted before it is written: as much as a processor keeps at hand, in one call of the system.
const WRITE_BYTES: usize = 128 << 10;

/// A connection whose handshake is done.
pub struct TlsLink<S: Session> {
    records: Records<S>,
    socket: Arc<TcpStream>,
}

impl<S: Session> TlsLink<S> {
    /// A link over a session and its connection.
    pub fn new(records: Records<S>, socket: Arc<TcpStream>) -> Self {
        TlsLink { records, socket }
    }

    /// Reads ciphertext; the end is an error, since the peer did not announce it.
    fn fill(&mut self) -> io::Result<()> {
        let bytes = tcp::read(&self.socket, self.records.room(READ_BYTES))?;
        self.records.came(bytes);
        if bytes == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.records.unsent().is_empty() {
            match tcp::write(&self.socket, self.records.unsent())? {
                0 => return Err(ErrorKind::WriteZero.into()),
                bytes => self.records.went(bytes),
            }
        }
        Ok(())
    }

    /// What the records say, and to the peer what they have to say about it: an alert, an answer to a change of keys.
    fn told<T>(&mut self, said: Result<T, Error>) -> io::Result<T> {
        let flushed = self.flush();
        let said = said.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        flushed.map(|()| said)
    }
}

impl<S: Session> Link for TlsLink<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.records.read(into);
            let bytes = self.told(read)?;
            if bytes > 0 || into.is_empty() || self.records.is_over() {
                return Ok(bytes);
            }
            self.fill()?;
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(WRITE_BYTES) {
            let sealed = self.records.seal(piece);
            self.told(sealed)?;
        }
        Ok(())
    }

    fn is_readable(&mut self, wait: Duration) -> io::Result<bool> {
        let until = Instant::now() + wait;
        loop {
            let there = self.records.advance();
            if self.told(there)? || self.records.is_over() {
                return Ok(true);
            }
            let left = until.saturating_duration_since(Instant::now());
            if !sys::wait_readable(&self.socket, left)? {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    fn is_tunnel(&self) -> bool {
        false
    }
}

impl<S: Session> Drop for TlsLink<S> {
    fn drop(&mut self) {
        // A goodbye, where it costs nothing. Behind a piece that was cut off nobody would understand it.
        if self.records.unsent().is_empty() && self.socket.set_nonblocking(true).is_ok() {
            self.records.seal_end();
            let _ = tcp::write(&self.socket, self.records.unsent());
        }
    }
}
