//! The first bytes of a stream: what the client says before it is known, and the daemon's answer.
//! See docs/protocol.md.

use std::io;
use std::time::{Duration, Instant};

use super::link::{Link, lost};
use crate::status::{Fail, Outcome, Status, Step};

/// Bytes before the token, and of the answer.
pub const HEAD_BYTES: usize = 8;
/// Longest token, bytes: with the head it makes 1 KiB.
pub const TOKEN_MOST: usize = 1016;
const MAGIC: &[u8; 4] = b"BLIT";
const VERSION: u8 = 1;
/// How often whoever waits looks whether it was given up.
const LOOK: Duration = Duration::from_millis(100);

/// The client's first bytes.
pub fn greeting(token: &[u8]) -> Outcome<Vec<u8>> {
    if token.is_empty() || token.len() > TOKEN_MOST {
        return Err(Fail::usage());
    }
    Ok([&head(0)[..6], &(token.len() as u16).to_le_bytes(), token].concat())
}

/// Length of the token that follows a greeting's head; none where it is no greeting.
pub fn token_bytes(head: &[u8; HEAD_BYTES]) -> Option<usize> {
    let plain = head[..4] == *MAGIC && head[4] == VERSION && head[5] == 0;
    let length = usize::from(u16::from_le_bytes([head[6], head[7]]));
    (plain && (1..=TOKEN_MOST).contains(&length)).then_some(length)
}

/// The daemon's answer: 0 for yes, else why not.
pub fn answer(link: &mut dyn Link, status: u8) -> io::Result<()> {
    link.write_all(&head(status))
}

/// Waits for the daemon's answer.
///
/// # Errors
///
/// The status that the daemon gave; `disconnected` where none came in time; `mismatch` where something
/// else came; `cancelled` where `given_up` says so.
pub fn read_answer(
    link: &mut dyn Link,
    until: Instant,
    given_up: &dyn Fn() -> bool,
) -> Outcome<()> {
    let mut got = [0; HEAD_BYTES];
    let mut filled = 0;
    while filled < HEAD_BYTES {
        if given_up() {
            return Err(Fail::cancelled());
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Fail::new(Status::Disconnected, Step::Process));
        }
        if !link
            .is_readable(left.min(LOOK))
            .map_err(|error| lost(&error))?
        {
            continue;
        }
        match link
            .read(&mut got[filled..])
            .map_err(|error| lost(&error))?
        {
            0 => return Err(Fail::new(Status::Disconnected, Step::Process)),
            some => filled += some,
        }
    }
    let status = got[5];
    if got != head(status) {
        return Err(Fail::new(Status::Mismatch, Step::Process));
    }
    match status {
        0 => Ok(()),
        refused => Err(Fail::new(Status::from_peer(refused.into()), Step::Process)),
    }
}

fn head(status: u8) -> [u8; HEAD_BYTES] {
    let [b, l, i, t] = *MAGIC;
    [b, l, i, t, VERSION, status, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_as_specified() {
        let greeting = greeting(b"abc").unwrap();
        assert_eq!(greeting, *b"BLIT\x01\0\x03\0abc");
        assert_eq!(token_bytes(greeting[..8].try_into().unwrap()), Some(3));
        assert!(super::greeting(b"").is_err());
        assert!(super::greeting(&[b'x'; TOKEN_MOST]).is_ok());
        assert!(super::greeting(&[b'x'; TOKEN_MOST + 1]).is_err());
    }

    #[test]
    fn what_is_no_greeting_is_told_by_its_head() {
        for head in [
            b"GET / HT",
            b"BLIT\x02\0\x03\0",
            b"BLIT\x01\x01\x03\0",
            b"BLIT\x01\0\0\0",
            b"BLIT\x01\0\xf9\x03",
        ] {
            assert_eq!(token_bytes(head), None, "{}", head.escape_ascii());
        }
        assert_eq!(token_bytes(b"BLIT\x01\0\xf8\x03"), Some(1016));
    }
}
