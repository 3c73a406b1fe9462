//! EntryBlock, the packed layout of tree entries: see `src/core/entry_block.ts`.

use crate::status::{Fail, Outcome, Status, Step};
use crate::sys::Metadata;

/// Version byte of the layout.
pub const BLOCK_VERSION: u8 = 1;
/// Size of a block's header, bytes.
pub const HEADER_BYTES: usize = 32;
/// Size of one record, bytes.
pub const RECORD_BYTES: usize = 96;
/// Parent index that means "the name is a whole path".
pub const NO_PARENT: u32 = u32::MAX;
/// Block flag: records are sorted by name bytes.
pub const BLOCK_SORTED: u8 = 1;
/// Block flag: no further block follows for this directory.
pub const BLOCK_LAST: u8 = 2;
/// Record flag: the entry has a staging name.
pub const ENTRY_STAGED: u8 = 1;
/// Record flag of a copy item: `target` is its name in the destination, also where it is a symlink.
pub const ENTRY_RENAMED: u8 = 2;

/// What an entry is.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Kind {
    /// Not known.
    #[default]
    Unknown = 0,
    /// A regular file.
    File = 1,
    /// A directory.
    Directory = 2,
    /// A symbolic link.
    Symlink = 3,
    /// A named pipe.
    Fifo = 4,
    /// A socket.
    Socket = 5,
    /// A character device.
    CharDevice = 6,
    /// A block device.
    BlockDevice = 7,
}

impl Kind {
    /// The kind that a byte of a record stands for.
    pub const fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            0 => Kind::Unknown,
            1 => Kind::File,
            2 => Kind::Directory,
            3 => Kind::Symlink,
            4 => Kind::Fifo,
            5 => Kind::Socket,
            6 => Kind::CharDevice,
            7 => Kind::BlockDevice,
            _ => return None,
        })
    }
}

/// One record, decoded. In a listing `parent` holds the entry's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Item<'a> {
    /// Name, or whole path where `parent` is [`NO_PARENT`].
    pub name: &'a [u8],
    /// Target of a symlink, or the second name that the operation needs.
    pub target: &'a [u8],
    /// Bytes of content.
    pub size: u64,
    /// Modification time, ns since 1970.
    pub mtime_ns: i64,
    /// Status change time, ns since 1970.
    pub ctime_ns: i64,
    /// Inode number, 0 if not recorded.
    pub inode: u64,
    /// Device that holds the entry.
    pub device: u64,
    /// Device that the entry is, major << 32 | minor.
    pub rdev: u64,
    /// Bytes on disk.
    pub allocated: u64,
    /// Permission and set-id bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names.
    pub links: u32,
    /// What it is.
    pub kind: Kind,
    /// Record flags.
    pub flags: u8,
    /// What to do with it.
    pub action: u16,
    /// Index of the parent directory's record, or [`NO_PARENT`].
    pub parent: u32,
    /// Error number beside the status in a listing, else 0.
    pub os: u32,
}

impl Item<'_> {
    /// As [`Metadata::may_have_holes`].
    pub fn may_have_holes(&self) -> bool {
        self.allocated < self.size
    }

    /// An item with a scan's metadata, as operations get it.
    pub fn of(metadata: &Metadata) -> Item<'static> {
        Item {
            size: metadata.size,
            mtime_ns: metadata.mtime_ns,
            ctime_ns: metadata.ctime_ns,
            inode: metadata.inode,
            device: metadata.device,
            rdev: metadata.rdev,
            allocated: metadata.allocated,
            mode: metadata.mode,
            uid: metadata.uid,
            gid: metadata.gid,
            links: metadata.links,
            kind: metadata.kind,
            ..Item::default()
        }
    }
}

/// Where the parts of a checked block lie, in bytes from the block's start.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Number of records.
    pub count: usize,
    /// Where names and targets start.
    pub data: usize,
    /// Where the block ends.
    pub end: usize,
}

impl Layout {
    /// Checks a block's header and that every name and target lies inside; `bytes` may be longer.
    pub fn check(bytes: &[u8]) -> Outcome<Layout> {
        const MISMATCH: Fail = Fail::new(Status::Mismatch, Step::Process);
        if bytes.len() < HEADER_BYTES
            || bytes[0] != BLOCK_VERSION
            || usize::from(u16_at(bytes, 2)) != RECORD_BYTES
        {
            return Err(MISMATCH);
        }
        let count = u32_at(bytes, 4) as usize;
        let data = count
            .checked_mul(RECORD_BYTES)
            .and_then(|n| n.checked_add(HEADER_BYTES))
            .filter(|&n| n == u32_at(bytes, 20) as usize)
            .ok_or(MISMATCH)?;
        let data_bytes = u32_at(bytes, 24) as usize;
        let end = data
            .checked_add(data_bytes)
            .filter(|&n| n <= bytes.len())
            .ok_or(MISMATCH)?;
        for record in bytes[HEADER_BYTES..data].as_chunks::<RECORD_BYTES>().0 {
            let name = u32_at(record, 56) as usize + usize::from(u16_at(record, 60));
            let target = u32_at(record, 64) as usize + usize::from(u16_at(record, 62));
            if name > data_bytes || target > data_bytes || Kind::from_byte(record[84]).is_none() {
                return Err(Fail::usage());
            }
        }
        Ok(Layout { count, data, end })
    }

    /// Decodes record `i`, which must be below `count`, of the block that was checked.
    pub fn item<'a>(&self, bytes: &'a [u8], i: usize) -> Item<'a> {
        let r = &bytes[HEADER_BYTES + i * RECORD_BYTES..][..RECORD_BYTES];
        let data = &bytes[self.data..self.end];
        Item {
            name: &data[u32_at(r, 56) as usize..][..usize::from(u16_at(r, 60))],
            target: &data[u32_at(r, 64) as usize..][..usize::from(u16_at(r, 62))],
            size: u64_at(r, 0),
            mtime_ns: u64_at(r, 8).cast_signed(),
            ctime_ns: u64_at(r, 16).cast_signed(),
            inode: u64_at(r, 24),
            device: u64_at(r, 32),
            rdev: u64_at(r, 40),
            allocated: u64_at(r, 48),
            mode: u32_at(r, 68),
            uid: u32_at(r, 72),
            gid: u32_at(r, 76),
            links: u32_at(r, 80),
            kind: Kind::from_byte(r[84]).unwrap_or_default(),
            flags: r[85],
            action: u16_at(r, 86),
            parent: u32_at(r, 88),
            os: u32_at(r, 92),
        }
    }
}

/// What a block's header says beside its sizes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Header {
    /// [`BLOCK_SORTED`], [`BLOCK_LAST`].
    pub flags: u8,
    /// Index of the directory that this answers.
    pub directory: u32,
    /// Why the directory could not be listed.
    pub fail: Option<Fail>,
    /// Staged entries that were left out.
    pub staged: u32,
}

/// Packs a block whose number of records is known from the start, each written once in any order.
pub struct BlockWriter {
    bytes: Vec<u8>,
    count: usize,
}

impl BlockWriter {
    /// A block of `count` empty records, with room for `data_bytes` of names and targets.
    pub fn new(count: usize, data_bytes: usize) -> Self {
        let fixed = HEADER_BYTES + count * RECORD_BYTES;
        // Zeroed as a whole: the allocator hands out large zeroed pieces without touching them.
        let mut bytes = vec![0; fixed + data_bytes];
        bytes.truncate(fixed);
        Self { bytes, count }
    }

    /// Appends bytes to the data and returns their offset in it.
    #[inline]
    pub fn push_data(&mut self, data: &[u8]) -> u32 {
        let offset = self.bytes.len() - HEADER_BYTES - self.count * RECORD_BYTES;
        self.bytes.extend_from_slice(data);
        u32::try_from(offset).expect("a block's data stays far below 4 GiB")
    }

    /// Writes record `i`; name and target are appended to the data.
    #[inline]
    pub fn set(&mut self, i: usize, item: &Item) {
        let name = self.push_data(item.name);
        let target = if item.target.is_empty() {
            0
        } else {
            self.push_data(item.target)
        };
        let r: &mut [u8; RECORD_BYTES] = self.record(i);
        r[0..8].copy_from_slice(&item.size.to_le_bytes());
        r[8..16].copy_from_slice(&item.mtime_ns.to_le_bytes());
        r[16..24].copy_from_slice(&item.ctime_ns.to_le_bytes());
        r[24..32].copy_from_slice(&item.inode.to_le_bytes());
        r[32..40].copy_from_slice(&item.device.to_le_bytes());
        r[40..48].copy_from_slice(&item.rdev.to_le_bytes());
        r[48..56].copy_from_slice(&item.allocated.to_le_bytes());
        r[56..60].copy_from_slice(&name.to_le_bytes());
        r[60..62].copy_from_slice(&length(item.name).to_le_bytes());
        r[62..64].copy_from_slice(&length(item.target).to_le_bytes());
        r[64..68].copy_from_slice(&target.to_le_bytes());
        r[68..72].copy_from_slice(&item.mode.to_le_bytes());
        r[72..76].copy_from_slice(&item.uid.to_le_bytes());
        r[76..80].copy_from_slice(&item.gid.to_le_bytes());
        r[80..84].copy_from_slice(&item.links.to_le_bytes());
        r[84] = item.kind as u8;
        r[85] = item.flags;
        r[86..88].copy_from_slice(&item.action.to_le_bytes());
        r[88..92].copy_from_slice(&item.parent.to_le_bytes());
        r[92..96].copy_from_slice(&item.os.to_le_bytes());
    }

    /// Writes record `i` of an entry whose metadata could not be read.
    pub fn set_failed(&mut self, i: usize, name: &[u8], kind: Kind, fail: Fail) {
        self.set(
            i,
            &Item {
                name,
                kind,
                parent: fail.status as u32,
                os: fail.os,
                ..Item::default()
            },
        );
    }

    /// Drops the records for which `gone` is true, keeping the order of the others.
    pub fn drop_records(&mut self, gone: &[bool]) {
        let mut kept = 0;
        for (i, &gone) in gone.iter().enumerate().take(self.count) {
            if gone {
                continue;
            }
            let from = HEADER_BYTES + i * RECORD_BYTES;
            self.bytes.copy_within(
                from..from + RECORD_BYTES,
                HEADER_BYTES + kept * RECORD_BYTES,
            );
            kept += 1;
        }
        self.bytes
            .drain(HEADER_BYTES + kept * RECORD_BYTES..HEADER_BYTES + self.count * RECORD_BYTES);
        self.count = kept;
    }

    /// Writes the header and returns the block.
    pub fn finish(mut self, header: &Header) -> Vec<u8> {
        let data = HEADER_BYTES + self.count * RECORD_BYTES;
        let data_bytes = self.bytes.len() - data;
        let (status, os) = header.fail.map_or((0, 0), |f| (f.status as u32, f.os));
        let h = &mut self.bytes[..HEADER_BYTES];
        h[0] = BLOCK_VERSION;
        h[1] = header.flags;
        h[2..4].copy_from_slice(&(RECORD_BYTES as u16).to_le_bytes());
        for (at, word) in [
            (4, self.count as u32),
            (8, header.directory),
            (12, status),
            (16, os),
            (20, data as u32),
            (24, data_bytes as u32),
            (28, header.staged),
        ] {
            h[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        self.bytes
    }

    #[inline]
    fn record(&mut self, i: usize) -> &mut [u8; RECORD_BYTES] {
        let at = HEADER_BYTES + i * RECORD_BYTES;
        (&mut self.bytes[at..at + RECORD_BYTES])
            .try_into()
            .expect("the slice has a record's length")
    }
}

fn length(name: &[u8]) -> u16 {
    u16::try_from(name.len()).expect("names come from the system or from u16 lengths")
}

/// Little-endian u16 at an offset.
#[inline]
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}
/// Little-endian u32 at an offset.
#[inline]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
/// Little-endian u64 at an offset.
#[inline]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_may_be_written_in_any_order_and_dropped() {
        let mut writer = BlockWriter::new(3, 16);
        for (i, name) in [(2, &b"c"[..]), (0, b"a"), (1, b"bb")] {
            writer.set(
                i,
                &Item {
                    name,
                    target: b"t",
                    size: i as u64,
                    ..Item::default()
                },
            );
        }
        writer.drop_records(&[false, true, false]);
        let fail = Fail {
            status: Status::Permission,
            os: 13,
            step: Step::List,
        };
        let header = Header {
            flags: BLOCK_SORTED | BLOCK_LAST,
            directory: 9,
            fail: Some(fail),
            staged: 5,
        };
        let block = writer.finish(&header);
        let layout = Layout::check(&block).unwrap();
        assert_eq!(layout.count, 2);
        let got: Vec<_> = (0..2)
            .map(|i| layout.item(&block, i))
            .map(|r| (r.name, r.target, r.size))
            .collect();
        assert_eq!(got, [(&b"a"[..], &b"t"[..], 0), (b"c", b"t", 2)]);
    }

    // The same bytes as the layout in src/core/entry_block.ts says, written out by hand.
    #[test]
    fn the_layout_is_the_documented_one() {
        let mut writer = BlockWriter::new(1, 0);
        writer.set(
            0,
            &Item {
                name: b"nm",
                target: b"tgt",
                size: 1,
                mtime_ns: 2,
                ctime_ns: 3,
                inode: 4,
                device: 5,
                rdev: 6,
                allocated: 7,
                mode: 8,
                uid: 9,
                gid: 10,
                links: 11,
                kind: Kind::Symlink,
                flags: 12,
                action: 13,
                parent: 14,
                os: 15,
            },
        );
        let block = writer.finish(&Header {
            flags: 2,
            directory: 16,
            fail: None,
            staged: 17,
        });
        let mut expected = vec![1u8, 2, 96, 0];
        expected.extend(
            [1u32, 16, 0, 0, 128, 5, 17]
                .iter()
                .flat_map(|w| w.to_le_bytes()),
        );
        expected.extend((1u64..=7).flat_map(u64::to_le_bytes));
        expected.extend([0, 0, 0, 0, 2, 0, 3, 0, 2, 0, 0, 0]);
        expected.extend((8u32..=11).flat_map(u32::to_le_bytes));
        expected.extend([3, 12, 13, 0, 14, 0, 0, 0, 15, 0, 0, 0]);
        expected.extend(b"nmtgt");
        assert_eq!(block, expected);
    }
}
