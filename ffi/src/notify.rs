//! What a service manager is told: a datagram to the socket that it names, as `sd_notify` sends it. Deno has no such sockets.

use crate::status::{Fail, Outcome, Status, Step};

/// Sends `words` (`READY=1`) to the datagram socket at `address`: a path, or `@` and a name of Linux's own.
///
/// Reference: `man 3 sd_notify`.
///
/// # Errors
///
/// `unsupported` where the system or the address is none that has such sockets; what the system says.
#[cfg(unix)]
pub fn notify(address: &[u8], words: &[u8]) -> Outcome<()> {
    use crate::sys::{self, Errno};
    use std::os::unix::net::UnixDatagram;

    let system = |error: std::io::Error| {
        let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
        Fail {
            status: sys::status_of(errno),
            os: sys::os_number(errno),
            step: Step::Write,
        }
    };
    let socket = UnixDatagram::unbound().map_err(system)?;
    let sent = socket
        .send_to_addr(words, &named(address)?)
        .map_err(system)?;
    match sent == words.len() {
        true => Ok(()),
        false => Err(Fail::new(Status::Io, Step::Write)),
    }
}

#[cfg(unix)]
fn named(address: &[u8]) -> Outcome<std::os::unix::net::SocketAddr> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::SocketAddr;

    let unknown = |_| Fail::new(Status::Unsupported, Step::Open);
    match address {
        [b'/', ..] => SocketAddr::from_pathname(OsStr::from_bytes(address)).map_err(unknown),
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name).map_err(unknown)
        }
        _ => Err(Fail::new(Status::Unsupported, Step::Open)),
    }
}

/// Nobody there waits for such words.
///
/// # Errors
///
/// `unsupported`.
#[cfg(not(unix))]
pub fn notify(_address: &[u8], _words: &[u8]) -> Outcome<()> {
    Err(Fail::new(Status::Unsupported, Step::Open))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn words_reach_the_socket_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let manager = UnixDatagram::bind(&path).unwrap();
        notify(path.as_os_str().as_bytes(), b"READY=1").unwrap();
        let mut heard = [0; 16];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
        drop(manager);
        let gone = notify(path.as_os_str().as_bytes(), b"READY=1").unwrap_err();
        assert_ne!(gone.os, 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_socket_may_have_a_name_instead_of_a_path() {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;
        let name = format!("blit-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        notify(format!("@{name}").as_bytes(), b"READY=1").unwrap();
        assert_eq!(manager.recv(&mut [0; 16]).unwrap(), 7);
    }

    #[test]
    fn other_addresses_are_refused() {
        for address in [&b""[..], b"vsock:2:1", b"relative", &[b'/'; 300]] {
            let fail = notify(address, b"READY=1").unwrap_err();
            assert_eq!(fail.status, Status::Unsupported);
        }
    }
}
