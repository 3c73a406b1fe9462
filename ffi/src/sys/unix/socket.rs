//! Sockets: what std doesn't know of.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};

/// How often whoever waits looks whether it was given up.
const LOOK: Duration = Duration::from_millis(100);

/// Has the kernel ask a silent peer whether it is there: routers forget connections that say nothing.
///
/// Reference: `man 7 tcp`.
pub fn keep_alive(socket: &TcpStream) {
    // A connection without it works too.
    let _ = sockopt::set_socket_keepalive(socket, true);
    let _ = sockopt::set_tcp_keepidle(socket, Duration::from_secs(30));
    let _ = sockopt::set_tcp_keepintvl(socket, Duration::from_secs(10));
    let _ = sockopt::set_tcp_keepcnt(socket, 3);
}

/// Waits until a read would return at once; false where the time was over first.
pub fn wait_readable(socket: &TcpStream, wait: Duration) -> io::Result<bool> {
    wait_for(socket.as_fd(), PollFlags::IN, wait)
}

/// How many bytes came that nobody has read.
///
/// Reference: `man 7 tcp`, FIONREAD.
pub fn unread(socket: &TcpStream) -> io::Result<u64> {
    Ok(rustix::io::ioctl_fionread(socket)?)
}

/// Has closing reset the connection: the kernel keeps nothing for a peer that takes nothing.
///
/// Reference: `man 7 socket`, SO_LINGER.
pub fn reset_at_close(socket: &TcpStream) {
    // Else the kernel gives up by itself, later.
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

/// Connects; a limit that passes is `TimedOut`, being given up `Interrupted`.
///
/// Reference: `man 2 connect`, EINPROGRESS.
pub fn connect(
    address: &SocketAddr,
    until: Instant,
    given_up: &dyn Fn() -> bool,
) -> io::Result<TcpStream> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = super::super::new_socket(family, SocketType::STREAM)?;
    match rustix::net::connect(&socket, address) {
        Ok(()) => {}
        Err(Errno::INPROGRESS | Errno::INTR) => loop {
            if given_up() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if wait_for(socket.as_fd(), PollFlags::OUT, left.min(LOOK))? {
                sockopt::socket_error(&socket)??;
                break;
            }
        },
        Err(errno) => return Err(errno.into()),
    }
    let socket = TcpStream::from(socket);
    socket.set_nonblocking(false)?;
    Ok(socket)
}

/// Duplicates the sockets of this process that listen on a port.
///
/// # Errors
///
/// As the system says, where its own descriptors can't be listed or no further one can be made.
pub fn listening_sockets(port: u16) -> io::Result<Vec<OwnedFd>> {
    let mut found = Vec::new();
    // Without a list the numbers are tried: a listener is opened early, so its number is small.
    let numbers: Vec<RawFd> = match std::fs::read_dir(super::super::OWN_DESCRIPTORS) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect(),
        Err(_) => (0..1024).collect(),
    };
    for number in numbers {
        if let Some(socket) = duplicate_listener(number, port)? {
            found.push(socket);
        }
    }
    Ok(found)
}

fn duplicate_listener(number: RawFd, port: u16) -> io::Result<Option<OwnedFd>> {
    // SAFETY: the number is only asked about and duplicated; one that is closed meanwhile answers EBADF,
    // and one that became something else is told apart by the second look, at the duplicate.
    #[allow(unsafe_code, reason = "descriptors that others own")]
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    if !listens_on(borrowed, port) {
        return Ok(None);
    }
    match rustix::io::fcntl_dupfd_cloexec(borrowed, 3) {
        Ok(socket) if listens_on(socket.as_fd(), port) => Ok(Some(socket)),
        Ok(_) | Err(Errno::BADF) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn listens_on(fd: BorrowedFd, port: u16) -> bool {
    let address = rustix::net::getsockname(fd).ok().map(SocketAddr::try_from);
    matches!(address, Some(Ok(address)) if address.port() == port)
        && sockopt::socket_type(fd) == Ok(SocketType::STREAM)
        && super::super::is_listening(fd)
}

/// Waits for an event; an error of the socket counts as one, since the next call tells of it.
fn wait_for(fd: BorrowedFd, events: PollFlags, wait: Duration) -> io::Result<bool> {
    let until = Instant::now() + wait;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::from_borrowed_fd(fd, events)];
        let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll(&mut fds, Some(&left)) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
