//! The daemon's end of a stream: batches one after another, until the client closes it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::link::Link;
use super::make::{Maker, Trust, method_of};
use super::part::Part;
use super::receive::Receiver;
use super::record::{MISMATCH, Type};
use super::send::{Role, Sender};
use super::terms::{Closed, READ, TRUST_METADATA, Terms, WRITE};
use super::wire::{Line, Wait, Wire};
use crate::control::{JobContext, Shared, WorkerSlot};
use crate::request::{Own, Request, flag};
use crate::status::{Fail, Outcome, Status, Step};

/// How often a quiet stream looks whether its session was cancelled.
const LOOK: Duration = Duration::from_millis(500);

/// Serves a bound stream, on a thread of its own, until it is closed or breaks. A panic ends this stream only.
pub fn serve(mut link: Box<dyn Link>, terms: &Terms, shared: &Shared) -> Closed {
    let mut closed = Closed::default();
    let line = Line::new(&mut *link);
    let mut stream = Stream {
        wire: Wire::new(&line, Duration::from_millis(terms.idle_ms.into())),
        line: &line,
        terms,
        shared,
        closed: &mut closed,
    };
    let ended = catch_unwind(AssertUnwindSafe(|| stream.batches()));
    // The panic's message went to stderr through the hook.
    let ended = ended.unwrap_or(Err(Fail::new(Status::Bug, Step::Process)));
    (stream.closed.bytes_in, stream.closed.bytes_out) =
        (stream.wire.bytes_in, stream.wire.bytes_out);
    if let Err(fail) = ended {
        (closed.status, closed.os) = (fail.status, fail.os);
    }
    closed
}

struct Stream<'s> {
    wire: Wire<'s>,
    line: &'s Line<'s>,
    terms: &'s Terms,
    shared: &'s Shared,
    closed: &'s mut Closed,
}

impl Stream<'_> {
    fn batches(&mut self) -> Outcome<()> {
        loop {
            // Between two batches a stream may be quiet for as long as its session lives.
            while !self.wire.is_readable(LOOK)? {
                if self.is_cancelled() {
                    return Err(Fail::cancelled());
                }
            }
            if self.wire.is_at_end()? {
                return Ok(());
            }
            let line = self.line;
            line.while_alive(|| self.batch())?;
            self.wire.shrink();
        }
    }

    fn is_cancelled(&self) -> bool {
        self.shared.control.is_cancelled(self.terms.slot)
    }

    fn batch(&mut self) -> Outcome<()> {
        let began = Instant::now();
        let header = self.wire.record(Wait::Idle)?;
        let needed = match header.kind {
            Type::Put => WRITE,
            Type::Get => READ,
            // About a batch that has ended: the peer hadn't heard yet.
            Type::Fail | Type::Have | Type::Cancel | Type::Alive => return Ok(()),
            _ => return self.wire.breach(MISMATCH),
        };
        if self.terms.rights & needed == 0 {
            return self.wire.breach(Fail::new(Status::Refused, Step::Process));
        }
        let bytes = self.wire.payload().to_vec();
        let asked = flags_of(&bytes);
        let trusted = self.terms.trust & TRUST_METADATA != 0;
        let kept = match trusted {
            true => self.terms.flags,
            false => self.terms.flags & !flag::OWNER,
        };
        let own = Own {
            source: if needed == READ { self.terms.root } else { 0 },
            destination: if needed == WRITE { self.terms.root } else { 0 },
            run: self.terms.run,
            slot: self.terms.slot,
            flags: if needed == READ {
                self.terms.flags
            } else {
                kept
            },
        };
        let request = match Request::from_peer(bytes, &own) {
            Ok(request) => request,
            Err(fail) => return self.wire.breach(fail),
        };
        let part = match Part::of(&request) {
            Ok(part) => part,
            Err(fail) => return self.wire.breach(fail),
        };
        let slot = WorkerSlot::default();
        let job = JobContext::apart(&request, self.shared, &slot);
        if needed == READ {
            let mut sender = Sender::new(&job, &mut self.wire, Role::Daemon)?;
            let sent = sender.run();
            self.closed.files += sender.files;
            sent?;
        } else {
            let trust = Trust {
                metadata: trusted,
                owner_refused: asked & flag::OWNER != 0 && request.flags & flag::OWNER == 0,
            };
            let maker = Maker::new(&job, trust, method_of(self.line))?;
            let receiver = Receiver::new(&job, &mut self.wire, Role::Daemon, (maker, part));
            let (results, files, ended) = receiver.run();
            self.closed.files += files;
            if let Some(fail) = self.wire.broken() {
                return Err(fail);
            }
            if self.is_cancelled() {
                return ended;
            }
            self.wire.send_last(Type::Results, results.as_bytes())?;
        }
        self.closed.add_batch(began.elapsed());
        Ok(())
    }
}

/// The flags of a packed request that has not been checked.
fn flags_of(request: &[u8]) -> u32 {
    let word = request.get(4..8).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_le_bytes)
}
