//! Sockets: what macOS has of its own.

use std::net::TcpStream;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::{Errno, FdFlags};
use rustix::net::{AddressFamily, SocketType};

/// Where the process's own descriptors are listed.
pub const OWN_DESCRIPTORS: &str = "/dev/fd";

/// The kernel has no BBR.
pub fn prefer_bbr(_socket: &TcpStream) {}

/// Whether a socket listens: SO_ACCEPTCONN is declared here and doesn't work. A bound socket that does not
/// listen is taken for one that does; accepting from it fails, and tells.
pub fn is_listening(fd: BorrowedFd) -> bool {
    matches!(rustix::net::getpeername(fd), Err(Errno::NOTCONN))
}

/// A socket that never waits.
pub fn new_socket(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Errno> {
    let socket = rustix::net::socket(family, kind, None)?;
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}
