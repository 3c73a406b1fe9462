//! The worker threads and their queues.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::control::{Control, JobContext, Shared, WORKER_SLOTS};
use crate::frame::{Collected, Frame};
use crate::request::{Op, Request};
use crate::results::Results;
use crate::status::{Fail, Outcome, Status, Step};
use crate::{hash, net, read, scan, stat, sync, sys};

/// How long closing waits for workers that the kernel holds.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// Deepest use is a walk over a request's items with a few 4 KiB buffers.
const STACK_BYTES: usize = 512 << 10;

/// What does a job; replaced in tests.
type Dispatch = fn(&JobContext) -> Outcome<()>;

/// A pool of workers. Dropping the last reference does not stop it: [`Pool::close`] does.
pub struct Pool {
    shared: Arc<Shared>,
    dispatch: Dispatch,
    queues: Mutex<Queues>,
    /// Workers that may take jobs wait here.
    work: Condvar,
    /// Workers above the wanted number wait here.
    surplus: Condvar,
    /// Closing waits here for workers to end.
    ended: Condvar,
}

#[derive(Default)]
struct Queues {
    /// Scans and stats: the planner waits for them, so they go first.
    listings: VecDeque<Request>,
    others: VecDeque<Request>,
    wanted: usize,
    /// Workers that have not ended.
    alive: usize,
    threads: Vec<JoinHandle<()>>,
    closing: bool,
}

impl Pool {
    /// Starts a pool.
    pub fn open(threads: u32, control: Control) -> Outcome<Arc<Pool>> {
        Self::open_with(threads, control, dispatch)
    }

    fn open_with(threads: u32, control: Control, dispatch: Dispatch) -> Outcome<Arc<Pool>> {
        sys::raise_file_limit();
        let pool = Arc::new(Pool {
            shared: Arc::new(Shared::new(control)),
            dispatch,
            queues: Mutex::default(),
            work: Condvar::new(),
            surplus: Condvar::new(),
            ended: Condvar::new(),
        });
        pool.resize(threads)?;
        Ok(pool)
    }

    /// Sets the number of workers. Those above it finish their job and wait.
    pub fn resize(self: &Arc<Self>, threads: u32) -> Outcome<()> {
        let wanted = threads as usize;
        if !(1..=WORKER_SLOTS).contains(&wanted) {
            return Err(Fail::usage());
        }
        let mut queues = self.lock();
        if queues.closing {
            return Err(Fail::cancelled());
        }
        // A fuzzer's jobs are done by whoever collects: see [`Pool::collect`].
        let started = if cfg!(fuzzing) { 0 } else { wanted };
        while queues.threads.len() < started {
            let pool = Arc::clone(self);
            let index = queues.threads.len();
            let spawned = thread::Builder::new()
                .name(format!("blit-{index}"))
                .stack_size(STACK_BYTES)
                .spawn(move || pool.work(index));
            match spawned {
                Ok(worker) => {
                    queues.threads.push(worker);
                    queues.alive += 1;
                }
                // With at least one worker everything still gets done.
                Err(_) if queues.alive > 0 => break,
                Err(error) => {
                    let os = error.raw_os_error().unwrap_or(0).unsigned_abs();
                    return Err(Fail {
                        status: Status::Busy,
                        os,
                        step: Step::Process,
                    });
                }
            }
        }
        queues.wanted = wanted;
        drop(queues);
        // All look at the queue again, so no wake-up meant for a worker that is now surplus is lost.
        self.work.notify_all();
        self.surplus.notify_all();
        Ok(())
    }

    /// Checks a request and queues it.
    pub fn submit(&self, bytes: Vec<u8>) -> Outcome<()> {
        let request = Request::parse(bytes)?;
        let mut queues = self.lock();
        if queues.closing {
            return Err(Fail::cancelled());
        }
        if request.op == Op::Dial {
            return net::dial::start(&self.shared, &request);
        }
        if request.op.is_listing() {
            queues.listings.push_back(request);
        } else {
            queues.others.push_back(request);
        }
        drop(queues);
        self.work.notify_one();
        Ok(())
    }

    /// What the jobs share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Waits for frames: see [`crate::frame::FrameQueue::collect`].
    pub fn collect(&self, out: &mut [u8], timeout: Duration) -> Collected {
        #[cfg(fuzzing)]
        self.work_here();
        self.shared.frames.collect(out, timeout)
    }

    /// Drops what a closed root left behind.
    pub fn forget_root(&self, handle: u32) {
        self.shared.parked.drop_root(handle);
        crate::write::forget_root(handle);
        crate::net::part::forget_root(handle);
    }

    /// Cancels everything, wakes the collector and waits for the workers.
    ///
    /// # Errors
    ///
    /// `busy` where the kernel still holds a worker after a second: it is left behind, and the
    /// control block must stay in place.
    pub fn close(&self) -> Outcome<()> {
        self.shared.closing.store(true, Relaxed);
        self.shared.frames.close();
        self.shared.net.close();
        let deadline = Instant::now() + CLOSE_WAIT;
        let mut queues = self.lock();
        queues.closing = true;
        queues.listings.clear();
        queues.others.clear();
        self.work.notify_all();
        self.surplus.notify_all();
        while queues.alive > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fail::new(Status::Busy, Step::Process));
            }
            queues = self
                .ended
                .wait_timeout(queues, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let threads = std::mem::take(&mut queues.threads);
        drop(queues);
        if !self.shared.net.join(deadline) {
            return Err(Fail::new(Status::Busy, Step::Process));
        }
        self.shared.parked.clear();
        // A worker's last instructions are this library's: it must not be unloaded before they ran.
        for worker in threads {
            let _ = worker.join();
        }
        Ok(())
    }

    /// Does what waits for workers, and for threads of the network, on the caller's thread: handing an input's
    /// jobs to threads costs a fuzzer many times what they do.
    #[cfg(fuzzing)]
    fn work_here(&self) {
        loop {
            // Taken apart from the loop's condition: the lock must not be held while it is done.
            let request = self.lock().take();
            match request {
                Some(request) => self.perform(&request, 0),
                None if self.shared.net.threads.work_here() => {}
                None => return,
            }
        }
    }

    fn work(&self, index: usize) {
        while let Some(request) = self.next(index) {
            self.perform(&request, index);
        }
        self.lock().alive -= 1;
        self.ended.notify_all();
    }

    /// Waits for a request; none when the pool closes.
    fn next(&self, index: usize) -> Option<Request> {
        let mut queues = self.lock();
        loop {
            if queues.closing {
                return None;
            }
            let gate = if index < queues.wanted {
                if let Some(request) = queues.take() {
                    return Some(request);
                }
                &self.work
            } else {
                &self.surplus
            };
            queues = gate.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn perform(&self, request: &Request, index: usize) {
        let job = JobContext::new(request, &self.shared, index);
        let done = catch_unwind(AssertUnwindSafe(|| (self.dispatch)(&job)));
        let failed = match done {
            Ok(Ok(())) => return,
            Ok(Err(fail)) => fail,
            // The panic's message went to stderr through the hook.
            Err(_) => Fail::new(Status::Bug, Step::Process),
        };
        self.shared.frames.push(Frame::failed(request.job, failed));
    }

    // No code panics while it holds the lock; should it, the queues are still whole.
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn take(&mut self) -> Option<Request> {
        self.listings
            .pop_front()
            .or_else(|| self.others.pop_front())
    }
}

/// Runs the module of the request's operation, which sends frames; the last one is sent here, but
/// for scans.
fn dispatch(job: &JobContext) -> Outcome<()> {
    let module: fn(&JobContext, &mut Results) -> Outcome<()> = match job.request.op {
        Op::Scan | Op::ScanMore => return scan::run(job),
        Op::Stat => stat::run,
        Op::Hash => hash::run,
        Op::Sync => sync::run,
        Op::Read => read::run,
        Op::Copy => crate::copy::run,
        Op::Meta => crate::meta::run,
        Op::Link => crate::link::run,
        Op::Remove => crate::remove::run,
        Op::Rename => crate::rename::run,
        Op::Marker => crate::marker::run,
        Op::Write => crate::write::run,
        Op::Xattrs => crate::attributes::run,
        // Started at submission, on a thread of its own.
        Op::Dial => return Err(Fail::new(Status::Bug, Step::Process)),
        Op::Send => crate::net::client::send,
        Op::Receive => crate::net::client::receive,
    };
    // A marker has no item, and yet something to say.
    let least = usize::from(job.request.op == Op::Marker);
    let mut results = Results::new(job.request.len().max(least));
    module(job, &mut results)?;
    job.emit_results(results.into_bytes());
    Ok(())
}

#[cfg(test)]
mod tests;
