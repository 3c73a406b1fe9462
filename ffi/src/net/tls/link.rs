//! A stream's bytes inside of TLS.

use std::io::{self, BufRead, ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::Connection;

use crate::net::link::Link;
use crate::net::tcp;
use crate::sys;

/// Ciphertext read at once: rustls itself would ask for 4 KiB.
const READ_BYTES: usize = 256 << 10;
/// Plaintext encrypted before it is written. Its records together stay below what malloc gives back to the
/// system when freed: with 256 KiB every record's pages were faulted in anew, half as much system time again.
const WRITE_BYTES: usize = 64 << 10;

/// A connection whose handshake is done.
pub struct TlsLink {
    session: Connection,
    socket: Arc<TcpStream>,
    /// Ciphertext that came and was not decrypted: `ready` of `buffer`.
    buffer: Vec<u8>,
    ready: std::ops::Range<usize>,
}

impl TlsLink {
    /// A link over a session and its connection.
    pub fn new(mut session: Connection, socket: Arc<TcpStream>) -> TlsLink {
        session.set_buffer_limit(None);
        TlsLink {
            session,
            socket,
            buffer: Vec::new(),
            ready: 0..0,
        }
    }

    /// Decrypts what came; true where plaintext, or the end, is there to be read.
    fn decrypt(&mut self) -> io::Result<bool> {
        loop {
            match self.session.reader().fill_buf() {
                // Plaintext, or the end that the peer announced.
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if self.ready.is_empty() {
                return Ok(false);
            }
            let mut rest = &self.buffer[self.ready.clone()];
            self.ready.start += self.session.read_tls(&mut rest)?;
            self.session
                .process_new_packets()
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            if self.session.wants_write() {
                // The answer to a change of keys.
                self.flush()?;
            }
        }
    }

    /// Reads ciphertext; the end is an error, since the peer did not announce it.
    fn fill(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.buffer.resize(READ_BYTES, 0);
        }
        let bytes = tcp::read(&self.socket, &mut self.buffer)?;
        self.ready = 0..bytes;
        if bytes == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut Waiting(&self.socket))? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

/// The connection, to be written to as a plain link's.
struct Waiting<'a>(&'a TcpStream);

impl Write for Waiting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        tcp::write(self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Link for TlsLink {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !self.decrypt()? {
            self.fill()?;
        }
        io::Read::read(&mut self.session.reader(), into)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(WRITE_BYTES) {
            self.session.writer().write_all(piece)?;
            self.flush()?;
        }
        Ok(())
    }

    fn is_readable(&mut self, wait: Duration) -> io::Result<bool> {
        let until = Instant::now() + wait;
        while !self.decrypt()? {
            let left = until.saturating_duration_since(Instant::now());
            if !sys::wait_readable(&self.socket, left)? {
                return Ok(false);
            }
            self.fill()?;
        }
        Ok(true)
    }

    fn is_tunnel(&self) -> bool {
        false
    }
}

impl Drop for TlsLink {
    fn drop(&mut self) {
        // A goodbye, where it costs nothing.
        self.session.send_close_notify();
        if self.socket.set_nonblocking(true).is_ok() {
            let _ = self.session.write_tls(&mut &*self.socket);
        }
    }
}
