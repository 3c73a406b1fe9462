//! Records: what a stream is made of. See docs/protocol.md.

use crate::block::{u32_at, u64_at};
use crate::results::RESULT_BYTES;
use crate::status::{Fail, Outcome, Status, Step};

/// Size of a record's header, bytes.
pub const HEADER_BYTES: usize = 16;
/// Size of a digest, bytes.
pub const DIGEST_BYTES: usize = 32;

const MIB: usize = 1 << 20;

/// Most content of one record.
pub const CONTENT_MOST: usize = MIB;
/// Most bytes of a packed request.
pub const BATCH_MOST: usize = 4 * MIB;

/// `file`: the content is of a second reading, the first found the file changing.
pub const READ_AGAIN: u8 = 1;
/// `file`, `entry`: some attributes are left out, since they are too many for a record.
pub const LEFT_OUT: u8 = 2;
/// `done`: the file changed meanwhile, what came of it is void.
pub const VOID: u8 = 1;
/// `have`: another one follows.
pub const MORE: u8 = 1;

/// What a record is.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A batch whose content the client will send.
    Put = 1,
    /// A batch whose content the daemon shall send.
    Get = 2,
    /// One whole entry.
    File = 3,
    /// A file's looks; its content follows in ranges.
    Entry = 4,
    /// A piece of content.
    Range = 5,
    /// The ranges are complete, or void.
    Done = 6,
    /// The item fails.
    Fail = 7,
    /// Every item was sent or failed.
    End = 8,
    /// The outcome of a put.
    Results = 9,
    /// This side is busy.
    Alive = 10,
    /// What the receiver has of a file.
    Have = 11,
    /// The client gives the batch up.
    Cancel = 12,
}

/// Every type, in the order of their numbers.
pub const TYPES: [Type; 12] = [
    Type::Put,
    Type::Get,
    Type::File,
    Type::Entry,
    Type::Range,
    Type::Done,
    Type::Fail,
    Type::End,
    Type::Results,
    Type::Alive,
    Type::Have,
    Type::Cancel,
];

impl Type {
    /// Fewest and most bytes of the payload.
    pub const fn limits(self) -> (usize, usize) {
        match self {
            Type::Put | Type::Get => (0, BATCH_MOST),
            Type::File => (88, 4 * MIB),
            Type::Entry => (56, 2 * MIB),
            Type::Range => (40, 40 + CONTENT_MOST),
            Type::Fail => (12, 12),
            // As many results as a batch has room for records.
            Type::Results => (0, BATCH_MOST / 96 * RESULT_BYTES),
            Type::Have => (8, MIB),
            Type::Done | Type::End | Type::Alive | Type::Cancel => (0, 0),
        }
    }

    /// The flags that it may have.
    const fn flags(self) -> u8 {
        match self {
            Type::File => READ_AGAIN | LEFT_OUT,
            Type::Entry => LEFT_OUT,
            Type::Done => VOID,
            Type::Have => MORE,
            _ => 0,
        }
    }
}

/// What stands before every payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Type,
    /// [`READ_AGAIN`], [`LEFT_OUT`], [`VOID`], [`MORE`].
    pub flags: u8,
    /// Index of the item in the batch.
    pub item: u32,
    /// Bytes of payload.
    pub length: usize,
}

impl Header {
    /// Packs it.
    pub fn pack(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = self.kind as u8;
        bytes[1] = self.flags;
        bytes[4..8].copy_from_slice(&self.item.to_le_bytes());
        bytes[8..16].copy_from_slice(&(self.length as u64).to_le_bytes());
        bytes
    }

    /// Decodes it; `length` is within the type's limits afterwards.
    ///
    /// # Errors
    ///
    /// `mismatch` for an unknown type, flag or length.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Outcome<Header> {
        let number = usize::from(bytes[0]).wrapping_sub(1);
        let kind = *TYPES.get(number).ok_or(MISMATCH)?;
        let (least, most) = kind.limits();
        let length = u64_at(bytes, 8);
        let fits = (least as u64..=most as u64).contains(&length);
        if !fits || bytes[1] & !kind.flags() != 0 || bytes[2..4] != [0, 0] {
            return Err(MISMATCH);
        }
        Ok(Header {
            kind,
            flags: bytes[1],
            item: u32_at(bytes, 4),
            length: length as usize,
        })
    }
}

/// The peer breaks the protocol.
pub const MISMATCH: Fail = Fail::new(Status::Mismatch, Step::Process);

/// The payload of a `fail`.
pub fn pack_fail(fail: Fail) -> [u8; 12] {
    let mut bytes = [0; 12];
    let words = [fail.status as u32, fail.os, fail.step as u32];
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Decodes the payload of a `fail`, which the header's limits have measured. See [`Status::from_peer`].
pub fn parse_fail(payload: &[u8]) -> Fail {
    Fail {
        status: Status::from_peer(u32_at(payload, 0)),
        os: u32_at(payload, 4),
        step: Step::from_number(u32_at(payload, 8)),
    }
}

/// A piece of content at its place, verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<'a> {
    /// Where the content begins in the file.
    pub offset: u64,
    /// The content.
    pub content: &'a [u8],
    /// Whether the digest is the content's.
    pub is_intact: bool,
}

impl Range<'_> {
    /// Decodes and verifies the payload of a `range`, which the header's limits have measured.
    ///
    /// # Errors
    ///
    /// `mismatch` where the end lies beyond what any file has.
    pub fn parse(payload: &[u8]) -> Outcome<Range<'_>> {
        let (head, rest) = payload.split_at(8);
        let (content, digest) = rest.split_at(rest.len() - DIGEST_BYTES);
        let offset = u64_at(head, 0);
        offset
            .checked_add(content.len() as u64)
            .filter(|&end| end <= i64::MAX as u64)
            .ok_or(MISMATCH)?;
        Ok(Range {
            offset,
            content,
            is_intact: blake3::hash(content).as_bytes() == digest,
        })
    }
}

/// A stretch of a file that the receiver holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub length: u64,
    /// BLAKE3 of it.
    pub digest: [u8; DIGEST_BYTES],
}

const PIECE_BYTES: usize = 48;

/// Longest stretch of one [`Piece`].
pub const PIECE_MOST: u64 = 64 << 20;

/// The payload of a `have`: the length of what is held, and stretches of it.
pub fn pack_have(held_bytes: u64, pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + pieces.len() * PIECE_BYTES);
    bytes.extend(held_bytes.to_le_bytes());
    for piece in pieces {
        bytes.extend(piece.offset.to_le_bytes());
        bytes.extend(piece.length.to_le_bytes());
        bytes.extend(piece.digest);
    }
    bytes
}

/// Decodes the payload of a `have`.
///
/// # Errors
///
/// `mismatch` where a piece is empty, too long, not aligned to a MiB or not within what is held.
pub fn parse_have(payload: &[u8]) -> Outcome<(u64, Vec<Piece>)> {
    let (head, rest) = payload.split_at_checked(8).ok_or(MISMATCH)?;
    let held = u64_at(head, 0);
    let (pieces, []) = rest.as_chunks::<PIECE_BYTES>() else {
        return Err(MISMATCH);
    };
    let piece = |bytes: &[u8; PIECE_BYTES]| {
        let piece = Piece {
            offset: u64_at(bytes, 0),
            length: u64_at(bytes, 8),
            digest: bytes[16..].try_into().map_err(|_| MISMATCH)?,
        };
        let aligned = [piece.offset, piece.length]
            .iter()
            .all(|n| n % MIB as u64 == 0);
        let within = (1..=PIECE_MOST).contains(&piece.length)
            && piece
                .offset
                .checked_add(piece.length)
                .is_some_and(|end| end <= held);
        if aligned && within {
            Ok(piece)
        } else {
            Err(MISMATCH)
        }
    };
    Ok((held, pieces.iter().map(piece).collect::<Outcome<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: Type, length: usize) -> [u8; HEADER_BYTES] {
        let whole = Header {
            kind,
            flags: 0,
            item: 7,
            length,
        };
        whole.pack()
    }

    #[test]
    fn every_length_is_held_against_its_limit() {
        for kind in TYPES {
            let (least, most) = kind.limits();
            for length in [least, most] {
                assert!(
                    Header::parse(&header(kind, length)).is_ok(),
                    "{kind:?} {length}"
                );
            }
            for length in [least.wrapping_sub(1), most + 1, usize::MAX] {
                let parsed = Header::parse(&header(kind, length));
                assert_eq!(parsed, Err(MISMATCH), "{kind:?} {length}");
            }
        }
    }

    #[test]
    fn unknown_types_flags_and_reserved_bytes_are_a_mismatch() {
        for (at, byte) in [(0, 0), (0, 13), (0, 255), (1, 1), (2, 1), (3, 1)] {
            let mut bytes = header(Type::End, 0);
            bytes[at] = byte;
            assert_eq!(Header::parse(&bytes), Err(MISMATCH), "{at} {byte}");
        }
    }

    #[test]
    fn a_range_says_whether_it_is_intact() {
        let mut payload = 5u64.to_le_bytes().to_vec();
        payload.extend(b"abc");
        payload.extend(blake3::hash(b"abc").as_bytes());
        let range = Range::parse(&payload).unwrap();
        assert_eq!((range.offset, range.content), (5, &b"abc"[..]));
        assert!(range.is_intact);
        payload[9] ^= 1;
        assert!(!Range::parse(&payload).unwrap().is_intact);
        payload[..8].fill(0xff);
        assert_eq!(Range::parse(&payload), Err(MISMATCH));
    }

    #[test]
    fn what_is_held_must_be_in_whole_mibs() {
        let piece = |offset, length| Piece {
            offset,
            length,
            digest: [3; 32],
        };
        let good = [piece(0, 1 << 20), piece(1 << 20, 64 << 20)];
        let held = 70 << 20;
        assert_eq!(
            parse_have(&pack_have(held, &good)),
            Ok((held, good.to_vec()))
        );
        for bad in [
            piece(0, 0),
            piece(1, 1 << 20),
            piece(0, 65 << 20),
            piece(0, 5),
            piece(70 << 20, 1 << 20),
            piece(u64::MAX - (1 << 20) + 1, 1 << 20),
        ] {
            assert_eq!(
                parse_have(&pack_have(held, &[bad])),
                Err(MISMATCH),
                "{bad:?}"
            );
        }
        assert_eq!(parse_have(&[0; 9]), Err(MISMATCH));
    }

    #[test]
    fn a_failure_of_an_unknown_kind_is_another_versions() {
        let fail = Fail {
            status: Status::NoSpace,
            os: 28,
            step: Step::Write,
        };
        assert_eq!(parse_fail(&pack_fail(fail)), fail);
        let unknown = [200, 0, 0, 0, 1, 0, 0, 0, 99, 0, 0, 0];
        let expected = Fail {
            status: Status::Mismatch,
            os: 1,
            step: Step::Process,
        };
        assert_eq!(parse_fail(&unknown), expected);
    }
}
