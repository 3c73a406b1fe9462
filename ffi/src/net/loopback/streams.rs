//! Streams from their beginning to every kind of end.

use super::*;

#[test]
fn a_stream_is_dialled_bound_used_and_closed() {
    let daemon = Daemon::new(&USUAL);
    converse(&daemon, None);
    daemon.close();
}

#[test]
fn a_refused_stream_is_told_why() {
    let daemon = Daemon::new(&USUAL);
    let client = Arc::new(testing::shared());
    dial::start(&client, &dialling(daemon.address, None, 5000, 7)).unwrap();
    let (stream, _) = daemon.arrival();
    let refuse = terms(Status::Unauthenticated as u32, 0);
    bind_with(&daemon.shared, stream, &refuse, echo).unwrap();
    assert_eq!(dialled(&client, 7), Err(Status::Unauthenticated));
    let again = bind_with(&daemon.shared, stream, &refuse, echo).unwrap_err();
    assert_eq!(again.status, Status::Disconnected);
    daemon.close();
}

#[test]
fn closing_ends_streams_that_are_busy() {
    let daemon = Daemon::new(&USUAL);
    let client = Arc::new(testing::shared());
    for job in 0..5 {
        dial::start(&client, &dialling(daemon.address, None, 5000, job)).unwrap();
        let (stream, _) = daemon.arrival();
        daemon.bind(stream, 100 + job, echo).unwrap();
        dialled(&client, job).unwrap();
    }
    assert_eq!(daemon.shared.net.streams.count(), 5);
    daemon.close();
    let mut frames = daemon.shared.frames.take();
    frames.sort_by_key(|frame| frame.job);
    let jobs: Vec<u64> = frames.iter().map(|frame| frame.job).collect();
    assert_eq!(jobs, [LISTENING, 100, 101, 102, 103, 104]);
    assert_eq!(frames[0].kind, FrameType::Results);
    client.net.close();
}

#[test]
fn closing_a_stream_from_outside_ends_its_thread() {
    let daemon = Daemon::new(&USUAL);
    let mut socket = daemon.connect();
    socket
        .write_all(&crate::net::preamble::greeting(TOKEN).unwrap())
        .unwrap();
    let (stream, _) = daemon.arrival();
    daemon.bind(stream, 9, echo).unwrap();
    daemon.shared.net.streams.close(stream).unwrap();
    assert_eq!(next_frame(&daemon.shared).kind, FrameType::Closed);
    let again = daemon.shared.net.streams.close(stream).unwrap_err();
    assert_eq!(again.status, Status::Disconnected);
    daemon.close();
}

#[test]
fn a_panic_of_a_stream_is_a_bug_of_that_stream() {
    fn panics(_: Box<dyn Link>, _: &Terms, _: &Shared) -> Closed {
        panic!("on purpose")
    }
    let daemon = Daemon::new(&USUAL);
    let mut socket = daemon.connect();
    socket
        .write_all(&crate::net::preamble::greeting(TOKEN).unwrap())
        .unwrap();
    let (stream, _) = daemon.arrival();
    daemon.bind(stream, 9, panics).unwrap();
    let frame = next_frame(&daemon.shared);
    assert_eq!(frame.kind, FrameType::Closed);
    assert_eq!(u32_at(&frame.payload, 0), Status::Bug as u32);
    converse(&daemon, None);
    daemon.close();
}

#[test]
fn a_tunnel_carries_a_stream_between_two_processes() {
    let (client, daemon) = (Arc::new(testing::shared()), Arc::new(testing::shared()));
    let ours = Net::open_tunnel(&client, 5).unwrap();
    let theirs = Net::open_tunnel(&daemon, 6).unwrap();
    bind_with(&daemon, theirs, &terms(0, 9), echo).unwrap();
    let carrier = {
        let (client, daemon) = (Arc::clone(&client), Arc::clone(&daemon));
        thread::spawn(move || {
            loop {
                for (from, to, stream) in [(&client, &daemon, theirs), (&daemon, &client, ours)] {
                    for frame in from.frames.take() {
                        let pipe = to.net.streams.pipe(stream);
                        match (frame.kind, frame.last) {
                            (FrameType::Closed, _) => return frame,
                            (FrameType::Bytes, false) => {
                                let back = if stream == theirs { ours } else { theirs };
                                pipe.unwrap().feed(&frame.payload, 0).unwrap();
                                let bytes = frame.payload.len() as u64;
                                from.net
                                    .streams
                                    .pipe(back)
                                    .unwrap()
                                    .feed(b"", bytes)
                                    .unwrap();
                            }
                            (FrameType::Bytes, true) => {
                                if let Ok(pipe) = pipe {
                                    pipe.feed(b"", 0).unwrap();
                                }
                            }
                            _ => {}
                        }
                    }
                }
                thread::sleep(Duration::from_millis(1));
            }
        })
    };
    let request = Head::new(Op::Send).request(&[]);
    let job = JobContext::new(&request, &client, 0);
    let mut out = client.net.streams.check_out(ours, &job).unwrap();
    assert!(out.link().is_tunnel());
    let said: Vec<u8> = (0..6_000_000_usize).map(|i| (i % 239) as u8).collect();
    let mut heard = vec![0; 100_000];
    for piece in said.chunks(100_000) {
        out.link().write_all(piece).unwrap();
        let mut at = 0;
        while at < piece.len() {
            at += out.link().read(&mut heard[at..piece.len()]).unwrap();
        }
        assert!(heard[..piece.len()] == *piece);
    }
    drop(out);
    let closed = carrier.join().unwrap();
    assert_eq!(u32_at(&closed.payload, 0), Status::Ok as u32);
    assert_eq!(u32_at(&closed.payload, 24) as usize, said.len());
    let dialled = bind_with(&client, ours, &terms(0, 9), echo).unwrap_err();
    assert_eq!(dialled.status, Status::Disconnected);
}
