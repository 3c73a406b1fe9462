//! The ladder of copy methods: reflink, copy_file_range, read and write; and the memory of what works
//! between which file systems.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::sparse;
use crate::buffer::{BUFFER_BYTES, with_buffer};
use crate::control::JobContext;
use crate::results::method;
use crate::source::hides_content;
use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, BorrowedFd, Metadata};

/// Most bytes between two looks at cancellation.
const STEP_BYTES: u64 = 16 << 20;

/// Up to here a file is written faster than its blocks are shared: 30 µs against 33 on xfs. From 16 KiB on
/// sharing wins on xfs and btrfs, the more so as nothing is written back later.
const REFLINK_ABOVE: u64 = 4096;

/// Up to here two short calls beat one copy_file_range: 34 µs against 51 for 4 KiB on ext4, even at 16 KiB,
/// 75 against 64 for 64 KiB.
pub(super) const COPY_RANGE_ABOVE: u64 = 16 << 10;

/// A small file younger than this may not be on disk yet, and sharing its blocks would wait for them file
/// by file: 554 µs against 74 for 64 KiB on xfs. The kernel writes back after 30 s.
const SETTLED_NS: i64 = 30_000_000_000;
const SMALL_BYTES: u64 = 1 << 20;

/// What is known to fail between two file systems.
#[derive(Debug, Default)]
pub(super) struct Pair {
    no_reflink: AtomicBool,
    no_copy_range: AtomicBool,
}

impl Pair {
    /// Whether sharing blocks is worth a try for a file of this size and age.
    pub fn may_reflink(&self, size: u64, mtime_ns: i64, began_ns: i64) -> bool {
        let unsettled = began_ns.saturating_sub(mtime_ns) < SETTLED_NS;
        size > REFLINK_ABOVE
            && !self.no_reflink.load(Relaxed)
            && !(size <= SMALL_BYTES && unsettled)
    }
}

/// Source device, destination device.
type Devices = (u64, u64);

/// All pairs seen so far, shared by all jobs of the process.
static KNOWN: Mutex<Vec<(Devices, Arc<Pair>)>> = Mutex::new(Vec::new());

/// More than one process ever sees at once; beyond it the memory starts anew.
const MOST_PAIRS: usize = 256;

/// One job's way to the shared memory, without its lock as long as the pair stays the same.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    last: Option<(Devices, Arc<Pair>)>,
}

impl Pairs {
    pub fn get(&mut self, from: u64, to: u64) -> Arc<Pair> {
        let devices = (from, to);
        if let Some((known, pair)) = &self.last
            && *known == devices
        {
            return Arc::clone(pair);
        }
        let mut all = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = match all.iter().find(|(known, _)| *known == devices) {
            Some((_, pair)) => Arc::clone(pair),
            None => {
                if all.len() >= MOST_PAIRS {
                    all.clear();
                }
                let pair = Arc::<Pair>::default();
                all.push((devices, Arc::clone(&pair)));
                pair
            }
        };
        self.last = Some((devices, Arc::clone(&pair)));
        pair
    }
}

/// What one reading of a file came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Copied {
    /// Content bytes moved.
    pub bytes: u64,
    /// The last method used, as in [`method`].
    pub method: u8,
    /// The file's length was set ahead of some of its data.
    pub length_ahead: bool,
    /// The source ended before its size.
    pub short: bool,
}

/// One file's content on its way down the ladder.
pub(super) struct Ladder<'a> {
    pub job: &'a JobContext<'a>,
    pub pair: &'a Pair,
    pub from: BorrowedFd<'a>,
    pub to: BorrowedFd<'a>,
    /// When the batch began.
    pub began_ns: i64,
}

impl Ladder<'_> {
    /// Copies the content from `start` to the size that `source` says, no further however the file grows.
    pub fn copy(&self, source: &Metadata, start: u64) -> Outcome<Copied> {
        let size = source.size;
        if size <= start {
            return Ok(Copied {
                short: size == 0 && hides_content(self.from)?,
                ..Copied::default()
            });
        }
        self.job.check()?;
        if start == 0 && self.reflink(source) {
            self.job.add_bytes(size);
            return Ok(Copied {
                bytes: size,
                method: method::REFLINK,
                ..Copied::default()
            });
        }
        if source.may_have_holes()
            && let Some(copied) = sparse::copy(self, source, start)?
        {
            return Ok(copied);
        }
        let mut copied = Copied::default();
        self.range(start, size, &mut copied)?;
        copied.short = copied.bytes < size - start;
        Ok(copied)
    }

    fn reflink(&self, source: &Metadata) -> bool {
        if !self
            .pair
            .may_reflink(source.size, source.mtime_ns, self.began_ns)
        {
            return false;
        }
        match sys::reflink(self.from, self.to) {
            Ok(()) => true,
            Err(errno) => {
                if sys::reflink_is_hopeless(errno) {
                    self.pair.no_reflink.store(true, Relaxed);
                }
                false
            }
        }
    }

    /// Copies from `at` to `end`, both files at the same offset, or to the source's end if that comes first.
    /// Adds to `copied`; returns where it stopped.
    pub fn range(&self, at: u64, end: u64, copied: &mut Copied) -> Outcome<u64> {
        let reached = self.by_kernel(at, end, copied)?;
        if reached == end {
            Ok(end)
        } else {
            self.by_buffer(reached, end, copied)
        }
    }

    /// As far as copy_file_range gets. Moving nothing may be the end, or a file system that only says so:
    /// reading tells.
    fn by_kernel(&self, mut at: u64, end: u64, copied: &mut Copied) -> Outcome<u64> {
        if end - at <= COPY_RANGE_ABOVE || self.pair.no_copy_range.load(Relaxed) {
            return Ok(at);
        }
        while at < end {
            let step = (end - at).min(STEP_BYTES) as usize;
            match sys::copy_range(self.from, self.to, at, step) {
                Ok(0) => break,
                Ok(moved) => {
                    at += moved as u64;
                    self.moved(moved, method::COPY_FILE_RANGE, copied)?;
                }
                Err(errno) if sys::copy_range_is_unsupported(errno) => {
                    if sys::copy_range_is_hopeless(errno) {
                        self.pair.no_copy_range.store(true, Relaxed);
                    }
                    break;
                }
                Err(errno) => {
                    // Either file may be the one that failed: reading tells.
                    sys::read_at(self.from, &mut [0], at).at(Step::Read)?;
                    return Err(errno).at(Step::Write);
                }
            }
        }
        Ok(at)
    }

    fn by_buffer(&self, mut at: u64, end: u64, copied: &mut Copied) -> Outcome<u64> {
        with_buffer(|buffer| {
            while at < end {
                let wanted = (end - at).min(BUFFER_BYTES as u64) as usize;
                let got = sys::read_at(self.from, &mut buffer[..wanted], at).at(Step::Read)?;
                if got == 0 {
                    break;
                }
                sys::write_all_at(self.to, &buffer[..got], at).at(Step::Write)?;
                at += got as u64;
                self.moved(got, method::READ_WRITE, copied)?;
            }
            Ok(at)
        })
    }

    /// Counts a step, and stops the copy where the run was cancelled.
    fn moved(&self, bytes: usize, method: u8, copied: &mut Copied) -> Outcome<()> {
        copied.bytes += bytes as u64;
        copied.method = method;
        self.job.add_bytes(bytes as u64);
        self.job.check()
    }
}

#[cfg(test)]
impl Pair {
    /// A pair where the first `rungs` methods are known to fail.
    pub fn without(rungs: usize) -> Pair {
        Pair {
            no_reflink: (rungs > 0).into(),
            no_copy_range: (rungs > 1).into(),
        }
    }
}
