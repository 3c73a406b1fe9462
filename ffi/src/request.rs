//! The packed request: see `src/core/work_batch.ts`.

use std::borrow::Cow;

use crate::block::{Layout, u16_at, u32_at, u64_at};
use crate::control::RUN_SLOTS;
use crate::names;
use crate::status::{Fail, Outcome, Status, Step};

pub use crate::block::{Item, Kind, NO_PARENT};

/// Size of the request's header, bytes.
pub const REQUEST_BYTES: usize = 64;
const VERSION: u8 = 1;

/// What a request asks for.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// List directories.
    Scan = 1,
    /// Go on with a scan that stopped at its budget.
    ScanMore = 2,
    /// Read metadata of single paths.
    Stat = 3,
    /// Create or replace entries.
    Copy = 4,
    /// Set owner, attributes, mode and times.
    Meta = 5,
    /// Make hardlinks.
    Link = 6,
    /// Remove entries.
    Remove = 7,
    /// Rename entries.
    Rename = 8,
    /// Hash content.
    Hash = 9,
    /// Make data durable.
    Sync = 10,
    /// Read a range of a file.
    Read = 11,
    /// Create an entry from bytes that the request carries.
    Write = 12,
    /// Create or release a run marker.
    Marker = 13,
    /// Dial a daemon's data plane.
    Dial = 14,
    /// Copy to a daemon, over a stream.
    Send = 15,
    /// Copy from a daemon, over a stream.
    Receive = 16,
    /// Read the extended attributes of one entry.
    Xattrs = 17,
}

/// The highest number of an operation.
pub const HIGHEST_OP: u8 = Op::Xattrs as u8;

impl Op {
    const fn from_byte(byte: u8) -> Option<Op> {
        Some(match byte {
            1 => Op::Scan,
            2 => Op::ScanMore,
            3 => Op::Stat,
            4 => Op::Copy,
            5 => Op::Meta,
            6 => Op::Link,
            7 => Op::Remove,
            8 => Op::Rename,
            9 => Op::Hash,
            10 => Op::Sync,
            11 => Op::Read,
            12 => Op::Write,
            13 => Op::Marker,
            14 => Op::Dial,
            15 => Op::Send,
            16 => Op::Receive,
            17 => Op::Xattrs,
            _ => return None,
        })
    }

    /// Whether the planner waits for this: it is done before any other work.
    pub const fn is_listing(self) -> bool {
        matches!(self, Op::Scan | Op::ScanMore | Op::Stat)
    }
}

/// Flags of a request, as `BatchFlag` in `src/core/work_batch.ts`.
pub mod flag {
    /// scan: sort each directory by name bytes.
    pub const SORTED: u32 = 1;
    /// scan: list staged entries too.
    pub const STAGED: u32 = 2;
    /// copy, meta: set owner and group.
    pub const OWNER: u32 = 4;
    /// copy, meta, hash, write: xattrs and ACLs too.
    pub const XATTRS: u32 = 8;
    /// copy, link, rename, remove: on disk before done.
    pub const FSYNC: u32 = 16;
    /// copy: read everything, write nothing.
    pub const DISCARD: u32 = 32;
    /// rename: never replace.
    pub const NO_REPLACE: u32 = 64;
    /// remove: only staged entries whose lock is free.
    pub const STALE: u32 = 128;
    /// copy: keep an interrupted large staged file.
    pub const KEEP_PARTIAL: u32 = 256;
    /// remove: a file that somebody has open for writing stays.
    pub const UNWRITTEN: u32 = 512;
    /// Every flag there is.
    pub const ALL: u32 = 1023;
}

/// The `action` of a copy item.
pub mod action {
    /// A parent directory that exists.
    pub const PARENT_EXISTS: u16 = 0;
    /// A parent directory to make where it is missing.
    pub const PARENT_CREATE: u16 = 1;
    /// Nothing has this name.
    pub const CREATE: u16 = 2;
    /// Replace what has this name.
    pub const REPLACE: u16 = 3;
    /// Go on from the staged file named in `target`.
    pub const RESUME: u16 = 4;
}

/// What this process says of a request that a peer sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    /// Handle of the root to read from, or 0.
    pub source: u32,
    /// Handle of the root to write to, or 0.
    pub destination: u32,
    /// Run id.
    pub run: u64,
    /// Run slot, below [`RUN_SLOTS`].
    pub slot: u32,
    /// Flags that are kept.
    pub flags: u32,
}

/// One request, checked whole: no later access can be out of bounds.
#[derive(Debug)]
pub struct Request {
    /// What to do.
    pub op: Op,
    /// See [`flag`].
    pub flags: u32,
    /// Unique number of the job.
    pub job: u64,
    /// Handle of the source root, 0 if none.
    pub source: u32,
    /// Handle of the destination root, 0 if none.
    pub destination: u32,
    /// Run id; names staged entries.
    pub run: u64,
    /// First parameter of the operation.
    pub p0: u64,
    /// Second parameter of the operation.
    pub p1: u64,
    /// Run slot in the control block.
    pub slot: u32,
    bytes: Vec<u8>,
    layout: Layout,
    trailing: (usize, usize),
}

impl Request {
    /// Checks the header, every record and every reference between them.
    ///
    /// Guarantees that an item's parent is an earlier directory with a whole path. Names and paths are
    /// checked where they are used, so that a bad one fails its item alone.
    pub fn parse(bytes: Vec<u8>) -> Outcome<Request> {
        if bytes.len() < REQUEST_BYTES || bytes[0] != VERSION || u16_at(&bytes, 2) != 0 {
            return Err(Fail::usage());
        }
        let op = Op::from_byte(bytes[1]).ok_or(Fail::usage())?;
        let layout = Layout::check(&bytes[REQUEST_BYTES..])?;
        let content = (REQUEST_BYTES + layout.end).next_multiple_of(8);
        let content_bytes = u32_at(&bytes, 52) as usize;
        let trailing = match content_bytes {
            0 => (0, 0),
            n if content + n <= bytes.len() => (content, content + n),
            _ => return Err(Fail::usage()),
        };
        let request = Request {
            op,
            flags: u32_at(&bytes, 4),
            job: u64_at(&bytes, 8),
            source: u32_at(&bytes, 16),
            destination: u32_at(&bytes, 20),
            run: u64_at(&bytes, 24),
            p0: u64_at(&bytes, 32),
            p1: u64_at(&bytes, 40),
            slot: u32_at(&bytes, 48),
            bytes,
            layout,
            trailing,
        };
        if request.flags & !flag::ALL != 0 || request.slot as usize >= RUN_SLOTS {
            return Err(Fail::usage());
        }
        (0..request.len()).try_for_each(|i| request.check_item(i))?;
        Ok(request)
    }

    /// A peer's copy request as one of this process: what is not its to say is left out or taken from `own`.
    ///
    /// # Errors
    ///
    /// As [`Request::parse`]; `usage` for another operation.
    pub fn from_peer(mut bytes: Vec<u8>, own: &Own) -> Outcome<Request> {
        if bytes.len() < REQUEST_BYTES || bytes[1] != Op::Copy as u8 {
            return Err(Fail::usage());
        }
        // Job, roots and run; slot and length of trailing bytes.
        bytes[8..32].fill(0);
        bytes[48..56].fill(0);
        let mut request = Self::parse(bytes)?;
        request.flags &= own.flags;
        request.source = own.source;
        request.destination = own.destination;
        request.run = own.run;
        request.slot = own.slot;
        Ok(request)
    }

    /// The request as a peer is to carry it out; it is to know nothing of this process.
    pub fn for_peer(&self) -> Vec<u8> {
        let mut bytes = self.bytes[..REQUEST_BYTES + self.layout.end].to_vec();
        bytes[1] = Op::Copy as u8;
        bytes[8..40].fill(0);
        bytes[48..56].fill(0);
        bytes
    }

    fn check_item(&self, i: usize) -> Outcome<()> {
        let item = self.item(i);
        if item.parent != NO_PARENT {
            let parent = item.parent as usize;
            if parent >= i {
                return Err(Fail::usage());
            }
            let above = self.item(parent);
            if above.kind != Kind::Directory || above.parent != NO_PARENT {
                return Err(Fail::usage());
            }
        }
        Ok(())
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.layout.count
    }
    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Item `i`, below [`Request::len`].
    #[inline]
    pub fn item(&self, i: usize) -> Item<'_> {
        self.layout.item(&self.bytes[REQUEST_BYTES..], i)
    }
    /// Whole path of item `i`, through its parent.
    pub fn path(&self, i: usize) -> Cow<'_, [u8]> {
        let item = self.item(i);
        if item.parent == NO_PARENT {
            return Cow::Borrowed(item.name);
        }
        let above = self.item(item.parent as usize).name;
        if above.is_empty() {
            return Cow::Borrowed(item.name);
        }
        Cow::Owned([above, b"/", item.name].concat())
    }
    /// Path of the directory that holds item `i` (empty: the root), and the item's checked name in it.
    pub fn located(&self, i: usize) -> Outcome<(&[u8], &[u8])> {
        let item = self.item(i);
        let (above, name) = match item.parent {
            NO_PARENT => names::split(item.name),
            parent => (self.item(parent as usize).name, item.name),
        };
        names::check_name(name, Step::Open)?;
        Ok((above, name))
    }
    /// The bytes that follow the items.
    pub fn trailing(&self) -> &[u8] {
        &self.bytes[self.trailing.0..self.trailing.1]
    }
    /// Whether a flag of [`flag`] is set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
    /// The item at `i`, or `usage` where the request has fewer.
    pub fn need_item(&self, i: usize) -> Outcome<Item<'_>> {
        if i < self.len() {
            Ok(self.item(i))
        } else {
            Err(Fail::new(Status::Usage, Step::Process))
        }
    }
}

#[cfg(test)]
mod tests;
