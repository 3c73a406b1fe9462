//! Sockets: what Linux has of its own.

use std::net::TcpStream;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// Where the process's own descriptors are listed.
pub const OWN_DESCRIPTORS: &str = "/proc/self/fd";

/// Chooses the congestion control that doesn't take every loss for a full link, where the kernel has it
/// and allows it.
///
/// Reference: `man 7 tcp`, TCP_CONGESTION.
pub fn prefer_bbr(socket: &TcpStream) {
    let _ = sockopt::set_tcp_congestion(socket, "bbr");
}

/// Whether a socket listens.
///
/// Reference: `man 7 socket`, SO_ACCEPTCONN.
pub fn is_listening(fd: BorrowedFd) -> bool {
    sockopt::socket_acceptconn(fd) == Ok(true)
}

/// A socket that never waits.
pub fn new_socket(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    rustix::net::socket_with(family, kind, flags, None)
}
