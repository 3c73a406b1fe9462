//! Threads of the network: each works alone on what it was given, and none outlives the pool.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::control::Shared;
use crate::status::{Fail, Outcome, Status, Step};

/// As for the workers of the pool.
const STACK_BYTES: usize = 512 << 10;

#[derive(Default)]
struct Alive {
    count: usize,
    handles: Vec<JoinHandle<()>>,
    /// What threads would do: see [`crate::pool::Pool::collect`].
    #[cfg(fuzzing)]
    put_off: Vec<Box<dyn FnOnce() + Send>>,
}

/// The threads that are alive.
#[derive(Default)]
pub struct Threads {
    alive: Mutex<Alive>,
    ended: Condvar,
}

/// Counts a thread off, whatever ends it.
struct Count(Arc<Shared>);

impl Drop for Count {
    fn drop(&mut self) {
        let threads = &self.0.net.threads;
        threads.lock().count -= 1;
        threads.ended.notify_all();
    }
}

impl Threads {
    /// Starts a thread; `busy` where the system has none left.
    #[cfg_attr(
        fuzzing,
        allow(
            unreachable_code,
            unused_variables,
            reason = "done later, on the collector's thread"
        )
    )]
    pub fn spawn(
        shared: &Arc<Shared>,
        name: &str,
        body: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> Outcome<()> {
        let threads = &shared.net.threads;
        let mut alive = threads.lock();
        // What has ended still holds its stack until it is joined.
        for ended in alive.handles.extract_if(.., |handle| handle.is_finished()) {
            let _ = ended.join();
        }
        alive.count += 1;
        drop(alive);
        let count = Count(Arc::clone(shared));
        #[cfg(fuzzing)]
        return {
            threads
                .lock()
                .put_off
                .push(Box::new(move || body(&count.0)));
            Ok(())
        };
        let spawned = thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || body(&count.0));
        match spawned {
            Ok(handle) => {
                threads.lock().handles.push(handle);
                Ok(())
            }
            Err(error) => Err(Fail {
                os: error.raw_os_error().unwrap_or(0).unsigned_abs(),
                ..Fail::new(Status::Busy, Step::Process)
            }),
        }
    }

    /// Does what one thread would do; false where there is nothing.
    #[cfg(fuzzing)]
    pub fn work_here(&self) -> bool {
        let mut alive = self.lock();
        if alive.put_off.is_empty() {
            return false;
        }
        let work = alive.put_off.remove(0);
        drop(alive);
        work();
        true
    }

    /// Waits until all have ended; false where some have not by then.
    pub fn join(&self, until: Instant) -> bool {
        let mut alive = self.lock();
        while alive.count > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            alive = self
                .ended
                .wait_timeout(alive, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let handles = std::mem::take(&mut alive.handles);
        drop(alive);
        // A thread's last instructions are this library's: it must not be unloaded before they ran.
        for handle in handles {
            let _ = handle.join();
        }
        true
    }

    // Every change is one step: a panic while the lock was held leaves it whole.
    fn lock(&self) -> MutexGuard<'_, Alive> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
