//! Link: what carries a stream's bytes. Plain TCP, TLS over TCP, or messages that somebody else carries.

use std::io;

#[cfg(unix)]
use std::os::fd::BorrowedFd;

/// A connection as the records see it. Errors of reading and writing end the stream.
pub trait Link: Send {
    /// Reads some bytes; 0 at the end. Waits no longer than the idle limit: then `TimedOut`.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all bytes. Waits no longer than the idle limit without any being taken: then `TimedOut`.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Whether a read would return at once. Used between ranges, to hear that the peer wants no more.
    fn is_readable(&mut self) -> io::Result<bool>;

    /// The socket, where what is written to it arrives as it is: then sendfile works.
    #[cfg(unix)]
    fn plain_socket(&self) -> Option<BorrowedFd<'_>>;

    /// Whether the bytes are carried by the control plane.
    fn is_tunnel(&self) -> bool;
}
