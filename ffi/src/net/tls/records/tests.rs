use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use super::*;
use crate::net::tls::pin::{Pinned, sha256};
use crate::net::tls::suites::provider;

const CERTIFICATE: &[u8] = include_bytes!("../../../../tests/data/certificate.der");
const KEY: &[u8] = include_bytes!("../../../../tests/data/key.der");

type Client = Records<UnbufferedClientConnection>;
type Server = Records<UnbufferedServerConnection>;

/// Carries what one says to the other, at most `step` bytes at a time.
fn carry<A: Session, B: Session>(from: &mut Records<A>, to: &mut Records<B>, step: usize) {
    while !from.unsent().is_empty() {
        let bytes = from.unsent().len().min(step);
        to.room(bytes).copy_from_slice(&from.unsent()[..bytes]);
        to.came(bytes);
        from.went(bytes);
    }
}

/// Two ends whose handshake is done, though every byte came alone.
fn pair() -> (Client, Server) {
    let pinned = Pinned::new(sha256(CERTIFICATE), provider());
    let client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(KEY.to_vec()));
    let server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE.to_vec())], key)
        .unwrap();
    let name = ServerName::try_from("daemon").unwrap();
    let client = UnbufferedClientConnection::new(Arc::new(client), name).unwrap();
    let server = UnbufferedServerConnection::new(Arc::new(server)).unwrap();
    let (mut client, mut server) = (Records::new(client), Records::new(server));
    while client.session().is_handshaking() || server.session().is_handshaking() {
        assert!(!client.advance().unwrap());
        carry_slowly(&mut client, &mut server);
        carry_slowly(&mut server, &mut client);
    }
    assert!(!client.advance().unwrap());
    (client, server)
}

fn carry_slowly<A: Session, B: Session>(from: &mut Records<A>, to: &mut Records<B>) {
    while !from.unsent().is_empty() {
        to.room(1)[0] = from.unsent()[0];
        to.came(1);
        from.went(1);
        assert!(!to.advance().unwrap());
    }
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

/// Everything that can be read, `step` bytes at a time.
fn read_all<S: Session>(records: &mut Records<S>, step: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut into = vec![0; step];
    loop {
        let bytes = records.read(&mut into).unwrap();
        if bytes == 0 {
            return all;
        }
        all.extend(&into[..bytes]);
    }
}

#[test]
fn what_is_sealed_is_read_however_it_is_cut() {
    let (mut client, mut server) = pair();
    for bytes in [1, 16_384, 16_385, 300_000] {
        for step in [1_000, 16_384, 1 << 20] {
            let sent = content(bytes);
            client.seal(&sent).unwrap();
            carry(&mut client, &mut server, step);
            assert_eq!(read_all(&mut server, step), sent, "{bytes} {step}");
            server.seal(&sent).unwrap();
            carry(&mut server, &mut client, step);
            assert_eq!(read_all(&mut client, step), sent, "{bytes} {step}");
        }
    }
}

#[test]
fn what_came_before_something_is_sealed_is_kept() {
    let (mut client, mut server) = pair();
    let sent = content(100_000);
    server.seal(&sent).unwrap();
    carry(&mut server, &mut client, usize::MAX);
    let mut first = [0; 10];
    assert_eq!(client.read(&mut first), Ok(10));
    client.seal(b"an answer").unwrap();
    carry(&mut client, &mut server, usize::MAX);
    assert_eq!(read_all(&mut server, 99), b"an answer");
    assert!(client.advance().unwrap());
    assert_eq!(read_all(&mut client, 999), sent[10..]);
}

#[test]
fn a_goodbye_ends_what_is_read() {
    let (mut client, mut server) = pair();
    client.seal(b"the last word").unwrap();
    client.seal_end();
    carry(&mut client, &mut server, usize::MAX);
    assert!(server.advance().unwrap());
    assert!(!server.is_over());
    assert_eq!(read_all(&mut server, 4), b"the last word");
    assert!(server.is_over());
}

#[test]
fn a_byte_that_was_changed_ends_the_session_on_both_sides() {
    let (mut client, mut server) = pair();
    client.seal(&content(40_000)).unwrap();
    let bytes = client.unsent().len();
    server.room(bytes).copy_from_slice(client.unsent());
    // In the second record.
    server.incoming[20_000] ^= 1;
    server.came(bytes);
    let mut into = vec![0; 40_000];
    // The first one is intact.
    assert_eq!(server.read(&mut into), Ok(16_384));
    assert_eq!(server.read(&mut into), Err(Error::DecryptError));
    assert_eq!(server.advance(), Err(Error::DecryptError));
    assert_eq!(server.seal(b"more"), Err(Error::DecryptError));
    server.seal_end();
    carry(&mut server, &mut client, usize::MAX);
    assert!(matches!(client.advance(), Err(Error::AlertReceived(_))));
}
