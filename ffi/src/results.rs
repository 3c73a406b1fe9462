//! The packed results, 64 bytes an item: see `src/core/work_batch.ts`.

use crate::block::u32_at;
use crate::status::{Fail, Status, Step};

/// Size of one result, bytes.
pub const RESULT_BYTES: usize = 64;

/// How content was copied, the `method` byte, numbered as `COPY_METHODS`.
pub mod method {
    /// No content was copied.
    pub const NONE: u8 = 0;
    /// Blocks are shared.
    pub const REFLINK: u8 = 1;
    /// copy_file_range.
    pub const COPY_FILE_RANGE: u8 = 2;
    /// Through a buffer.
    pub const READ_WRITE: u8 = 5;
    /// clonefile.
    pub const CLONEFILE: u8 = 6;
    /// Pieces that requests carried.
    pub const STREAM: u8 = 9;
    /// Records on a connection of its own.
    pub const DATA_PLANE: u8 = 10;
    /// Records that the control plane carried.
    pub const CONTROL_PLANE: u8 = 11;
}

/// What was given up without failing the item, or what else was done, as `ResultFlag`.
pub mod result_flag {
    /// The destination keeps no xattrs or ACLs.
    pub const XATTRS_DROPPED: u8 = 1;
    /// A directory was made writable for its owner.
    pub const DIRECTORY_WIDENED: u8 = 2;
    /// The owner could not be set.
    pub const OWNER_DROPPED: u8 = 4;
    /// The source changed while it was read; the second reading was whole.
    pub const READ_AGAIN: u8 = 8;
    /// Went on from a partial file.
    pub const RESUMED: u8 = 16;
    /// The parent directory did not exist and was made.
    pub const CREATED: u8 = 32;
    /// The mode isn't kept as it was set.
    pub const MODE_DROPPED: u8 = 64;
    /// The modification time isn't kept.
    pub const TIME_DROPPED: u8 = 128;
}

/// One item's result. With a digest, `inode` is the digest of xattrs and the times are not carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemResult {
    /// Whether it failed, and how.
    pub status: Status,
    /// The system's error number beside the status.
    pub os: u32,
    /// What was being done when it failed.
    pub step: Step,
    /// Content bytes moved or read.
    pub bytes: u64,
    /// See [`method`].
    pub method: u8,
    /// See [`result_flag`].
    pub flags: u8,
    /// Inode written, or digest of xattrs.
    pub inode: u64,
    /// Status change time of what was written.
    pub ctime_ns: i64,
    /// Modification time of what was written.
    pub mtime_ns: i64,
    /// BLAKE3 of the content.
    pub digest: Option<[u8; 32]>,
}

impl ItemResult {
    /// The same, which says too whether a directory was made writable.
    #[must_use]
    pub fn widened(self, widened: bool) -> Self {
        Self {
            flags: self.flags | (u8::from(widened) * result_flag::DIRECTORY_WIDENED),
            ..self
        }
    }
}

impl From<Fail> for ItemResult {
    fn from(fail: Fail) -> Self {
        Self {
            status: fail.status,
            os: fail.os,
            step: fail.step,
            ..Self::default()
        }
    }
}

/// The results of one request, all ok until set.
#[derive(Debug)]
pub struct Results {
    bytes: Vec<u8>,
}

impl Results {
    /// Results for `count` items.
    pub fn new(count: usize) -> Self {
        Self {
            bytes: vec![0; count * RESULT_BYTES],
        }
    }

    /// What a peer packed, its statuses as they are to this side; `None` where it is not `count` results.
    pub fn from_peer(bytes: &[u8], count: usize) -> Option<Self> {
        if bytes.len() != count * RESULT_BYTES {
            return None;
        }
        let mut bytes = bytes.to_vec();
        for result in bytes.chunks_exact_mut(RESULT_BYTES) {
            let status = &mut result[..4];
            if status != [0; 4] {
                let number = u32_at(status, 0);
                status.copy_from_slice(&(Status::from_peer(number) as u32).to_le_bytes());
            }
        }
        Some(Self { bytes })
    }

    /// Writes one item's result.
    pub fn set(&mut self, i: usize, result: ItemResult) {
        let r = &mut self.bytes[i * RESULT_BYTES..][..RESULT_BYTES];
        r.fill(0);
        r[0..4].copy_from_slice(&(result.status as u32).to_le_bytes());
        r[4..8].copy_from_slice(&result.os.to_le_bytes());
        r[8..16].copy_from_slice(&result.bytes.to_le_bytes());
        r[16] = result.method;
        r[17] = result.flags;
        r[18..20].copy_from_slice(&(result.step as u16).to_le_bytes());
        r[24..32].copy_from_slice(&result.inode.to_le_bytes());
        if let Some(digest) = result.digest {
            r[32..64].copy_from_slice(&digest);
        } else {
            r[32..40].copy_from_slice(&result.ctime_ns.to_le_bytes());
            r[40..48].copy_from_slice(&result.mtime_ns.to_le_bytes());
        }
    }

    /// Writes one item's failure.
    pub fn fail(&mut self, i: usize, fail: Fail) {
        self.set(i, fail.into());
    }

    /// Fails every item from `i` on: they were not reached.
    pub fn fail_from(&mut self, i: usize, fail: Fail) {
        for i in i..self.len() {
            self.fail(i, fail);
        }
    }

    /// Adds flags to a result that was set before.
    pub fn add_flags(&mut self, i: usize, flags: u8) {
        self.bytes[i * RESULT_BYTES + 17] |= flags;
    }

    /// Number of results.
    pub fn len(&self) -> usize {
        self.bytes.len() / RESULT_BYTES
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    /// The packed results so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// The packed results.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
