//! Sockets: what std doesn't know of.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::os::windows::io::AsRawSocket;
use std::time::{Duration, Instant};

use windows_sys::Win32::Networking::WinSock::{
    FIONREAD, IPPROTO_TCP, SO_KEEPALIVE, SOCKET, SOL_SOCKET, TCP_KEEPCNT, TCP_KEEPIDLE,
    TCP_KEEPINTVL, ioctlsocket, setsockopt,
};

/// Has the system ask a silent peer whether it is there: routers forget connections that say nothing.
pub fn keep_alive(socket: &TcpStream) {
    // A connection without it works too; the numbers are known since Windows 10 1709.
    for (level, name, value) in [
        (SOL_SOCKET, SO_KEEPALIVE, 1),
        (IPPROTO_TCP, TCP_KEEPIDLE as i32, 30),
        (IPPROTO_TCP, TCP_KEEPINTVL as i32, 10),
        (IPPROTO_TCP, TCP_KEEPCNT as i32, 3),
    ] {
        let value: u32 = value;
        // SAFETY: the socket is open while it is borrowed, and the value is read during the call only.
        #[allow(unsafe_code, reason = "Winsock")]
        unsafe {
            let bytes = (&raw const value).cast();
            setsockopt(socket.as_raw_socket() as SOCKET, level, name, bytes, 4);
        }
    }
}

/// The system's own choice can't be changed.
pub fn prefer_bbr(_socket: &TcpStream) {}

/// Waits until a read would return at once; false where the time was over first.
pub fn wait_readable(socket: &TcpStream, wait: Duration) -> io::Result<bool> {
    let looked = if wait.is_zero() {
        socket.set_nonblocking(true)?;
        let looked = socket.peek(&mut [0]);
        socket.set_nonblocking(false)?;
        looked
    } else {
        let before = socket.read_timeout()?;
        socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        let looked = socket.peek(&mut [0]);
        socket.set_read_timeout(before)?;
        looked
    };
    match looked {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Ok(false)
        }
        // Whatever else it says, the next read says it too.
        _ => Ok(true),
    }
}

/// How many bytes came that nobody has read.
pub fn unread(socket: &TcpStream) -> io::Result<u64> {
    let mut bytes = 0;
    // SAFETY: the socket is open while it is borrowed, and the number is written during the call only.
    #[allow(unsafe_code, reason = "Winsock")]
    let failed = unsafe { ioctlsocket(socket.as_raw_socket() as SOCKET, FIONREAD, &raw mut bytes) };
    match failed {
        0 => Ok(bytes.into()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The system gives up by itself what a peer doesn't take; a daemon, which has many peers, runs elsewhere.
pub fn reset_at_close(_socket: &TcpStream) {}

/// Connects; a limit that passes is `TimedOut`. It can't be given up meanwhile.
pub fn connect(
    address: &SocketAddr,
    until: Instant,
    given_up: &dyn Fn() -> bool,
) -> io::Result<TcpStream> {
    if given_up() {
        return Err(ErrorKind::Interrupted.into());
    }
    let left = until.saturating_duration_since(Instant::now());
    TcpStream::connect_timeout(address, left.max(Duration::from_millis(1)))
}
