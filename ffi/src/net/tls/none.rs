//! No TLS.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

use crate::net::link::Link;
use crate::status::{Fail, Outcome, Status, Step};

#[cfg(unix)]
pub use daemon::{Accepting, Identity};

const UNSUPPORTED: Fail = Fail::new(Status::Unsupported, Step::Process);

/// Always `unsupported`.
pub fn dial<T: Read + Write>(
    _socket: Arc<TcpStream>,
    _ip: IpAddr,
    _pin: &[u8; 32],
    _timed: &mut T,
) -> Outcome<Box<dyn Link>> {
    Err(UNSUPPORTED)
}

#[cfg(unix)]
mod daemon {
    use std::convert::Infallible;
    use std::io;

    use super::*;

    /// There is none.
    pub struct Identity(Infallible);

    impl Identity {
        /// Always `unsupported`.
        pub fn new(_certificate: &[u8], _key: &[u8]) -> Outcome<Identity> {
            Err(UNSUPPORTED)
        }

        /// Never reached.
        pub fn accept(&self) -> Outcome<Accepting> {
            match self.0 {}
        }
    }

    /// There is none.
    pub struct Accepting(Infallible);

    impl Accepting {
        /// Never reached.
        pub fn read(&mut self, _socket: &TcpStream, _into: &mut [u8]) -> io::Result<usize> {
            match self.0 {}
        }
        /// Never reached.
        pub fn write(&mut self, _socket: &TcpStream) -> io::Result<()> {
            match self.0 {}
        }
        /// Never reached.
        pub fn wants_write(&self) -> bool {
            match self.0 {}
        }
        /// Never reached.
        pub fn into_link(self, _socket: Arc<TcpStream>) -> Box<dyn Link> {
            match self.0 {}
        }
    }
}
