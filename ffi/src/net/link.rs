//! Link: what carries a stream's bytes. Plain TCP, TLS over TCP, or messages that somebody else carries.

use std::io;
use std::time::Duration;

use crate::status::{Fail, Status, Step};

/// A connection as the records see it. Errors of reading and writing end the stream, but for a read's
/// `TimedOut`: nothing is lost then, and the read may be tried again.
pub trait Link: Send {
    /// Reads some bytes; 0 at the end. Waits no longer than the idle limit: then `TimedOut`.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all bytes. Waits no longer than the idle limit without any being taken, and not less than the
    /// 120 s that a peer's flush may take: then `TimedOut`.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Whether a read would return at once, the end and a broken link included; waits for that no longer
    /// than `wait`.
    fn is_readable(&mut self, wait: Duration) -> io::Result<bool>;

    /// Whether the bytes are carried by the control plane.
    fn is_tunnel(&self) -> bool;
}

/// What an error of a link means: the peer is gone, whatever the system calls it.
pub fn lost(error: &io::Error) -> Fail {
    Fail {
        os: error.raw_os_error().unwrap_or(0).unsigned_abs(),
        ..Fail::new(Status::Disconnected, Step::Process)
    }
}
