//! A connection that has not said who it is. Its socket never waits, so that thousands cost nothing.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use super::link::Link;
use super::preamble::{HEAD_BYTES, TOKEN_MOST, token_bytes};
use super::tcp::TcpLink;
use super::tls::{Accepting, Identity};

/// One such connection.
pub struct Pending {
    /// Its socket.
    pub socket: Arc<TcpStream>,
    /// Who it is from.
    pub peer: SocketAddr,
    /// When it is too late.
    pub until: Instant,
    /// Set while a handshake has more to say than the socket takes.
    pub wants_write: bool,
    tls: Option<Box<Accepting>>,
    /// Head and token, as far as they came.
    greeting: Vec<u8>,
    heard: bool,
}

impl Pending {
    /// A new connection; none where the system can't keep it.
    pub fn new(
        socket: TcpStream,
        peer: SocketAddr,
        until: Instant,
        identity: Option<&Identity>,
    ) -> Option<Pending> {
        socket.set_nonblocking(true).ok()?;
        let tls = match identity {
            Some(identity) => Some(Box::new(identity.accept().ok()?)),
            None => None,
        };
        Some(Pending {
            socket: Arc::new(socket),
            peer,
            until,
            wants_write: false,
            tls,
            greeting: Vec::new(),
            heard: false,
        })
    }

    /// Whether it said anything at all.
    pub fn was_heard(&self) -> bool {
        self.heard
    }

    /// Reads what is there; true once the token is whole.
    ///
    /// # Errors
    ///
    /// The peer is gone, or speaks something else.
    pub fn advance(&mut self) -> io::Result<bool> {
        self.heard = true;
        let done = self.read_greeting();
        if let Some(tls) = &mut self.tls {
            tls.write(&self.socket)?;
            self.wants_write = tls.wants_write();
        }
        done
    }

    fn read_greeting(&mut self) -> io::Result<bool> {
        let mut buffer = [0; HEAD_BYTES + TOKEN_MOST];
        loop {
            // Not a byte more than the greeting: what follows is the stream's.
            let wanted = match self.greeting.first_chunk::<HEAD_BYTES>() {
                None => HEAD_BYTES,
                Some(head) => {
                    HEAD_BYTES + token_bytes(head).ok_or(io::Error::from(ErrorKind::InvalidData))?
                }
            };
            let missing = wanted - self.greeting.len();
            if missing == 0 {
                return Ok(true);
            }
            let into = &mut buffer[..missing];
            let got = match &mut self.tls {
                Some(tls) => tls.read(&self.socket, into),
                None => (&*self.socket).read(into),
            };
            match got {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(some) => self.greeting.extend(&buffer[..some]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The token, which is whole.
    pub fn token(&self) -> &[u8] {
        self.greeting.get(HEAD_BYTES..).unwrap_or_default()
    }

    /// What the stream goes on with.
    pub fn into_link(self) -> Box<dyn Link> {
        match self.tls {
            Some(tls) => tls.into_link(self.socket),
            None => Box::new(TcpLink::new(self.socket)),
        }
    }
}
