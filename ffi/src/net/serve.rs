//! The daemon's end of a stream: batches one after another, until the client closes it.

use std::time::Duration;

use super::link::Link;
use super::terms::{Closed, Terms};
use crate::control::Shared;
use crate::status::Status;

/// How often a quiet stream looks whether its session was cancelled.
const LOOK: Duration = Duration::from_millis(500);

/// Serves a bound stream, on a thread of its own, until it is closed or breaks. A panic ends this stream only.
pub fn serve(mut link: Box<dyn Link>, terms: &Terms, shared: &Shared) -> Closed {
    let mut closed = Closed::default();
    loop {
        if shared.control.is_cancelled(terms.slot) {
            closed.status = Status::Cancelled;
            return closed;
        }
        match link.is_readable(LOOK) {
            Ok(false) => {}
            Ok(true) => match link.read(&mut [0; 1]) {
                Ok(0) => return closed,
                Ok(_) => {
                    closed.status = Status::Unsupported;
                    return closed;
                }
                Err(error) => {
                    closed.status = Status::Disconnected;
                    closed.os = error.raw_os_error().unwrap_or(0).unsigned_abs();
                    return closed;
                }
            },
            Err(error) => {
                closed.status = Status::Disconnected;
                closed.os = error.raw_os_error().unwrap_or(0).unsigned_abs();
                return closed;
            }
        }
    }
}
