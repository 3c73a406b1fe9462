//! Listening on systems where the library can't find the caller's socket: not done.

use std::sync::Arc;

use crate::control::Shared;
use crate::status::{Fail, Outcome, Status, Step};

/// The ports that a pool listens on: none.
#[derive(Default)]
pub struct Listeners;

impl Listeners {
    /// Nobody waits.
    pub fn wake(&self) {}
    /// Nothing is open.
    pub fn close_all(&self) {}
    /// There is no listener to close.
    pub fn close(&self, _job: u64) -> Outcome<()> {
        Err(Fail::usage())
    }
}

/// Always `unsupported`.
pub fn listen(_shared: &Arc<Shared>, _job: u64, _port: u32, _settings: &[u8]) -> Outcome<()> {
    Err(Fail::new(Status::Unsupported, Step::Process))
}
