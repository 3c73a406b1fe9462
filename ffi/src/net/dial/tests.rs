use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use super::*;
use crate::control::JobContext;
use crate::request::Op;
use crate::testing::{self, Head};

const SOON: Duration = Duration::from_secs(10);
/// What is said to whoever answers.
pub const TOKEN: &[u8] = b"a.token.of-some-length";

/// The next frame of any job.
pub fn next_frame(shared: &Shared) -> Frame {
    let until = Instant::now() + SOON;
    loop {
        if let Some(frame) = shared.frames.take_one() {
            return frame;
        }
        assert!(Instant::now() < until, "no frame came");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A request to dial, of run slot 3.
pub fn dialling(address: SocketAddr, pin: Option<[u8; 32]>, ms: u32, job: u64) -> Request {
    let SocketAddr::V4(address) = address else {
        panic!("an IPv6 address")
    };
    let mut bytes = address.ip().to_ipv6_mapped().octets().to_vec();
    bytes.extend(address.port().to_le_bytes());
    bytes.extend((TOKEN.len() as u16).to_le_bytes());
    bytes.extend(ms.to_le_bytes());
    bytes.extend(u32::from(pin.is_some()).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(pin.unwrap_or_default());
    bytes.extend(TOKEN);
    let head = Head {
        job,
        slot: 3,
        ..Head::new(Op::Dial)
    };
    Request::parse(head.pack(&[], &bytes)).unwrap()
}

/// The stream, or why there is none.
pub fn dialled(shared: &Shared, job: u64) -> Result<u32, Status> {
    let frame = next_frame(shared);
    assert_eq!(frame.job, job);
    if frame.kind == FrameType::Failed {
        return Err(Status::of(u32_at(&frame.payload, 0)).unwrap());
    }
    let last = next_frame(shared);
    assert_eq!((last.kind, last.last), (FrameType::Results, true));
    Ok(u32_at(&frame.payload, 0))
}

/// A daemon of one connection, without a poller: reads the greeting, answers, sends back what comes.
fn answering() -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let daemon = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut greeting = vec![0; 8 + TOKEN.len()];
        socket.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting, preamble::greeting(TOKEN).unwrap());
        socket.write_all(b"BLIT\x01\0\0\0").unwrap();
        let mut said = vec![0; 1000];
        socket.read_exact(&mut said).unwrap();
        thread::sleep(Duration::from_millis(100));
        socket.write_all(&said).unwrap();
    });
    (address, daemon)
}

#[test]
fn a_dialled_stream_says_and_hears() {
    let (address, daemon) = answering();
    let client = Arc::new(testing::shared());
    start(&client, &dialling(address, None, 5000, 1)).unwrap();
    let stream = dialled(&client, 1).unwrap();
    let request = Head::new(Op::Send).request(&[]);
    let job = JobContext::new(&request, &client, 0);
    let mut out = client.net.streams.check_out(stream, &job).unwrap();
    let link = out.link();
    assert!(!link.is_readable(Duration::ZERO).unwrap());
    let said: Vec<u8> = (0..1000_u32).map(|i| i as u8).collect();
    link.write_all(&said).unwrap();
    assert!(!link.is_readable(Duration::from_millis(10)).unwrap());
    assert!(link.is_readable(SOON).unwrap());
    let mut heard: Vec<u8> = Vec::new();
    loop {
        let mut piece = [0; 300];
        match link.read(&mut piece).unwrap() {
            0 => break,
            bytes => heard.extend(&piece[..bytes]),
        }
    }
    assert_eq!(heard, said);
    daemon.join().unwrap();
}

#[test]
fn requests_that_say_nothing_sensible_are_refused() {
    let client = Arc::new(testing::shared());
    let good = dialling((Ipv4Addr::LOCALHOST, 9).into(), None, 5000, 1);
    assert!(Target::parse(good.trailing()).is_ok());
    for (at, byte) in [(16, 0), (18, 1), (23, 1), (24, 2)] {
        let mut bytes = good.trailing().to_vec();
        bytes[at] = byte;
        assert!(Target::parse(&bytes).is_err(), "byte {at} = {byte}");
    }
    assert!(Target::parse(&good.trailing()[..64]).is_err());
    let empty = Head::new(Op::Dial).request(&[]);
    assert_eq!(start(&client, &empty).unwrap_err().status, Status::Usage);
}

#[test]
fn dialling_ends_in_time_whoever_answers() {
    let client = Arc::new(testing::shared());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // Somebody who says nothing.
    let began = Instant::now();
    start(&client, &dialling(address, None, 300, 1)).unwrap();
    assert_eq!(dialled(&client, 1), Err(Status::Disconnected));
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert!(began.elapsed() < SOON);
    // The run is cancelled meanwhile.
    start(&client, &dialling(address, None, 20_000, 2)).unwrap();
    thread::sleep(Duration::from_millis(50));
    client.control.cancel(3);
    assert_eq!(dialled(&client, 2), Err(Status::Cancelled));
    assert!(began.elapsed() < 2 * SOON - Duration::from_secs(1));
    // Somebody who says something else, and nobody at all.
    let other = Arc::new(testing::shared());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let speaker = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"220 mail.example.org ready\r\n").unwrap();
        // Until the caller has had enough.
        let _ = socket.read_to_end(&mut Vec::new());
    });
    start(&other, &dialling(address, None, 5000, 3)).unwrap();
    assert_eq!(dialled(&other, 3), Err(Status::Mismatch));
    speaker.join().unwrap();
    start(&other, &dialling(address, None, 5000, 4)).unwrap();
    assert_eq!(dialled(&other, 4), Err(Status::Disconnected));
    assert!(other.net.join(Instant::now() + SOON));
}
