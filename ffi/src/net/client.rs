//! The client's end of a stream: one batch, there or back. The operations send (15) and receive (16).

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::link::Link;
use super::make::{Maker, Trust, method_of};
use super::part::Part;
use super::receive;
use super::record::{BATCH_MOST, MISMATCH, Type};
use super::send::{Role, Sender};
use super::streams::CheckedOut;
use super::wire::{Carry, Line, Wait, Wire};
use crate::control::JobContext;
use crate::results::Results;
use crate::status::{Fail, Outcome, Status, Step};

/// In parameter 0 of a receive, beside the stream: no devices and no attributes of the system are taken.
const DISTRUST: u64 = 1 << 32;
/// Likewise: owners were asked for and aren't set, and the results say where that makes a difference.
const OWNER_REFUSED: u64 = 1 << 33;

/// How often whoever waits for results looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(200);
/// How long a client that gave up waits for the daemon to hear it.
const GIVE_UP: Duration = Duration::from_secs(2);

/// Sends the items over the stream that parameter 0 names; where another job has it, in the next turn. A job that has
/// sent all lets the next one send while it waits for its results.
pub fn send(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let streams = &job.shared.net.streams;
    let handle = job.request.p0 as u32;
    match streams.check_out_next(handle, job) {
        Ok(mut stream) => {
            let carry = std::mem::take(&mut stream.carry);
            let is_awaited = || streams.is_awaited(handle);
            match put_until(job, stream.link(), (carry, &is_awaited), results) {
                Ok(Put::Answered) => stream.give_back(),
                Ok(Put::Sent(carry)) => hand_over(job, stream, carry, results),
                // It is closed, and the results say why.
                Err(_) => {}
            }
        }
        Err(fail) => results.fail_from(0, fail),
    }
    Ok(())
}

/// Has the items sent over the stream that parameter 0 names, and makes what comes.
pub fn receive(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let streams = &job.shared.net.streams;
    match streams.check_out(job.request.p0 as u32, job) {
        Ok(mut stream) => {
            // One that broke is closed, and the results say why.
            if get(job, stream.link(), results).is_ok() {
                stream.give_back();
            }
        }
        Err(fail) => results.fail_from(0, fail),
    }
    Ok(())
}

/// How far a `put` came.
enum Put {
    /// To its results.
    Answered,
    /// All is sent, and somebody waits for the stream.
    Sent(Carry),
}

/// Gives the stream to the job that waits for it, and waits for the results, which that one will come upon.
fn hand_over(job: &JobContext, stream: CheckedOut, mut carry: Carry, results: &mut Results) {
    let answer = carry.owe(job.request.len());
    match stream.hand_over(carry) {
        None => match await_answer(job, &answer) {
            Ok(answer) => *results = answer,
            Err(fail) => results.fail_from(0, job.check().err().unwrap_or(fail)),
        },
        Some((mut stream, carry)) => {
            // Whoever waited was cancelled meanwhile: the results come here.
            let carry = carry.without_debt();
            let nobody = || false;
            if put_rest(job, stream.link(), (carry, &nobody), results).is_ok() {
                stream.give_back();
            }
        }
    }
}

/// Waits for results that another job comes upon.
fn await_answer(job: &JobContext, answer: &Receiver<Vec<u8>>) -> Outcome<Results> {
    let gone = Fail::new(Status::Disconnected, Step::Process);
    job.at(job.request.len().saturating_sub(1) as u32, Step::Flush);
    let mut until = None;
    loop {
        match answer.recv_timeout(LOOK) {
            Ok(bytes) => return Results::from_peer(&bytes, job.request.len()).ok_or(gone),
            Err(RecvTimeoutError::Disconnected) => return Err(gone),
            Err(RecvTimeoutError::Timeout) if !job.cancelled() => {}
            Err(RecvTimeoutError::Timeout) => {
                if Instant::now() >= *until.get_or_insert(Instant::now() + GIVE_UP) {
                    return Err(Fail::cancelled());
                }
            }
        }
    }
}

/// What a batch begins with, and whether another waits for the stream.
type Turn<'t> = (Carry, &'t dyn Fn() -> bool);

/// Sends the request's items as a `put`, and waits for the results unless somebody waits for the stream. Unless that
/// is so, the results are whole in any case.
///
/// # Errors
///
/// What broke the stream: it must be closed then.
fn put_until(
    job: &JobContext,
    link: &mut dyn Link,
    (carry, is_awaited): Turn,
    results: &mut Results,
) -> Outcome<Put> {
    let ended = put_with(job, link, (carry, is_awaited), results, |wire| {
        // Asked for first: where the root is gone, nothing must have been begun.
        job.source()?;
        Part::of(job.request)?;
        wire.send(Type::Put, 0, 0, &for_peer(job)?)?;
        Sender::new(job, wire, Role::Client)?.run()
    });
    for _ in 0..job.request.len() {
        job.add_entry();
    }
    ended
}

/// Waits for the results of a `put` that was sent.
fn put_rest(
    job: &JobContext,
    link: &mut dyn Link,
    turn: Turn,
    results: &mut Results,
) -> Outcome<Put> {
    put_with(job, link, turn, results, |_| Ok(()))
}

fn put_with(
    job: &JobContext,
    link: &mut dyn Link,
    (carry, is_awaited): Turn,
    results: &mut Results,
    send: impl FnOnce(&mut Wire) -> Outcome<()>,
) -> Outcome<Put> {
    let line = Line::new(link);
    let mut wire = Wire::going_on(&line, job.shared.net.idle(), carry);
    let sent = line.while_alive(|| {
        send(&mut wire)?;
        if !job.cancelled() {
            // All that is left to do there is to make it durable.
            job.at(job.request.len().saturating_sub(1) as u32, Step::Flush);
            match wire.settle(Wait::Job(job)) {
                Ok(()) if is_awaited() => return Ok(None),
                Err(fail) if wire.broken().is_some() => return Err(fail),
                Ok(()) | Err(_) => {}
            }
        }
        answer(job, &mut wire).map(Some)
    });
    let ended = match sent {
        Ok(None) => return Ok(Put::Sent(wire.into_carry())),
        Ok(Some(answer)) => {
            *results = answer;
            Ok(())
        }
        Err(fail) => {
            let given_up = job.check().err();
            results.fail_from(0, given_up.unwrap_or(fail));
            Err(fail)
        }
    };
    after_batch(&wire, ended).map(|()| Put::Answered)
}

/// Sends the request's items as a `put` and waits for the results, which are whole in any case.
///
/// # Errors
///
/// What broke the stream.
#[cfg(test)]
pub(super) fn put(job: &JobContext, link: &mut dyn Link, results: &mut Results) -> Outcome<()> {
    put_until(job, link, (Carry::default(), &|| false), results).map(drop)
}

/// Sends the request as a `get` and makes what comes. The results are whole in any case.
///
/// # Errors
///
/// What broke the stream: it must be closed then.
pub(super) fn get(job: &JobContext, link: &mut dyn Link, results: &mut Results) -> Outcome<()> {
    let line = Line::new(link);
    let mut wire = Wire::new(&line, job.shared.net.idle());
    let made = line.while_alive(|| -> Outcome<_> {
        // Mostly the batch's flags say which metadata is taken; a daemon that pulls for a client may take less.
        let trust = Trust {
            metadata: job.request.p0 & DISTRUST == 0,
            owner_refused: job.request.p0 & OWNER_REFUSED != 0,
        };
        let maker = Maker::new(job, trust, method_of(&line))?;
        let part = Part::of(job.request)?;
        wire.send(Type::Get, 0, 0, &for_peer(job)?)?;
        let (made, _, ended) =
            receive::Receiver::new(job, &mut wire, Role::Client, (maker, part)).run();
        Ok((made, ended))
    });
    let ended = match made {
        Ok((made, ended)) => {
            *results = made;
            ended
        }
        Err(fail) => {
            results.fail_from(0, fail);
            return Err(fail);
        }
    };
    let ended = match ended {
        // Given up here, the stream is as good as before once the daemon has heard of it.
        Err(_) if wire.broken().is_none() => drain(&mut wire),
        ended => ended,
    };
    after_batch(&wire, ended)
}

fn for_peer(job: &JobContext) -> Outcome<Vec<u8>> {
    let request = job.request.for_peer();
    if request.len() > BATCH_MOST {
        return Err(Fail::usage());
    }
    Ok(request)
}

/// Waits for the daemon's results; says so where the run is cancelled meanwhile.
fn answer(job: &JobContext, wire: &mut Wire) -> Outcome<Results> {
    // All that is left to do there is to make it durable.
    job.at(job.request.len().saturating_sub(1) as u32, Step::Flush);
    let mut wait = Wait::Job(job);
    if job.cancelled() {
        wait = Wait::Until(Instant::now() + GIVE_UP);
    }
    loop {
        let header = match wire.next(wait) {
            Ok(header) => header,
            Err(fail) if wire.broken().is_some() => return Err(fail),
            Err(_) => {
                wire.send(Type::Cancel, 0, 0, &[])?;
                wait = Wait::Until(Instant::now() + GIVE_UP);
                continue;
            }
        };
        match header.kind {
            Type::Results => {
                let results = Results::from_peer(wire.payload(), job.request.len());
                return match results {
                    Some(results) => Ok(results),
                    None => wire.breach(MISMATCH),
                };
            }
            // Said of items that were concluded before it was heard.
            Type::Fail | Type::Have => {}
            _ => return wire.breach(MISMATCH),
        }
    }
}

/// Gives a `get` up: reads what is under way, to the daemon's `end`.
fn drain(wire: &mut Wire) -> Outcome<()> {
    wire.send(Type::Cancel, 0, 0, &[])?;
    let wait = Wait::Until(Instant::now() + GIVE_UP);
    while wire.next(wait)?.kind != Type::End {}
    Ok(())
}

/// Whether the stream is good for another batch: nothing may be left on it.
fn after_batch(wire: &Wire, ended: Outcome<()>) -> Outcome<()> {
    match wire.broken() {
        Some(fail) => Err(fail),
        None if wire.has_rest() => Err(Fail::new(Status::Mismatch, Step::Process)),
        None => ended,
    }
}
