//! TLS 1.3 over a stream's connection. Without the feature `tls` there is none, and whoever needs it is
//! told `unsupported`.

#[cfg(feature = "tls")]
mod link;
#[cfg(feature = "tls")]
mod peer;
#[cfg(feature = "tls")]
mod pin;
#[cfg(feature = "tls")]
mod records;
#[cfg(feature = "tls")]
mod suites;

#[cfg(not(feature = "tls"))]
mod none;
#[cfg(not(feature = "tls"))]
use none as peer;

pub use peer::dial;
#[cfg(unix)]
pub use peer::{Accepting, Identity};
#[cfg(all(test, feature = "tls"))]
pub use pin::sha256;

/// What both ends must name in the handshake, so that no other protocol is taken for this one.
#[cfg(feature = "tls")]
const ALPN: &[u8] = b"blit/1";
