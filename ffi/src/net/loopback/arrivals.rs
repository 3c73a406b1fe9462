//! What a port takes in, and what it keeps out.

use super::*;

#[test]
fn what_is_no_greeting_is_closed_at_once() {
    let daemon = Daemon::new(&USUAL);
    let long = [&b"BLIT\x01\0"[..], &1017_u16.to_le_bytes(), &[b'x'; 1017]].concat();
    for said in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"BLIT\x02\0\x05\0token",
        b"BLIT\x01\0\0\0",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        &long,
    ] {
        let start = Instant::now();
        let mut socket = daemon.connect();
        socket.write_all(said).unwrap();
        assert!(is_closed(&mut socket), "{}", said.escape_ascii());
        assert!(start.elapsed() < SOON);
    }
    assert!(daemon.shared.frames.take().is_empty());
    daemon.close();
}

#[test]
fn a_token_may_come_byte_by_byte_but_not_for_ever() {
    let daemon = Daemon::new(&Limits { ms: 400, ..USUAL });
    let greeting = crate::net::preamble::greeting(TOKEN).unwrap();
    let mut socket = daemon.connect();
    for byte in &greeting {
        socket.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(2));
    }
    let (stream, token) = daemon.arrival();
    assert_eq!(token, TOKEN);
    // Nobody binds it: it is closed, and can't be bound any more.
    assert!(is_closed(&mut socket));
    let late = daemon.bind(stream, 9, echo).unwrap_err();
    assert_eq!(late.status, Status::Disconnected);

    let start = Instant::now();
    let mut slow = daemon.connect();
    let mut silent = daemon.connect();
    for byte in &greeting[..greeting.len() - 1] {
        thread::sleep(Duration::from_millis(30));
        if slow.write_all(&[*byte]).is_err() {
            break;
        }
    }
    assert!(is_closed(&mut slow));
    assert!(is_closed(&mut silent));
    assert!(start.elapsed() < SOON);
    daemon.close();
}

#[test]
fn hundreds_of_silent_connections_keep_nobody_out_and_cost_nothing() {
    let daemon = Daemon::new(&USUAL);
    let mut silent: Vec<TcpStream> = (0..300).map(|_| daemon.connect()).collect();
    converse(&daemon, None);
    let open = silent.iter_mut().filter(|socket| {
        socket.set_nonblocking(true).unwrap();
        let read = (&mut &**socket).read(&mut [0; 1]);
        read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    });
    assert!(open.count() <= 16);
    let rounds = daemon.shared.net.listeners.rounds(LISTENING);
    thread::sleep(Duration::from_millis(300));
    let more = daemon.shared.net.listeners.rounds(LISTENING) - rounds;
    assert!(more <= 1, "{more} rounds without a reason");
    daemon.close();
}

#[test]
fn arrivals_that_wait_to_be_bound_count_and_are_never_displaced() {
    let limits = Limits {
        in_all: 3,
        per_address: 2,
        ..USUAL
    };
    let daemon = Daemon::new(&limits);
    let greeting = crate::net::preamble::greeting(TOKEN).unwrap();
    let mut first = daemon.connect();
    let mut second = daemon.connect();
    first.write_all(&greeting).unwrap();
    second.write_all(&greeting).unwrap();
    let (stream, _) = daemon.arrival();
    daemon.arrival();
    assert!(is_closed(&mut daemon.connect()));
    // One that is bound is out of the count.
    daemon.bind(stream, 9, echo).unwrap();
    let mut third = daemon.connect();
    third.write_all(&greeting).unwrap();
    daemon.arrival();
    daemon.close();
}

#[test]
fn a_peer_that_hangs_up_is_forgotten() {
    let daemon = Daemon::new(&USUAL);
    let mut socket = daemon.connect();
    let greeting = crate::net::preamble::greeting(TOKEN).unwrap();
    socket.write_all(&greeting).unwrap();
    let (stream, _) = daemon.arrival();
    socket.set_nonblocking(true).unwrap();
    rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
    drop(socket);
    let until = Instant::now() + SOON;
    while daemon.shared.net.streams.is_unbound(stream) {
        assert!(Instant::now() < until);
        thread::sleep(Duration::from_millis(1));
    }
    daemon.close();
}

#[test]
fn a_port_is_left_and_taken_again() {
    let daemon = Daemon::new(&USUAL);
    let port = daemon.address.port().into();
    let usual = settings(&USUAL, b"", b"");
    let shared = &daemon.shared;
    let twice = listen(shared, LISTENING, port, &usual).unwrap_err();
    assert_eq!(twice.status, Status::Exists);
    let mut silent = daemon.connect();
    thread::sleep(Duration::from_millis(20));
    shared.net.listeners.close(LISTENING).unwrap();
    let last = next_frame(shared);
    assert_eq!((last.kind, last.last), (FrameType::Results, true));
    assert!(is_closed(&mut silent));
    listen(shared, LISTENING, port, &usual).unwrap();
    converse(&daemon, None);
    daemon.close();
    let closed = shared.net.listeners.close(LISTENING).unwrap_err();
    assert_eq!(closed.status, Status::Usage);
}

#[test]
fn settings_out_of_range_and_foreign_ports_are_refused() {
    let shared = Arc::new(testing::shared());
    let usual = settings(&USUAL, b"", b"");
    for (at, value) in [(0, 2), (4, 0), (8, 65), (15, 1), (16, 1)] {
        let mut bytes = usual.clone();
        bytes[at] = value;
        let fail = listen(&shared, 1, 9, &bytes).unwrap_err();
        assert_eq!(fail.status, Status::Usage, "byte {at} = {value}");
    }
    // Connected, not listening.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port().into();
    let fail = listen(&shared, 1, port, &usual).unwrap_err();
    assert_eq!(fail.status, Status::NotFound);
    assert_eq!(
        listen(&shared, 1, 70_000, &usual).unwrap_err().status,
        Status::Usage
    );
}
