//! The two ends of a handshake.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, Error};

use super::ALPN;
use super::link::TlsLink;
use super::pin::Pinned;
use super::suites::provider;
use crate::net::link::{Link, lost};
use crate::status::{Fail, Outcome, Status, Step};

#[cfg(unix)]
pub use daemon::{Accepting, Identity};

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
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(bug)?;
    session.complete_io(timed).map_err(|error| {
        // The handshake's own errors come inside of the system's.
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(Error::InvalidCertificate(_)) => Fail::new(Status::Unauthenticated, Step::Process),
            Some(_) => Fail::new(Status::Mismatch, Step::Process),
            None => lost(&error),
        }
    })?;
    if session.alpn_protocol() != Some(ALPN) {
        return Err(Fail::new(Status::Mismatch, Step::Process));
    }
    Ok(Box::new(TlsLink::new(session.into(), socket)))
}

fn bug(_: Error) -> Fail {
    Fail::new(Status::Bug, Step::Process)
}

#[cfg(unix)]
mod daemon {
    use std::io::{self, ErrorKind};

    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::server::NoServerSessionStorage;
    use rustls::{ServerConfig, ServerConnection};

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
            let session = ServerConnection::new(Arc::clone(&self.0)).map_err(bug)?;
            Ok(Accepting { session, taken: 0 })
        }
    }

    /// A connection before its token is there; its socket never waits.
    pub struct Accepting {
        session: ServerConnection,
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
                match self.session.reader().read(into) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    other => return other,
                }
                if self.taken > UNKNOWN_MOST {
                    return Err(ErrorKind::InvalidData.into());
                }
                let taken = self.session.read_tls(&mut &*socket)?;
                self.taken += taken;
                let state = self.session.process_new_packets();
                // What went wrong is told to the peer, too.
                let written = self.write(socket);
                state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                written?;
                if taken == 0 {
                    return Ok(0);
                }
                if !self.session.is_handshaking() && self.session.alpn_protocol() != Some(ALPN) {
                    return Err(ErrorKind::InvalidData.into());
                }
            }
        }

        /// Writes what the handshake has to say, as far as the socket takes it.
        pub fn write(&mut self, socket: &TcpStream) -> io::Result<()> {
            while self.session.wants_write() {
                match self.session.write_tls(&mut &*socket) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                    Ok(_) => {}
                }
            }
            Ok(())
        }

        /// Whether something waits to be written.
        pub fn wants_write(&self) -> bool {
            self.session.wants_write()
        }

        /// What the stream goes on with.
        pub fn into_link(self, socket: Arc<TcpStream>) -> Box<dyn Link> {
            Box::new(TlsLink::new(self.session.into(), socket))
        }
    }
}
