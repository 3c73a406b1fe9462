//! One directory while it is listed: names in one arena, metadata a block at a time.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use super::BLOCK_ENTRIES;
use crate::block::{BlockWriter, ENTRY_STAGED, Item, Kind};
use crate::names::is_staged;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, DirReader, Errno, OwnedFd};

/// In the arena each name has its inode number and kind before it, its length, and a NUL after it.
const PREFIX_BYTES: usize = 8 + 1 + 2;
/// How many entries are read between two looks at cancellation.
const CHECK_ENTRIES: usize = 256;

/// An open directory and the names that were read from it but not yet sent.
pub(super) struct Listing {
    fd: OwnedFd,
    list_staged: bool,
    arena: Vec<u8>,
    offsets: Vec<u32>,
    /// Index into `offsets` of the first name not yet sent.
    next: usize,
    ended: bool,
    staged_skipped: u32,
}

impl Listing {
    pub(super) fn new(fd: OwnedFd, list_staged: bool) -> Self {
        Self {
            fd,
            list_staged,
            arena: Vec::new(),
            offsets: Vec::new(),
            next: 0,
            ended: false,
            staged_skipped: 0,
        }
    }

    /// Whether all names were read.
    pub(super) fn at_end(&self) -> bool {
        self.ended
    }
    /// Number of names read and not yet sent.
    pub(super) fn waiting(&self) -> usize {
        self.offsets.len() - self.next
    }
    /// Whether all names were read and sent.
    pub(super) fn is_finished(&self) -> bool {
        self.ended && self.waiting() == 0
    }

    /// Reads one buffer full of names.
    pub(super) fn fill(&mut self, reader: &mut DirReader) -> Outcome<()> {
        let Self {
            arena,
            offsets,
            staged_skipped,
            list_staged,
            ..
        } = self;
        let more = reader
            .fill(self.fd.as_fd(), |name, inode, kind| {
                let bytes = name.to_bytes();
                if !*list_staged && is_staged(bytes) {
                    *staged_skipped += 1;
                    return;
                }
                offsets.push(arena.len() as u32);
                arena.extend_from_slice(&inode.to_ne_bytes());
                arena.push(kind as u8);
                arena.extend_from_slice(&(bytes.len() as u16).to_ne_bytes());
                arena.extend_from_slice(name.to_bytes_with_nul());
            })
            .at(Step::List)?;
        // Offsets are 32 bits wide: about a hundred million names of usual length fit.
        if arena.len() > u32::MAX as usize - (1 << 20) {
            return Err(Fail::new(Status::Unsupported, Step::List));
        }
        self.ended = !more;
        Ok(())
    }

    /// Frees the names that were sent; for listings that are read as they are sent.
    pub(super) fn forget_taken(&mut self) {
        if self.next == 0 || self.ended {
            return;
        }
        let start = self
            .offsets
            .get(self.next)
            .map_or(self.arena.len(), |&o| o as usize);
        self.arena.drain(..start);
        self.offsets.drain(..self.next);
        for offset in &mut self.offsets {
            *offset -= start as u32;
        }
        self.next = 0;
    }

    /// Sorts the names by bytes.
    pub(super) fn sort(&mut self) {
        let arena = &self.arena;
        let shared = shared_prefix(arena, &self.offsets);
        // Names of one directory often begin alike: the eight bytes after what all share decide
        // nearly every comparison without a look into the arena.
        let mut keyed: Vec<(u64, u32)> = self
            .offsets
            .iter()
            .map(|&offset| (key(&name_at(arena, offset)[shared..]), offset))
            .collect();
        keyed.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| name_at(arena, a.1).cmp(name_at(arena, b.1)))
        });
        self.offsets.clear();
        self.offsets
            .extend(keyed.into_iter().map(|(_, offset)| offset));
    }

    /// Reads the metadata of the next block's entries and packs them; also the number of staged
    /// entries left out since the last block.
    pub(super) fn take_block(
        &mut self,
        mut check: impl FnMut() -> Outcome<()>,
    ) -> Outcome<(BlockWriter, u32)> {
        let count = self.waiting().min(BLOCK_ENTRIES);
        let offsets = &self.offsets[self.next..self.next + count];
        let arena = &self.arena;
        let name_bytes: usize = offsets.iter().map(|&o| name_at(arena, o).len()).sum();
        let mut writer = BlockWriter::new(count, name_bytes);
        // Inode tables are read in order, which a disk rewards, and no other medium punishes.
        let mut order: Vec<(u64, u16)> = offsets
            .iter()
            .enumerate()
            .map(|(i, &o)| (inode_at(arena, o), i as u16))
            .collect();
        if !order.is_sorted() {
            order.sort_unstable();
        }
        let mut gone: Option<Vec<bool>> = None;
        let mut target = [MaybeUninit::uninit(); 4096];
        for (done, &(_, i)) in order.iter().enumerate() {
            if done % CHECK_ENTRIES == 0 {
                check()?;
            }
            let i = usize::from(i);
            let offset = offsets[i];
            let name = name_at(arena, offset);
            match describe(&self.fd, c_name_at(arena, offset), &mut target) {
                Ok(item) => {
                    let flags = if self.list_staged && is_staged(name) {
                        ENTRY_STAGED
                    } else {
                        0
                    };
                    writer.set(
                        i,
                        &Item {
                            name,
                            flags,
                            ..item
                        },
                    );
                }
                // It vanished since the names were read: it is as if it had never been listed.
                Err(fail) if fail.status == Status::NotFound => {
                    gone.get_or_insert_with(|| vec![false; count])[i] = true;
                }
                Err(fail) => writer.set_failed(i, name, kind_at(arena, offset), fail),
            }
        }
        if let Some(gone) = gone {
            writer.drop_records(&gone);
        }
        self.next += count;
        Ok((writer, std::mem::take(&mut self.staged_skipped)))
    }
}

/// Metadata of one entry and, of a symlink, its target.
fn describe<'t>(
    dir: impl AsFd,
    name: &CStr,
    target: &'t mut [MaybeUninit<u8>; 4096],
) -> Outcome<Item<'t>> {
    let metadata = sys::stat_at(&dir, name).at(Step::Stat)?;
    let mut item = Item::of(&metadata);
    if metadata.kind == Kind::Symlink {
        item.target = sys::read_link_at(dir, name, target).map_err(|errno| match errno {
            // It became something else since statx.
            Errno::INVAL => Fail::new(Status::Changed, Step::ReadLink),
            other => Fail::from((other, Step::ReadLink)),
        })?;
    }
    Ok(item)
}

fn shared_prefix(arena: &[u8], offsets: &[u32]) -> usize {
    let Some((&first, others)) = offsets.split_first() else {
        return 0;
    };
    let first = name_at(arena, first);
    others.iter().fold(first.len(), |shared, &offset| {
        let pairs = first[..shared].iter().zip(name_at(arena, offset));
        pairs.take_while(|(a, b)| a == b).count()
    })
}

// Big-endian, so that numbers compare as bytes do. A shorter name is filled with zeroes, which no
// name contains, and sorts first.
fn key(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = name.len().min(8);
    bytes[..length].copy_from_slice(&name[..length]);
    u64::from_be_bytes(bytes)
}

#[inline]
fn inode_at(arena: &[u8], offset: u32) -> u64 {
    let bytes = &arena[offset as usize..][..8];
    u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
}
fn kind_at(arena: &[u8], offset: u32) -> Kind {
    Kind::from_byte(arena[offset as usize + 8]).unwrap_or_default()
}
#[inline]
fn length_at(arena: &[u8], offset: u32) -> usize {
    let at = offset as usize + 9;
    usize::from(u16::from_ne_bytes([arena[at], arena[at + 1]]))
}
#[inline]
fn name_at(arena: &[u8], offset: u32) -> &[u8] {
    &arena[offset as usize + PREFIX_BYTES..][..length_at(arena, offset)]
}
#[inline]
fn c_name_at(arena: &[u8], offset: u32) -> &CStr {
    let bytes = &arena[offset as usize + PREFIX_BYTES..][..length_at(arena, offset) + 1];
    CStr::from_bytes_with_nul(bytes).expect("names were stored with their NUL")
}
