//! Frames: what a job says, in the order it says it, until the collector takes it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::status::Fail;

/// Size of a frame's header, bytes.
pub const FRAME_BYTES: usize = 24;
/// Frame flag: no further frame of this job follows.
pub const FRAME_LAST: u8 = 1;
/// Set in the length that collect reports where not even one frame fits.
pub const TOO_SMALL: u64 = 1 << 63;

/// What a frame's payload is.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameType {
    /// An EntryBlock.
    Block = 1,
    /// Results of all items.
    Results = 2,
    /// Content.
    Bytes = 3,
    /// A scan stopped at its budget: u64 continuation.
    More = 4,
    /// The whole job failed: u32 status, u32 os, u32 step.
    Failed = 5,
    /// A connection of the data plane said its token.
    Arrival = 6,
    /// A stream that was served is over.
    Closed = 7,
    /// Bytes handed to a tunnel were consumed: u64 how many more.
    Credit = 8,
}

/// One frame.
#[derive(Debug)]
pub struct Frame {
    /// The job that says it.
    pub job: u64,
    /// What the payload is.
    pub kind: FrameType,
    /// Whether it is the job's last.
    pub last: bool,
    /// The payload, not padded.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The frame that ends a job which failed as a whole.
    pub fn failed(job: u64, fail: Fail) -> Frame {
        let words = [fail.status as u32, fail.os, fail.step as u32];
        let payload = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        Frame {
            job,
            kind: FrameType::Failed,
            last: true,
            payload,
        }
    }

    /// Bytes it takes, with header and padding.
    pub fn packed_bytes(&self) -> usize {
        FRAME_BYTES + self.payload.len().next_multiple_of(8)
    }

    fn pack(&self, out: &mut [u8]) {
        out[0..8].copy_from_slice(&self.job.to_le_bytes());
        out[8..12].copy_from_slice(&(self.packed_bytes() as u32).to_le_bytes());
        out[12] = self.kind as u8;
        out[13] = if self.last { FRAME_LAST } else { 0 };
        out[14..16].fill(0);
        out[16..20].copy_from_slice(&(self.payload.len() as u32).to_le_bytes());
        out[20..24].fill(0);
        let (payload, padding) = out[FRAME_BYTES..].split_at_mut(self.payload.len());
        payload.copy_from_slice(&self.payload);
        padding.fill(0);
    }
}

/// What a collector got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    /// This many bytes of whole frames; 0 where the time passed.
    Bytes(usize),
    /// Nothing was taken: the first frame needs this many bytes.
    TooSmall(usize),
    /// The pool closed.
    Closed,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    closed: bool,
}

/// The queue between workers and the one collector.
#[derive(Default)]
pub struct FrameQueue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

impl FrameQueue {
    /// Adds a frame. After close it is dropped.
    pub fn push(&self, frame: Frame) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        waiting.frames.push_back(frame);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Waits until a frame is there, then writes as many whole frames as fit.
    pub fn collect(&self, out: &mut [u8], timeout: Duration) -> Collected {
        let deadline = Instant::now().checked_add(timeout);
        let mut waiting = self.lock();
        while waiting.frames.is_empty() && !waiting.closed {
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => timeout,
            };
            if left.is_zero() {
                return Collected::Bytes(0);
            }
            waiting = self
                .arrived
                .wait_timeout(waiting, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if waiting.closed {
            return Collected::Closed;
        }
        // Frames are taken under the lock and copied outside of it, so that workers do not wait.
        let mut taken = Vec::new();
        let mut end = 0;
        while let Some(next) = waiting.frames.front() {
            let bytes = next.packed_bytes();
            if bytes > out.len() - end {
                if taken.is_empty() {
                    return Collected::TooSmall(bytes);
                }
                break;
            }
            end += bytes;
            taken.extend(waiting.frames.pop_front());
        }
        drop(waiting);
        let mut at = 0;
        for frame in &taken {
            let bytes = frame.packed_bytes();
            frame.pack(&mut out[at..at + bytes]);
            at += bytes;
        }
        Collected::Bytes(end)
    }

    /// Drops what waits and wakes the collector for good.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.frames.clear();
        drop(waiting);
        self.arrived.notify_all();
    }

    /// Takes every frame that is there, in order: for tests and callers in Rust.
    pub fn take(&self) -> Vec<Frame> {
        self.lock().frames.drain(..).collect()
    }

    /// Takes the first frame: for tests.
    #[cfg(test)]
    pub fn take_one(&self) -> Option<Frame> {
        self.lock().frames.pop_front()
    }

    // A panic while the lock was held leaves a queue that is still whole: every change is one step.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
