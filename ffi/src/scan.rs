//! Listing directories with the metadata of every entry.

mod listing;
mod parked;

use std::sync::Arc;

use crate::block::{BLOCK_LAST, BLOCK_SORTED, BlockWriter, Header};
use crate::control::JobContext;
use crate::request::{Op, flag};
use crate::results::{ItemResult, Results};
use crate::root::Root;
use crate::status::{Fail, Outcome, Step};
use crate::sys::{DirReader, Mode, OFlags};

use listing::Listing;
pub(crate) use parked::Parked;

/// Most entries in one block.
pub(crate) const BLOCK_ENTRIES: usize = 4096;
const BUDGET_BYTES: u64 = 4 << 20;

/// A scan between two of its jobs.
pub(crate) struct Scan {
    handle: u32,
    root: Arc<Root>,
    /// Paths of the directories, one after the other, and where each ends.
    paths: Vec<u8>,
    ends: Vec<u32>,
    sorted: bool,
    staged: bool,
    budget: u64,
    /// The directory being listed, or the next one to open.
    directory: usize,
    listing: Option<Listing>,
    results: Results,
}

/// Starts or continues a scan. The job ends with `more`, or with one result per directory.
pub fn run(job: &JobContext) -> Outcome<()> {
    let request = job.request;
    let mut scan = if request.op == Op::Scan {
        Scan::start(job)?
    } else {
        let scan = job.shared.parked.take(request.p0).ok_or(Fail::usage())?;
        if request.p1 == 1 {
            job.emit_results(Vec::new());
            return Ok(());
        }
        scan
    };
    if scan.advance(job)? {
        job.emit_results(scan.results.into_bytes());
    } else {
        // Parked before the frame is sent: whoever reads it may continue at once.
        job.emit_more(job.shared.parked.keep(scan));
    }
    Ok(())
}

impl Scan {
    fn start(job: &JobContext) -> Outcome<Scan> {
        let request = job.request;
        let mut paths = Vec::new();
        let mut ends = Vec::with_capacity(request.len());
        for i in 0..request.len() {
            paths.extend_from_slice(&request.path(i));
            ends.push(u32::try_from(paths.len()).map_err(|_| Fail::usage())?);
        }
        Ok(Scan {
            handle: request.source,
            root: job.source()?,
            paths,
            ends,
            sorted: request.has(flag::SORTED),
            staged: request.has(flag::STAGED),
            budget: if request.p1 == 0 {
                BUDGET_BYTES
            } else {
                request.p1
            },
            directory: 0,
            listing: None,
            results: Results::new(request.len()),
        })
    }

    /// Handle of the root that this scan reads.
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }

    /// Lists until the end, which returns true, or until the budget is spent.
    fn advance(&mut self, job: &JobContext) -> Outcome<bool> {
        let mut reader = DirReader::new();
        let mut spent = 0;
        while self.directory < self.ends.len() {
            if job.cancelled() {
                self.results.fail_from(self.directory, Fail::cancelled());
                return Ok(true);
            }
            if spent >= self.budget {
                return Ok(false);
            }
            job.at(self.directory as u32, Step::List);
            match self.next_block(job, &mut reader) {
                Ok((block, last)) => {
                    spent += block.len() as u64;
                    job.emit_block(block);
                    if last {
                        self.finish_directory(ItemResult::default());
                    }
                }
                // Cancelled inside of a large directory: the loop's start ends the scan.
                Err(fail) if fail == Fail::cancelled() => {}
                Err(fail) => {
                    job.emit_block(self.failed_block(fail));
                    self.finish_directory(fail.into());
                }
            }
        }
        Ok(true)
    }

    fn next_block(&mut self, job: &JobContext, reader: &mut DirReader) -> Outcome<(Vec<u8>, bool)> {
        if self.listing.is_none() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let fd = self
                .root
                .open(self.path(), flags, Mode::empty())
                .map_err(|f| f.at(Step::List))?;
            self.listing = Some(Listing::new(fd, self.staged));
        }
        let listing = self.listing.as_mut().ok_or(Fail::usage())?;
        listing.read(reader, self.sorted, || {
            job.at(self.directory as u32, Step::List);
            job.check()
        })?;
        let (writer, staged) = listing.take_block(|| job.check())?;
        let last = listing.is_finished();
        let sorted = if self.sorted { BLOCK_SORTED } else { 0 };
        let header = Header {
            flags: sorted | if last { BLOCK_LAST } else { 0 },
            directory: self.directory as u32,
            fail: None,
            staged,
        };
        Ok((writer.finish(&header), last))
    }

    // What was listed before the failure must not be taken for the whole: status and the last flag say so.
    fn failed_block(&self, fail: Fail) -> Vec<u8> {
        let flags = BLOCK_LAST | if self.sorted { BLOCK_SORTED } else { 0 };
        let directory = self.directory as u32;
        BlockWriter::new(0, 0).finish(&Header {
            flags,
            directory,
            fail: Some(fail),
            staged: 0,
        })
    }

    fn finish_directory(&mut self, result: ItemResult) {
        self.results.set(self.directory, result);
        self.directory += 1;
        self.listing = None;
    }

    fn path(&self) -> &[u8] {
        let start = match self.directory {
            0 => 0,
            i => self.ends[i - 1] as usize,
        };
        &self.paths[start..self.ends[self.directory] as usize]
    }
}

impl Listing {
    fn read(
        &mut self,
        reader: &mut DirReader,
        whole: bool,
        mut check: impl FnMut() -> Outcome<()>,
    ) -> Outcome<()> {
        self.forget_taken();
        // Unsorted, one name more than a block holds is enough to know whether the block is the last.
        while !self.at_end() && (whole || self.waiting() <= BLOCK_ENTRIES) {
            check()?;
            self.fill(reader)?;
            if whole && self.at_end() {
                self.sort();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
