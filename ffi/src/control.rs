//! Progress and cancellation, shared with TypeScript while jobs run, and what a running job may use.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::frame::{Frame, FrameQueue, FrameType};
use crate::net::Net;
use crate::request::Request;
use crate::root::{self, Root};
use crate::scan::Parked;
use crate::status::{Fail, Outcome, Step};

/// Number of run slots.
pub const RUN_SLOTS: usize = 64;
/// Number of worker slots, and the highest number of workers.
pub const WORKER_SLOTS: usize = 64;
/// Size of either kind of slot, bytes.
pub const SLOT_BYTES: usize = 64;
/// Size of the control block, bytes.
pub const CONTROL_BYTES: usize = (RUN_SLOTS + WORKER_SLOTS) * SLOT_BYTES;

/// One run's counters; TypeScript writes `cancel`.
#[repr(C)]
#[derive(Default)]
struct RunSlot {
    bytes: AtomicU64,
    entries: AtomicU64,
    cancel: AtomicU32,
    _rest: [AtomicU64; 5],
}

/// What one worker is doing; only that worker writes it.
#[repr(C)]
#[derive(Default)]
pub struct WorkerSlot {
    job: AtomicU64,
    item: AtomicU32,
    step: AtomicU32,
    sequence: AtomicU64,
    _rest: [AtomicU64; 5],
}

/// The control block's layout, as TypeScript sees it.
#[repr(C)]
struct Slots {
    runs: [RunSlot; RUN_SLOTS],
    workers: [WorkerSlot; WORKER_SLOTS],
}

const _: () = {
    assert!(size_of::<RunSlot>() == SLOT_BYTES);
    assert!(size_of::<WorkerSlot>() == SLOT_BYTES);
    assert!(size_of::<Slots>() == CONTROL_BYTES);
    assert!(std::mem::offset_of!(RunSlot, entries) == 8);
    assert!(std::mem::offset_of!(RunSlot, cancel) == 16);
    assert!(std::mem::offset_of!(WorkerSlot, item) == 8);
    assert!(std::mem::offset_of!(WorkerSlot, step) == 12);
    assert!(std::mem::offset_of!(WorkerSlot, sequence) == 16);
};

/// The block of memory that both sides look at.
pub struct Control {
    slots: &'static Slots,
}

impl Control {
    /// Uses the caller's memory.
    ///
    /// # Safety
    ///
    /// `block` must point to [`CONTROL_BYTES`] bytes that stay in place, and are accessed by atomic
    /// operations only, for as long as any thread of the pool lives.
    ///
    /// # Errors
    ///
    /// `usage` where the pointer is null or not aligned to 8 bytes, or the length is too small.
    #[allow(unsafe_code, reason = "the block belongs to TypeScript")]
    pub unsafe fn from_raw(block: *mut u8, bytes: usize) -> Outcome<Control> {
        let slots = block.cast::<Slots>();
        if slots.is_null() || !slots.is_aligned() || bytes < CONTROL_BYTES {
            return Err(Fail::usage());
        }
        // SAFETY: not null, aligned and long enough as just checked; every bit pattern is valid for
        // atomics, and the caller vouches for the lifetime.
        Ok(Control {
            slots: unsafe { &*slots },
        })
    }

    /// A block of its own, never freed: for callers in Rust.
    pub fn leaked() -> Control {
        // Named here for ever, since a leak sanitizer takes what nothing points to for lost.
        static KEPT: Mutex<Vec<&Slots>> = Mutex::new(Vec::new());
        let slots: &Slots = Box::leak(Box::new(Slots {
            runs: std::array::from_fn(|_| RunSlot::default()),
            workers: std::array::from_fn(|_| WorkerSlot::default()),
        }));
        KEPT.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(slots);
        Control { slots }
    }

    /// Cancels a run, as TypeScript does by writing the slot.
    pub fn cancel(&self, slot: usize) {
        self.slots.runs[slot].cancel.store(1, Relaxed);
    }
    /// Whether a run was cancelled.
    pub fn is_cancelled(&self, slot: u32) -> bool {
        self.slots.runs[slot as usize].cancel.load(Relaxed) != 0
    }
    /// Bytes and entries that a run has done.
    pub fn progress(&self, slot: usize) -> (u64, u64) {
        let run = &self.slots.runs[slot];
        (run.bytes.load(Relaxed), run.entries.load(Relaxed))
    }
}

/// What all jobs of one pool share.
pub struct Shared {
    /// Progress and cancellation.
    pub control: Control,
    /// Where frames go.
    pub frames: FrameQueue,
    /// Set once the pool closes: every job counts as cancelled.
    pub closing: AtomicBool,
    /// Scans that stopped at their budget.
    pub(crate) parked: Parked,
    /// Streams, and the threads that work on them.
    pub net: Net,
}

impl Shared {
    /// Shared state over one control block.
    pub fn new(control: Control) -> Self {
        Self {
            control,
            frames: FrameQueue::default(),
            closing: AtomicBool::new(false),
            parked: Parked::default(),
            net: Net::default(),
        }
    }

    /// Whether a run was cancelled, or the pool closes.
    pub fn is_cancelled(&self, slot: u32) -> bool {
        self.control.is_cancelled(slot) || self.closing.load(Relaxed)
    }
}

/// One job while it runs: its request, and the ways to say something.
pub struct JobContext<'a> {
    /// What was asked for.
    pub request: &'a Request,
    pub(crate) shared: &'a Shared,
    run: &'static RunSlot,
    worker: &'a WorkerSlot,
}

impl<'a> JobContext<'a> {
    /// A job on worker `worker`, below [`WORKER_SLOTS`].
    pub fn new(request: &'a Request, shared: &'a Shared, worker: usize) -> Self {
        Self::apart(request, shared, &shared.control.slots.workers[worker])
    }

    /// A job outside of the pool, as streams have them: nobody sees what its slot says.
    pub fn apart(request: &'a Request, shared: &'a Shared, worker: &'a WorkerSlot) -> Self {
        let job = Self {
            request,
            shared,
            run: &shared.control.slots.runs[request.slot as usize],
            worker,
        };
        job.worker.job.store(request.job, Relaxed);
        job.at(0, Step::Process);
        job
    }

    /// Whether to stop: looked at before every item and every step.
    #[inline]
    pub fn cancelled(&self) -> bool {
        self.run.cancel.load(Relaxed) != 0 || self.shared.closing.load(Relaxed)
    }
    /// `cancelled` as an error.
    #[inline]
    pub fn check(&self) -> Outcome<()> {
        if self.cancelled() {
            Err(Fail::cancelled())
        } else {
            Ok(())
        }
    }
    /// Counts content bytes moved.
    #[inline]
    pub fn add_bytes(&self, bytes: u64) {
        self.run.bytes.fetch_add(bytes, Relaxed);
    }
    /// Counts an entry done.
    #[inline]
    pub fn add_entry(&self) {
        self.run.entries.fetch_add(1, Relaxed);
    }
    /// Says what the worker is at. Every call also shows that it lives.
    #[inline]
    pub fn at(&self, item: u32, step: Step) {
        self.worker.item.store(item, Relaxed);
        self.worker.step.store(step as u32, Relaxed);
        // Only this worker writes the slot: no read-modify-write is needed.
        let sequence = self.worker.sequence.load(Relaxed);
        self.worker
            .sequence
            .store(sequence.wrapping_add(1), Relaxed);
    }

    /// The source root.
    pub fn source(&self) -> Outcome<Arc<Root>> {
        root::get(self.request.source)
    }
    /// The destination root.
    pub fn destination(&self) -> Outcome<Arc<Root>> {
        root::get(self.request.destination)
    }

    /// Sends an EntryBlock.
    pub fn emit_block(&self, block: Vec<u8>) {
        self.emit(FrameType::Block, false, block);
    }
    /// Sends content.
    pub fn emit_bytes(&self, bytes: Vec<u8>) {
        self.emit(FrameType::Bytes, false, bytes);
    }
    /// Ends the job with a continuation.
    pub(crate) fn emit_more(&self, continuation: u64) {
        self.emit(FrameType::More, true, continuation.to_le_bytes().to_vec());
    }
    /// Ends the job with its results.
    pub(crate) fn emit_results(&self, results: Vec<u8>) {
        self.emit(FrameType::Results, true, results);
    }

    fn emit(&self, kind: FrameType, last: bool, payload: Vec<u8>) {
        let job = self.request.job;
        self.shared.frames.push(Frame {
            job,
            kind,
            last,
            payload,
        });
    }
}

impl Drop for JobContext<'_> {
    fn drop(&mut self) {
        self.worker.job.store(0, Relaxed);
    }
}
