//! Measures the records alone: every file below one directory to another over loopback connections, in
//! batches of 512, client and daemon in one process, without planner or control plane.
//!
//! `cargo run --release --example send_small -- put|get FROM TO [streams]`; TO must not exist. For calls per
//! file: `strace -fc` before it.

mod batches;

use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, process, thread};

use batches::Target;
use blit_native::control::Control;
use blit_native::net::serve::serve;
use blit_native::net::streams::{Origin, Reach};
use blit_native::net::tcp::{self, TcpLink};
use blit_native::net::terms::{READ, TRUST_METADATA, Terms, WRITE};
use blit_native::pool::Pool;
use blit_native::request::{Op, flag};
use blit_native::root::{self, Root};

fn main() {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [way, from, to, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: send_small put|get FROM TO [streams]");
        process::exit(64);
    };
    let is_put = way == "put";
    let streams: u32 = rest
        .first()
        .and_then(|n| n.to_str()?.parse().ok())
        .unwrap_or(2);
    let open =
        |path: &std::ffi::OsStr, flags| root::add(Root::open_at(path.as_bytes(), flags).unwrap());
    let (source, destination) = (open(from, 0), open(to, root::MAKE));
    let terms = Terms {
        root: if is_put { destination } else { source },
        rights: READ | WRITE,
        flags: flag::ALL,
        run: 1,
        slot: 1,
        trust: TRUST_METADATA,
        idle_ms: 30_000,
        ..Terms::default()
    };
    let pool = Pool::open(streams, Control::leaked()).unwrap();
    let shared = pool.shared();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut target = Target {
        op: if is_put { Op::Send } else { Op::Receive },
        source,
        destination,
        streams: Vec::new(),
    };
    let mut daemons = Vec::new();
    for _ in 0..streams {
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let ready = |socket: TcpStream| {
            tcp::tune(&socket);
            tcp::make_waiting(&socket, Duration::from_secs(30)).unwrap();
            Arc::new(socket)
        };
        let (ours, theirs) = (ready(ours), ready(theirs));
        let link = Box::new(TcpLink::new(Arc::clone(&ours)));
        let added = shared
            .net
            .streams
            .add(link, Reach::Socket(ours), Origin::Dialled);
        target.streams.push(added.unwrap());
        let shared = Arc::clone(shared);
        daemons.push(thread::spawn(move || {
            serve(Box::new(TcpLink::new(theirs)), &terms, &shared)
        }));
    }
    let mut requests = batches::requests(Path::new(from), &target);

    let began = Instant::now();
    let (mut files, mut failed) = (0, 0);
    // One job a stream at a time: that is what a planner would do.
    while !requests.is_empty() {
        let some = requests.split_off(requests.len().saturating_sub(streams as usize));
        let jobs = some.len();
        some.into_iter()
            .for_each(|request| pool.submit(request).unwrap());
        let (items, lost) = batches::collect(&pool, jobs);
        (files, failed) = (files + items, failed + lost);
    }
    let took = began.elapsed();
    let each = took.as_secs_f64() * 1e6 / files as f64;
    println!("{files} items, {failed} failed, {took:.3?}, {each:.1} us each, {streams} streams");
    target.streams.iter().for_each(|&stream| {
        let _ = shared.net.streams.close(stream);
    });
    for daemon in daemons {
        println!("{:?}", daemon.join().unwrap());
    }
    pool.close().unwrap();
}
