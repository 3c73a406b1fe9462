//! The same streams inside of TLS, and what is kept out by it.

use super::*;
use crate::net::tls::sha256;

fn daemon() -> Daemon {
    Daemon::with_settings(&settings(&USUAL, CERTIFICATE, KEY))
}

#[test]
fn a_stream_inside_of_tls_is_the_same_stream() {
    let daemon = daemon();
    converse(&daemon, Some(sha256(CERTIFICATE)));
    daemon.close();
}

#[test]
fn another_certificate_gets_no_token() {
    let daemon = daemon();
    let client = Arc::new(testing::shared());
    let mut pin = sha256(CERTIFICATE);
    pin[31] ^= 1;
    dial::start(&client, &dialling(daemon.address, Some(pin), 5000, 7)).unwrap();
    assert_eq!(dialled(&client, 7), Err(Status::Unauthenticated));
    thread::sleep(Duration::from_millis(50));
    assert!(daemon.shared.frames.take().is_empty());
    daemon.close();
}

#[test]
fn plain_and_tls_do_not_mix() {
    let daemon = daemon();
    let client = Arc::new(testing::shared());
    dial::start(&client, &dialling(daemon.address, None, 5000, 7)).unwrap();
    // What comes is a TLS alert, or the end.
    let refused = dialled(&client, 7).unwrap_err();
    assert!(matches!(refused, Status::Mismatch | Status::Disconnected));
    let plain = Daemon::new(&USUAL);
    let pin = Some(sha256(CERTIFICATE));
    dial::start(&client, &dialling(plain.address, pin, 5000, 8)).unwrap();
    assert_eq!(dialled(&client, 8), Err(Status::Disconnected));
    daemon.close();
    plain.close();
}

#[test]
fn a_certificate_and_a_foreign_key_are_refused() {
    let shared = Arc::new(testing::shared());
    let mut key = KEY.to_vec();
    key.truncate(60);
    for bytes in [
        settings(&USUAL, CERTIFICATE, &key),
        settings(&USUAL, b"no certificate", KEY),
    ] {
        let fail = listen(&shared, 1, 1, &bytes).unwrap_err();
        assert_eq!(fail.status, Status::Usage);
    }
}

#[test]
fn hundreds_of_half_done_handshakes_keep_nobody_out() {
    let daemon = daemon();
    let mut sockets: Vec<TcpStream> = (0..200).map(|_| daemon.connect()).collect();
    // The head of a record that never comes whole.
    for socket in &mut sockets {
        let _ = socket.write(b"\x16\x03\x01\x02\x00\x01");
    }
    converse(&daemon, Some(sha256(CERTIFICATE)));
    daemon.close();
}
