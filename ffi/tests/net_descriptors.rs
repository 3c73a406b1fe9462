//! Descriptors of the whole process: none is lost, and a port survives that there are none left. One test,
//! since they are counted.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use blit_native::control::{Control, Shared};
use blit_native::frame::FrameType;
use blit_native::net::{Net, bind, listen};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const GREETING: &[u8] = b"BLIT\x01\0\x05\0token";

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What the poller's thread has used, opened while that is possible.
fn poller_stat() -> fs::File {
    // The thread takes its name only when it runs.
    thread::sleep(Duration::from_millis(100));
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path().join("stat");
        if fs::read_to_string(&path).unwrap().contains("(blit-listen)") {
            return fs::File::open(path).unwrap();
        }
    }
    panic!("no poller");
}

/// Clock ticks of processor time.
fn ticks(mut stat: &fs::File) -> u64 {
    let mut text = String::new();
    stat.seek(SeekFrom::Start(0)).unwrap();
    stat.read_to_string(&mut text).unwrap();
    let (_, fields) = text.split_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn settings(certificate: &[u8], key: &[u8]) -> Vec<u8> {
    let tls = u32::from(!certificate.is_empty());
    let lengths = [certificate.len() as u32, key.len() as u32];
    let words = [tls, 64, 64, 1500, lengths[0], lengths[1]];
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend(certificate);
    bytes.extend(key);
    bytes
}

fn session(tls: bool) {
    let shared = Arc::new(Shared::new(Control::leaked()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (certificate, key) = match tls {
        true => (
            &include_bytes!("data/certificate.der")[..],
            &include_bytes!("data/key.der")[..],
        ),
        false => (&b""[..], &b""[..]),
    };
    let settings = settings(certificate, key);
    listen::listen(&shared, 1, address.port().into(), &settings).unwrap();
    let mut sockets = Vec::new();
    for said in [
        &b""[..],
        b"BLIT",
        b"garbage garbage",
        GREETING,
        GREETING,
        GREETING,
    ] {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(said).unwrap();
        sockets.push(socket);
    }
    Net::open_tunnel(&shared, 3).unwrap();
    if !tls {
        let arrived = arrivals(&shared, 3);
        let mut terms = vec![0; 48];
        terms[40] = 200;
        bind::bind(&shared, arrived[0], &terms).unwrap();
        terms[0] = 4;
        bind::bind(&shared, arrived[1], &terms).unwrap();
    }
    shared.net.close();
    assert!(shared.net.join(Instant::now() + Duration::from_secs(5)));
    // With it goes what was never accepted.
    drop(listener);
    for socket in &mut sockets {
        let _ = socket.read_to_end(&mut Vec::new());
    }
}

fn arrivals(shared: &Shared, count: usize) -> Vec<u32> {
    let until = Instant::now() + Duration::from_secs(10);
    let mut arrived = Vec::new();
    while arrived.len() < count {
        assert!(Instant::now() < until, "too few arrivals");
        thread::sleep(Duration::from_millis(1));
        for frame in shared.frames.take() {
            if frame.kind == FrameType::Arrival {
                let (stream, _) = frame.payload.split_first_chunk::<4>().unwrap();
                arrived.push(u32::from_le_bytes(*stream));
            }
        }
    }
    arrived
}

#[test]
fn descriptors_are_given_back_and_may_run_out() {
    session(false);
    session(cfg!(feature = "tls"));
    let before = open_descriptors();
    for _ in 0..20 {
        session(false);
        session(cfg!(feature = "tls"));
    }
    assert_eq!(open_descriptors(), before);

    let shared = Arc::new(Shared::new(Control::leaked()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port().into();
    listen::listen(&shared, 1, port, &settings(b"", b"")).unwrap();
    let stat = poller_stat();
    // Room for some, none for the others.
    let limit = getrlimit(Resource::Nofile);
    let few = Rlimit {
        current: Some(open_descriptors() as u64 + 20),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, few).unwrap();
    let mut sockets = Vec::new();
    while let Ok(socket) = TcpStream::connect(address) {
        sockets.push(socket);
    }
    let before = ticks(&stat);
    thread::sleep(Duration::from_millis(600));
    assert!(ticks(&stat) - before <= 2, "the poller was busy");
    drop(sockets);
    let mut late = TcpStream::connect(address).unwrap();
    late.write_all(GREETING).unwrap();
    arrivals(&shared, 1);
    setrlimit(Resource::Nofile, limit).unwrap();
    shared.net.close();
    assert!(shared.net.join(Instant::now() + Duration::from_secs(5)));
}
