//! Binding: an arrival, or a tunnel, gets to work on a thread of its own, or is refused.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::link::{Link, lost};
use super::streams::Reach;
use super::terms::{Closed, Terms};
use super::threads::Threads;
use super::{preamble, serve, tcp};
use crate::control::Shared;
use crate::frame::{Frame, FrameType};
use crate::status::{Fail, Outcome, Status, Step};

/// What works on a bound stream.
pub(super) type Serve = fn(Box<dyn Link>, &Terms, &Shared) -> Closed;

/// Binds a stream by packed terms. Its job ends with a `closed` frame; a refused one has no job.
///
/// # Errors
///
/// `disconnected` where the peer is gone already; `usage` where it isn't there to be bound.
pub fn bind(shared: &Arc<Shared>, stream: u32, terms: &[u8]) -> Outcome<()> {
    bind_with(shared, stream, terms, serve::serve)
}

pub(super) fn bind_with(
    shared: &Arc<Shared>,
    stream: u32,
    terms: &[u8],
    work: Serve,
) -> Outcome<()> {
    let terms = Terms::parse(terms)?;
    let refused = u8::try_from(terms.status).map_err(|_| Fail::usage())?;
    if refused == 0 && terms.idle_ms == 0 {
        return Err(Fail::usage());
    }
    let streams = &shared.net.streams;
    let (mut link, reach) = streams.take_unbound(stream)?;
    shared.net.arrivals_changed();
    if refused != 0 {
        // Nobody waits for a peer that doesn't read its refusal.
        let _ = preamble::answer(&mut *link, refused);
        streams.forget(stream);
        return Ok(());
    }
    let idle = Duration::from_millis(terms.idle_ms.into());
    let waiting = match &reach {
        Reach::Socket(socket) => tcp::make_waiting(socket, idle),
        Reach::Pipe(pipe) => {
            pipe.set_idle(idle);
            Ok(())
        }
    };
    if let Err(error) = waiting {
        streams.forget(stream);
        return Err(lost(&error));
    }
    let started = Threads::spawn(shared, &format!("blit-s{stream}"), move |shared| {
        let closed = catch_unwind(AssertUnwindSafe(|| match preamble::answer(&mut *link, 0) {
            Ok(()) => work(link, &terms, shared),
            Err(error) => failed(lost(&error)),
        }));
        // The panic's message went to stderr through the hook.
        let closed = closed.unwrap_or(failed(Fail::new(Status::Bug, Step::Process)));
        shared.net.streams.forget(stream);
        shared.frames.push(Frame {
            job: terms.job,
            kind: FrameType::Closed,
            last: true,
            payload: closed.pack().to_vec(),
        });
    });
    started.inspect_err(|_| streams.forget(stream))
}

fn failed(fail: Fail) -> Closed {
    Closed {
        status: fail.status,
        os: fail.os,
        ..Closed::default()
    }
}
