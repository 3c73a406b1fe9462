//! Both ends over loopback: what arrives, what is kept out, and how all of it ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use super::bind::bind_with;
use super::dial::tests::{TOKEN, dialled, dialling, next_frame};
use super::link::Link;
use super::listen::listen;
use super::terms::{Closed, Terms};
use super::{Net, dial};
use crate::block::{u16_at, u32_at};
use crate::control::{JobContext, Shared};
use crate::frame::FrameType;
use crate::request::Op;
use crate::status::{Outcome, Status};
use crate::testing::{self, Head};

const SOON: Duration = Duration::from_secs(10);
const LISTENING: u64 = 1;

mod arrivals;
mod streams;
#[cfg(feature = "tls")]
mod tls;
mod turns;

/// One process with a port.
struct Daemon {
    shared: Arc<Shared>,
    address: SocketAddr,
    _listener: TcpListener,
}

/// What a port allows.
struct Limits {
    in_all: u32,
    per_address: u32,
    ms: u32,
}

const USUAL: Limits = Limits {
    in_all: 64,
    per_address: 16,
    ms: 5000,
};

#[cfg(feature = "tls")]
const CERTIFICATE: &[u8] = include_bytes!("../../../tests/data/certificate.der");
#[cfg(feature = "tls")]
const KEY: &[u8] = include_bytes!("../../../tests/data/key.der");

fn settings(limits: &Limits, certificate: &[u8], key: &[u8]) -> Vec<u8> {
    let words = [
        u32::from(!certificate.is_empty()),
        limits.in_all,
        limits.per_address,
        limits.ms,
        certificate.len() as u32,
        key.len() as u32,
    ];
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend(certificate);
    bytes.extend(key);
    bytes
}

impl Daemon {
    fn new(limits: &Limits) -> Daemon {
        Self::with_settings(&settings(limits, b"", b""))
    }

    fn with_settings(settings: &[u8]) -> Daemon {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(testing::shared());
        listen(&shared, LISTENING, address.port().into(), settings).unwrap();
        Daemon {
            shared,
            address,
            _listener: listener,
        }
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket
    }

    /// Waits for an arrival; its stream and token.
    fn arrival(&self) -> (u32, Vec<u8>) {
        let frame = next_frame(&self.shared);
        assert_eq!(
            (frame.kind, frame.job),
            (FrameType::Arrival, LISTENING),
            "{frame:?}"
        );
        let payload = &frame.payload;
        assert_eq!(
            payload[8..24],
            Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets()
        );
        assert_ne!(u16_at(payload, 24), 0);
        assert_eq!(payload.len(), 28 + u32_at(payload, 4) as usize);
        (u32_at(payload, 0), payload[28..].to_vec())
    }

    fn bind(&self, stream: u32, job: u64, work: super::bind::Serve) -> Outcome<()> {
        bind_with(&self.shared, stream, &terms(0, job), work)
    }

    fn close(&self) {
        self.shared.closing.store(true, Relaxed);
        self.shared.net.close();
        assert!(self.shared.net.join(Instant::now() + SOON));
        assert_eq!(self.shared.net.streams.count(), 0);
    }
}

fn terms(status: u32, job: u64) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[0..4].copy_from_slice(&status.to_le_bytes());
    bytes[24..32].copy_from_slice(&job.to_le_bytes());
    bytes[40..44].copy_from_slice(&10_000_u32.to_le_bytes());
    bytes
}

/// Waits for the end of a connection that nothing is said on.
fn is_closed(socket: &mut TcpStream) -> bool {
    match socket.read(&mut [0; 16]) {
        Ok(0) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
        Ok(_) => false,
    }
}

/// Sends back what comes, until the end.
fn echo(mut link: Box<dyn Link>, _: &Terms, _: &Shared) -> Closed {
    let mut closed = Closed::default();
    let mut buffer = vec![0; 300_000];
    loop {
        match link.read(&mut buffer) {
            Ok(0) => return closed,
            Ok(bytes) => {
                closed.bytes_in += bytes as u64;
                if link.write_all(&buffer[..bytes]).is_err() {
                    closed.status = Status::Disconnected;
                    return closed;
                }
            }
            Err(_) => {
                closed.status = Status::Disconnected;
                return closed;
            }
        }
    }
}

/// A whole conversation: dial, arrive, bind, say a lot, hear it again, close.
fn converse(daemon: &Daemon, pin: Option<[u8; 32]>) {
    let client = Arc::new(testing::shared());
    dial::start(&client, &dialling(daemon.address, pin, 5000, 7)).unwrap();
    let (arrived, token) = daemon.arrival();
    assert_eq!(token, TOKEN);
    daemon.bind(arrived, 9, echo).unwrap();
    assert_eq!(
        daemon.bind(arrived, 9, echo).unwrap_err().status,
        Status::Usage
    );
    let stream = dialled(&client, 7).unwrap();

    let request = Head::new(Op::Send).request(&[]);
    let job = JobContext::new(&request, &client, 0);
    let streams = &client.net.streams;
    let mut out = streams.check_out(stream, &job).unwrap();
    let busy = streams.check_out(stream, &job).err().unwrap();
    assert_eq!(busy.status, Status::Busy);
    assert!(!out.link().is_readable(Duration::from_millis(10)).unwrap());
    assert!(!out.link().is_tunnel());
    let said: Vec<u8> = (0..1_500_000_usize).map(|i| (i % 241) as u8).collect();
    for piece in said.chunks(500_000) {
        out.link().write_all(piece).unwrap();
        assert!(out.link().is_readable(SOON).unwrap());
        let mut heard = vec![0; piece.len()];
        let mut at = 0;
        while at < heard.len() {
            match out.link().read(&mut heard[at..]).unwrap() {
                0 => panic!("it ended"),
                bytes => at += bytes,
            }
        }
        assert!(heard == piece);
    }
    out.give_back();
    // Dropped, it is closed.
    drop(streams.check_out(stream, &job).unwrap());
    let gone = streams.check_out(stream, &job).err().unwrap();
    assert_eq!(gone.status, Status::Disconnected);

    let frame = next_frame(&daemon.shared);
    assert_eq!(
        (frame.kind, frame.job, frame.last),
        (FrameType::Closed, 9, true)
    );
    assert_eq!(u32_at(&frame.payload, 0), Status::Ok as u32);
    assert_eq!(u32_at(&frame.payload, 24) as usize, said.len());
}
