//! What a stream was bound to, and what is said of it when it is closed: see `blit_net_bind` in docs/native.md.

use std::time::Duration;

use crate::block::{u32_at, u64_at};
use crate::control::RUN_SLOTS;
use crate::request::flag;
use crate::status::{Fail, Outcome, Status};

/// Size of packed terms, bytes.
pub const TERMS_BYTES: usize = 48;
/// Size of a packed [`Closed`], bytes.
pub const CLOSED_BYTES: usize = 192;
/// Counts of batches by how long they took: up to 1 ms, 2 ms, 4 ms and so on, the last one for all that took longer.
pub const LASTED: usize = 18;
const _: () = assert!(CLOSED_BYTES == 48 + 8 * LASTED);

/// Right to have content sent.
pub const READ: u32 = 1;
/// Right to send content.
pub const WRITE: u32 = 2;

/// Take owner, set-id bits, devices and security attributes from the peer.
pub const TRUST_METADATA: u32 = 1;

/// What a session lets one of its streams do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// 0: bind; else a [`Status`] to refuse with.
    pub status: u32,
    /// Handle of the root that every path is relative to.
    pub root: u32,
    /// [`READ`], [`WRITE`].
    pub rights: u32,
    /// Flags of a batch that are kept, as in [`flag`]; others are taken off.
    pub flags: u32,
    /// Run id: names what is staged.
    pub run: u64,
    /// Job whose last frame says that the stream is closed.
    pub job: u64,
    /// Run slot in the control block: progress, and cancellation of whatever the stream does.
    pub slot: u32,
    /// [`TRUST_METADATA`].
    pub trust: u32,
    /// Longest silence of the peer within a batch, ms.
    pub idle_ms: u32,
}

impl Terms {
    /// Decodes packed terms.
    ///
    /// # Errors
    ///
    /// `usage` for a wrong length, an unknown bit or a run slot that doesn't exist.
    pub fn parse(bytes: &[u8]) -> Outcome<Terms> {
        if bytes.len() != TERMS_BYTES || u32_at(bytes, 44) != 0 {
            return Err(Fail::usage());
        }
        let terms = Terms {
            status: u32_at(bytes, 0),
            root: u32_at(bytes, 4),
            rights: u32_at(bytes, 8),
            flags: u32_at(bytes, 12),
            run: u64_at(bytes, 16),
            job: u64_at(bytes, 24),
            slot: u32_at(bytes, 32),
            trust: u32_at(bytes, 36),
            idle_ms: u32_at(bytes, 40),
        };
        let known = terms.rights & !(READ | WRITE) == 0
            && terms.flags & !flag::ALL == 0
            && terms.trust & !TRUST_METADATA == 0
            && (terms.slot as usize) < RUN_SLOTS;
        known.then_some(terms).ok_or(Fail::usage())
    }
}

/// How a stream ended, and what went over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// `Ok` where the peer closed it between two batches.
    pub status: Status,
    /// The system's error number beside the status.
    pub os: u32,
    /// Batches that were carried out.
    pub batches: u64,
    /// Items of them that were no directories.
    pub files: u64,
    /// Bytes of records that came.
    pub bytes_in: u64,
    /// Bytes of records that went out.
    pub bytes_out: u64,
    /// Time that the batches took, µs.
    pub batch_us: u64,
    /// See [`LASTED`].
    pub lasted: [u64; LASTED],
}

impl Closed {
    /// Counts a batch that was carried out.
    pub fn add_batch(&mut self, took: Duration) {
        self.batches += 1;
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.batch_us = self.batch_us.saturating_add(us);
        // Beyond what a power of two can be, it is beyond the last step anyway.
        let most = us.div_ceil(1000).min(1 << LASTED).next_power_of_two();
        self.lasted[(most.trailing_zeros() as usize).min(LASTED - 1)] += 1;
    }

    /// Packs it as the payload of the stream's last frame.
    pub fn pack(&self) -> [u8; CLOSED_BYTES] {
        let mut bytes = [0; CLOSED_BYTES];
        bytes[0..4].copy_from_slice(&(self.status as u32).to_le_bytes());
        bytes[4..8].copy_from_slice(&self.os.to_le_bytes());
        let counts = [
            self.batches,
            self.files,
            self.bytes_in,
            self.bytes_out,
            self.batch_us,
        ];
        let counts = counts.into_iter().chain(self.lasted);
        for (place, count) in bytes[8..].chunks_exact_mut(8).zip(counts) {
            place.copy_from_slice(&count.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(
            [0u32, 5, 3, flag::XATTRS]
                .iter()
                .flat_map(|w| w.to_le_bytes()),
        );
        bytes.extend([0xabcu64, 77].iter().flat_map(|w| w.to_le_bytes()));
        bytes.extend([63u32, 1, 30_000, 0].iter().flat_map(|w| w.to_le_bytes()));
        bytes
    }

    #[test]
    fn terms_are_read_as_documented() {
        let expected = Terms {
            status: 0,
            root: 5,
            rights: READ | WRITE,
            flags: flag::XATTRS,
            run: 0xabc,
            job: 77,
            slot: 63,
            trust: TRUST_METADATA,
            idle_ms: 30_000,
        };
        assert_eq!(Terms::parse(&packed()), Ok(expected));
    }

    #[test]
    fn terms_with_unknown_bits_or_another_length_are_refused() {
        for (at, byte) in [(8, 4), (15, 128), (32, 64), (36, 2), (44, 1)] {
            let mut bytes = packed();
            bytes[at] = byte;
            assert_eq!(Terms::parse(&bytes), Err(Fail::usage()), "byte {at}");
        }
        assert_eq!(Terms::parse(&packed()[..47]), Err(Fail::usage()));
    }

    #[test]
    fn a_closed_stream_is_packed_as_documented() {
        let closed = Closed {
            status: Status::Disconnected,
            os: 104,
            batches: 1,
            files: 2,
            bytes_in: 3,
            bytes_out: 4,
            batch_us: 5,
            lasted: std::array::from_fn(|i| i as u64 + 6),
        };
        let mut expected = vec![25, 0, 0, 0, 104, 0, 0, 0];
        expected.extend((1u64..24).flat_map(u64::to_le_bytes));
        assert_eq!(closed.pack()[..], expected);
    }

    #[test]
    fn a_batch_is_counted_under_the_least_time_that_it_did_not_exceed() {
        let mut closed = Closed::default();
        for us in [0, 1000, 1001, 2000, 2001, 65_536_000, 65_536_001, u64::MAX] {
            closed.add_batch(Duration::from_micros(us));
        }
        let mut expected = [0; LASTED];
        (expected[0], expected[1], expected[2]) = (2, 2, 1);
        (expected[16], expected[17]) = (1, 2);
        assert_eq!(closed.lasted, expected);
        assert_eq!((closed.batches, closed.batch_us), (8, u64::MAX));
    }
}
