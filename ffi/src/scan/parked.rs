//! Scans that stopped at their budget, until they are continued or dropped.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Scan;

#[derive(Default)]
struct Waiting {
    scans: HashMap<u64, Scan>,
    last: u64,
}

/// Parked scans by their continuation number.
#[derive(Default)]
pub(crate) struct Parked(Mutex<Waiting>);

impl Parked {
    /// Keeps a scan and returns its continuation, never 0 and never used before.
    pub(crate) fn keep(&self, scan: Scan) -> u64 {
        let mut waiting = self.lock();
        waiting.last += 1;
        let continuation = waiting.last;
        waiting.scans.insert(continuation, scan);
        continuation
    }

    /// Takes a scan out: a continuation can be used once.
    pub(crate) fn take(&self, continuation: u64) -> Option<Scan> {
        self.lock().scans.remove(&continuation)
    }

    /// Drops the scans of a root that closes.
    pub(crate) fn drop_root(&self, handle: u32) {
        self.lock().scans.retain(|_, scan| scan.handle() != handle);
    }

    /// Drops every scan.
    pub(crate) fn clear(&self) {
        self.lock().scans.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
