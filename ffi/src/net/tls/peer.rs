//! The two ends of a handshake.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, Error};

use super::ALPN;
use super::link::TlsLink;
use super::pin::Pinned;
use super::records::{Records, Session};
use super::suites::provider;
use crate::net::link::{Link, lost};
use crate::status::{Fail, Outcome, Status, Step};

#[cfg(unix)]
pub use daemon::{Accepting, Identity};

/// Ciphertext read at once during a handshake.
const READ_BYTES: usize = 4 << 10;

/// Shakes hands as the client, waiting as `timed` does.
///
/// # Errors
///
/// `unauthenticated` where the certificate is another one; `mismatch` where what answers speaks something else.
pub fn dial<T: Read + Write>(
    socket: Arc<TcpStream>,
    ip: IpAddr,
    pin: &[u8; 32],
    timed: &mut T,
) -> Outcome<Box<dyn Link>> {
    let provider = provider();
    let verifier = Arc::new(Pinned::new(*pin, Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(bug)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    let name = ServerName::IpAddress(ip.into());
    let session = UnbufferedClientConnection::new(Arc::new(config), name).map_err(bug)?;
    let mut records = Records::new(session);
    shake_hands(&mut records, timed)?;
    if records.session().alpn_protocol() != Some(ALPN) {
        return Err(Fail::new(Status::Mismatch, Step::Process));
    }
    Ok(Box::new(TlsLink::new(records, socket)))
}

fn shake_hands<S: Session>(
    records: &mut Records<S>,
    timed: &mut (impl Read + Write),
) -> Outcome<()> {
    loop {
        let advanced = records.advance();
        let written = write_unsent(records, timed);
        advanced.map_err(|error| match error {
            Error::InvalidCertificate(_) => Fail::new(Status::Unauthenticated, Step::Process),
            _ => Fail::new(Status::Mismatch, Step::Process),
        })?;
        written.map_err(|error| lost(&error))?;
        if !records.session().is_handshaking() {
            return Ok(());
        }
        let read = timed.read(records.room(READ_BYTES));
        match read.map_err(|error| lost(&error))? {
            0 => return Err(lost(&ErrorKind::UnexpectedEof.into())),
            bytes => records.came(bytes),
        }
    }
}

fn write_unsent<S: Session>(records: &mut Records<S>, to: &mut impl Write) -> io::Result<()> {
    while !records.unsent().is_empty() {
        match to.write(records.unsent())? {
            0 => return Err(ErrorKind::WriteZero.into()),
            bytes => records.went(bytes),
        }
    }
    Ok(())
}

fn bug(_: Error) -> Fail {
    Fail::new(Status::Bug, Step::Process)
}

#[cfg(unix)]
mod daemon {
    use rustls::ServerConfig;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::server::{NoServerSessionStorage, UnbufferedServerConnection};

    use super::super::suites::has_aes;
    use super::*;

    /// Most ciphertext that is taken from a peer before its token is there: a ClientHello with every
    /// extension, and a token.
    const UNKNOWN_MOST: usize = 32 << 10;

    /// Certificate and key of this daemon.
    pub struct Identity(Arc<ServerConfig>);

    impl Identity {
        /// From a certificate (DER) and its key (PKCS #8 DER); `usage` where they are none, or don't
        /// belong together.
        pub fn new(certificate: &[u8], key: &[u8]) -> Outcome<Identity> {
            let certificates = vec![CertificateDer::from(certificate.to_vec())];
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.to_vec()));
            let mut config = ServerConfig::builder_with_provider(provider())
                .with_protocol_versions(&[&TLS13])
                .map_err(bug)?
                .with_no_client_auth()
                .with_single_cert(certificates, key)
                .map_err(|_| Fail::usage())?;
            config.alpn_protocols = vec![ALPN.to_vec()];
            config.send_tls13_tickets = 0;
            config.session_storage = Arc::new(NoServerSessionStorage {});
            // Whoever has no AES in its processor decides.
            config.ignore_client_order = !has_aes();
            Ok(Identity(Arc::new(config)))
        }

        /// Begins a handshake.
        pub fn accept(&self) -> Outcome<Accepting> {
            let session = UnbufferedServerConnection::new(Arc::clone(&self.0)).map_err(bug)?;
            Ok(Accepting {
                records: Records::new(session),
                taken: 0,
            })
        }
    }

    /// A connection before its token is there; its socket never waits.
    pub struct Accepting {
        records: Records<UnbufferedServerConnection>,
        taken: usize,
    }

    impl Accepting {
        /// Goes on with the handshake as far as the socket allows, and reads plaintext.
        ///
        /// # Errors
        ///
        /// `WouldBlock` where nothing is there yet; anything else ends the connection.
        pub fn read(&mut self, socket: &TcpStream, into: &mut [u8]) -> io::Result<usize> {
            loop {
                let read = self.records.read(into);
                // What went wrong is told to the peer, too.
                let written = self.write(socket);
                let bytes = read.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                written?;
                let session = self.records.session();
                if !session.is_handshaking() && session.alpn_protocol() != Some(ALPN) {
                    return Err(ErrorKind::InvalidData.into());
                }
                if bytes > 0 || self.records.is_over() {
                    return Ok(bytes);
                }
                if self.taken > UNKNOWN_MOST {
                    return Err(ErrorKind::InvalidData.into());
                }
                let mut socket = socket;
                let taken = socket.read(self.records.room(READ_BYTES))?;
                self.records.came(taken);
                self.taken += taken;
                if taken == 0 {
                    return Ok(0);
                }
            }
        }

        /// Writes what the handshake has to say, as far as the socket takes it.
        pub fn write(&mut self, mut socket: &TcpStream) -> io::Result<()> {
            match write_unsent(&mut self.records, &mut socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
                other => other,
            }
        }

        /// Whether something waits to be written.
        pub fn wants_write(&self) -> bool {
            !self.records.unsent().is_empty()
        }

        /// What the stream goes on with.
        pub fn into_link(self, socket: Arc<TcpStream>) -> Box<dyn Link> {
            Box::new(TlsLink::new(self.records, socket))
        }
    }
}
