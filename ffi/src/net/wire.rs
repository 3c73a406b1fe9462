//! A link as a sequence of whole records, gathered both ways; and the sign of life of a side that is busy.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::link::{Link, lost};
use super::record::{HEADER_BYTES, Header, MISMATCH, Type};
use crate::control::JobContext;
use crate::results::RESULT_BYTES;
use crate::status::{Fail, Outcome, Status, Step};

/// Bytes that are gathered before they are written: a hundred small files cost one call. A fuzzer's inputs are small,
/// and are to reach the edges of a buffer.
const GATHERED_BYTES: usize = if cfg!(fuzzing) { 1 << 10 } else { 256 << 10 };
/// Longest that a record waits for others to go with it.
const GATHERED_FOR: Duration = Duration::from_millis(20);
/// Less room than this is not worth a call.
const LEAST_READ_BYTES: usize = GATHERED_BYTES / 16;
/// Buffers that a large record has made larger than this are let go when its batch ends: a daemon has many
/// streams, and most of them wait.
const KEPT_BYTES: usize = 2 * GATHERED_BYTES;
/// How often a side that waits looks at cancellation.
const LOOK: Duration = Duration::from_millis(200);
/// Longest that a busy side says nothing, half of what the protocol allows.
const ALIVE_EVERY: Duration = Duration::from_millis(2500);
/// The thread that says so needs next to nothing.
const STACK_BYTES: usize = 64 << 10;

/// A link that two threads may write whole records to.
pub struct Line<'l> {
    link: Mutex<&'l mut dyn Link>,
    began: Instant,
    /// When something was last written, ms after the beginning.
    written_ms: AtomicU64,
    /// The batch's last record is on its way: nothing may come behind it.
    is_quiet: AtomicBool,
}

impl<'l> Line<'l> {
    /// Records over this link.
    pub fn new(link: &'l mut dyn Link) -> Self {
        Self {
            link: Mutex::new(link),
            began: Instant::now(),
            written_ms: AtomicU64::new(0),
            is_quiet: AtomicBool::new(false),
        }
    }

    /// Whether the control plane carries the bytes.
    pub fn is_tunnel(&self) -> bool {
        self.lock().is_tunnel()
    }

    /// Does `work`; while nothing is written for a time, whatever holds this thread up, says `alive`.
    pub fn while_alive<R>(&self, work: impl FnOnce() -> R) -> R {
        /// Ends the other thread, on unwinding too: the scope would wait for it for ever. Joins it, since the scope
        /// waits for its work alone: its last instructions are this library's, as are those of [`super::threads`].
        struct Stop<'s, 't>(&'s AtomicBool, Option<ScopedJoinHandle<'t, ()>>);
        impl Drop for Stop<'_, '_> {
            fn drop(&mut self) {
                self.0.store(true, Relaxed);
                if let Some(handle) = self.1.take() {
                    handle.thread().unpark();
                    let _ = handle.join();
                }
            }
        }
        // A fuzzer's peer has said everything already: nobody waits, and the thread would cost more than the work.
        if cfg!(fuzzing) {
            return work();
        }
        let ended = AtomicBool::new(false);
        self.is_quiet.store(false, Relaxed);
        thread::scope(|scope| {
            // Without the thread a long flush may cost the stream, nothing else.
            let thread = thread::Builder::new()
                .name("blit-alive".into())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, || self.say_alive(&ended))
                .ok();
            let _stop = Stop(&ended, thread);
            work()
        })
    }

    fn say_alive(&self, ended: &AtomicBool) {
        let record = header(Type::Alive, 0, 0, 0).pack();
        while !ended.load(Relaxed) {
            thread::park_timeout(ALIVE_EVERY / 2);
            let silent = self.now_ms().saturating_sub(self.written_ms.load(Relaxed));
            if ended.load(Relaxed) || Duration::from_millis(silent) < ALIVE_EVERY / 2 {
                continue;
            }
            // Whoever holds the link writes to it, or waits for the peer, which then is the busy one.
            match self.link.try_lock() {
                Ok(_) if self.is_quiet.load(Relaxed) => return,
                // A broken link is found by whoever works on it.
                Ok(mut link) => drop(link.write_all(&record)),
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Poisoned(_)) => return,
            }
            self.written_ms.store(self.now_ms(), Relaxed);
        }
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn lock(&self) -> MutexGuard<'_, &'l mut dyn Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn header(kind: Type, flags: u8, item: u32, length: usize) -> Header {
    Header {
        kind,
        flags,
        item,
        length,
    }
}

/// What ends a wait for the peer.
#[derive(Clone, Copy)]
pub enum Wait<'w> {
    /// A silence of the idle limit: then the stream is broken.
    Idle,
    /// The same, or the job's cancellation: then `cancelled`, and the stream goes on as if nothing had been asked.
    Job(&'w JobContext<'w>),
    /// A time: then the stream is broken.
    Until(Instant),
}

/// What a batch leaves on a stream for the next one: bytes that came and weren't read, and results that are still to come.
#[derive(Default)]
pub struct Carry {
    /// The beginning of a record.
    rest: Vec<u8>,
    /// Whose results come next.
    owed: Option<Owed>,
}

impl Carry {
    /// The same, with nobody who waits for results.
    pub fn without_debt(mut self) -> Carry {
        self.owed = None;
        self
    }

    /// Has the next results given to somebody who waits for them; dropped, the stream is gone.
    pub fn owe(&mut self, items: usize) -> Receiver<Vec<u8>> {
        let (give, results) = mpsc::sync_channel(1);
        self.owed = Some(Owed { give, items });
        results
    }
}

/// Results that somebody waits for while the next batch is sent already.
struct Owed {
    give: SyncSender<Vec<u8>>,
    /// How many they are.
    items: usize,
}

/// One side's reader and writer of records.
pub struct Wire<'w> {
    line: &'w Line<'w>,
    idle: Duration,
    /// What goes out: the first `gathered` bytes are records.
    out: Vec<u8>,
    gathered: usize,
    /// When the first of them was put there.
    since: Instant,
    /// What came in, from `start` to `end`.
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// Where the payload of the last record lies.
    payload: Range<usize>,
    broken: Option<Fail>,
    /// Whose results come before anything that is about this batch.
    owed: Option<Owed>,
    /// Bytes of records that came.
    pub bytes_in: u64,
    /// Bytes of records that went out.
    pub bytes_out: u64,
}

impl<'w> Wire<'w> {
    /// Records over this line, where a silence in a batch may last for `idle`.
    pub fn new(line: &'w Line<'w>, idle: Duration) -> Self {
        Self {
            line,
            idle,
            out: Vec::new(),
            gathered: 0,
            since: Instant::now(),
            input: Vec::new(),
            start: 0,
            end: 0,
            payload: 0..0,
            broken: None,
            owed: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// The same, going on with what the batch before left.
    pub fn going_on(line: &'w Line<'w>, idle: Duration, carry: Carry) -> Self {
        let mut wire = Self::new(line, idle);
        wire.end = carry.rest.len();
        wire.input = carry.rest;
        wire.owed = carry.owed;
        wire
    }

    /// What is left for the next batch.
    pub fn into_carry(self) -> Carry {
        Carry {
            rest: self.input[self.start..self.end].to_vec(),
            owed: self.owed,
        }
    }

    /// Waits for the results of the batch before, where they are still to come.
    pub fn settle(&mut self, wait: Wait) -> Outcome<()> {
        while self.owed.is_some() {
            let header = self.record(wait)?;
            self.is_about_before(header)?;
        }
        Ok(())
    }

    /// Whether a record is about the batch before: its results are passed on, what else is said of it is old.
    fn is_about_before(&mut self, header: Header) -> Outcome<bool> {
        if header.kind == Type::Alive {
            return Ok(true);
        }
        let Some(owed) = &self.owed else {
            return Ok(false);
        };
        match header.kind {
            Type::Results if header.length == owed.items * RESULT_BYTES => {
                // Whoever gave up waiting doesn't want them.
                let _ = owed.give.try_send(self.payload().to_vec());
                self.owed = None;
                Ok(true)
            }
            Type::Fail | Type::Have => Ok(true),
            _ => self.breach(MISMATCH),
        }
    }

    /// Why nothing more can be said or heard.
    pub fn broken(&self) -> Option<Fail> {
        self.broken
    }

    /// Ends the stream: what came breaks the protocol, or an operation failed that it can't go on without.
    pub fn breach<T>(&mut self, fail: Fail) -> Outcome<T> {
        Err(*self.broken.get_or_insert(fail))
    }

    /// Reads the next record but `alive`; its payload is [`Wire::payload`] until the next call.
    pub fn next(&mut self, wait: Wait) -> Outcome<Header> {
        loop {
            let header = self.record(wait)?;
            if !self.is_about_before(header)? {
                return Ok(header);
            }
        }
    }

    /// The next record but `alive`, if the peer has said one by now.
    pub fn poll(&mut self, wait: Wait) -> Outcome<Option<Header>> {
        while self.is_readable(Duration::ZERO)? {
            let header = self.record(wait)?;
            if !self.is_about_before(header)? {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Reads the next record of any type.
    pub fn record(&mut self, wait: Wait) -> Outcome<Header> {
        self.need(HEADER_BYTES, wait)?;
        let head = self.input[self.start..].first_chunk();
        let parsed = head.ok_or(MISMATCH).and_then(Header::parse);
        let header = match parsed {
            Ok(header) => header,
            Err(fail) => return self.breach(fail),
        };
        self.need(HEADER_BYTES + header.length, wait)?;
        let from = self.start + HEADER_BYTES;
        self.payload = from..from + header.length;
        self.start = self.payload.end;
        self.bytes_in += (HEADER_BYTES + header.length) as u64;
        Ok(header)
    }

    /// What is kept for records that come, bytes.
    #[cfg(test)]
    pub fn input_bytes(&self) -> usize {
        self.input.len()
    }

    /// The payload of the last record.
    pub fn payload(&self) -> &[u8] {
        &self.input[self.payload.clone()]
    }

    /// Whether something of the peer's is there, or comes within `wait`.
    pub fn is_readable(&mut self, wait: Duration) -> Outcome<bool> {
        if self.end > self.start {
            return Ok(true);
        }
        let readable = self.line.lock().is_readable(wait);
        readable.or_else(|error| self.breach(lost(&error)))
    }

    /// Whether the peer has closed the stream, where a record could begin. Asked when it is readable.
    pub fn is_at_end(&mut self) -> Outcome<bool> {
        if self.end > self.start {
            return Ok(false);
        }
        Ok(self.read()? == 0)
    }

    /// Reads until `bytes` are there from `start` on. The buffer grows with what came: a peer that claims a large record
    /// and sends little of it costs little.
    fn need(&mut self, bytes: usize, wait: Wait) -> Outcome<()> {
        while self.end - self.start < bytes {
            let room = self.input.len() - self.end;
            let ends = self.start + bytes > self.input.len() || room < LEAST_READ_BYTES;
            if self.start > 0 && ends {
                self.input.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if bytes > self.input.len() && self.input.len() == self.end {
                let grown = (2 * self.end).max(GATHERED_BYTES);
                self.input.resize(grown.min(bytes.max(GATHERED_BYTES)), 0);
            }
            self.wait(wait)?;
            if self.read()? == 0 {
                return self.breach(Fail::new(Status::Disconnected, Step::Process));
            }
        }
        Ok(())
    }

    fn wait(&mut self, wait: Wait) -> Outcome<()> {
        // Before this side waits for an answer, the question must be out.
        self.flush()?;
        let began = Instant::now();
        loop {
            let is_over = match wait {
                Wait::Idle => began.elapsed() >= self.idle,
                Wait::Job(job) => {
                    job.check()?;
                    began.elapsed() >= self.idle
                }
                Wait::Until(time) => Instant::now() >= time,
            };
            if is_over {
                return self.breach(lost(&io::ErrorKind::TimedOut.into()));
            }
            let readable = self.line.lock().is_readable(LOOK);
            match readable {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => return self.breach(lost(&error)),
            }
        }
    }

    fn read(&mut self) -> Outcome<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.input.len() == self.end {
            self.input.resize(self.end + GATHERED_BYTES, 0);
        }
        let read = self.line.lock().read(&mut self.input[self.end..]);
        match read {
            Ok(bytes) => {
                self.end += bytes;
                Ok(bytes)
            }
            Err(error) => self.breach(lost(&error)),
        }
    }

    /// Adds a record to what goes out; [`Wire::sent`] follows.
    pub fn place(&mut self, kind: Type, flags: u8, item: u32, length: usize) -> &mut [u8] {
        if self.gathered == 0 {
            self.since = Instant::now();
        }
        let payload = self.gathered + HEADER_BYTES;
        let end = payload + length;
        if self.out.len() < end {
            // Zeroed once: what is filled again and again must not be cleared before. A side that says
            // little needs little.
            self.out.resize(end.max(2 * self.out.len()), 0);
        }
        let head = header(kind, flags, item, length).pack();
        self.out[self.gathered..payload].copy_from_slice(&head);
        self.gathered = end;
        &mut self.out[payload..end]
    }

    /// Takes the record back that was placed last, with a payload of `length`.
    pub fn retract(&mut self, length: usize) {
        self.gathered -= HEADER_BYTES + length;
    }

    /// The record placed last is whole: writes what has been gathered if it is much, or has waited.
    /// Returns whether something was written.
    pub fn sent(&mut self) -> Outcome<bool> {
        let due = self.gathered >= GATHERED_BYTES || self.since.elapsed() >= GATHERED_FOR;
        if due {
            self.flush()?;
        }
        Ok(due)
    }

    /// Adds a whole record.
    pub fn send(&mut self, kind: Type, flags: u8, item: u32, payload: &[u8]) -> Outcome<bool> {
        self.place(kind, flags, item, payload.len())
            .copy_from_slice(payload);
        self.sent()
    }

    /// Writes a batch's last record: not even `alive` comes behind it.
    pub fn send_last(&mut self, kind: Type, payload: &[u8]) -> Outcome<()> {
        self.line.is_quiet.store(true, Relaxed);
        self.send(kind, 0, 0, payload)?;
        self.flush()
    }

    /// Writes what has been gathered.
    pub fn flush(&mut self) -> Outcome<()> {
        if let Some(fail) = self.broken {
            return Err(fail);
        }
        if self.gathered == 0 {
            return Ok(());
        }
        let written = self.line.lock().write_all(&self.out[..self.gathered]);
        self.line.written_ms.store(self.line.now_ms(), Relaxed);
        self.bytes_out += self.gathered as u64;
        self.gathered = 0;
        written.or_else(|error| self.breach(lost(&error)))
    }

    /// Whether something came that nobody has read.
    pub fn has_rest(&self) -> bool {
        self.end > self.start
    }

    /// Lets go of buffers that one large record needed.
    pub fn shrink(&mut self) {
        if self.gathered == 0 && self.out.len() > KEPT_BYTES {
            self.out = Vec::new();
        }
        if self.start == self.end && self.input.len() > KEPT_BYTES {
            (self.start, self.end, self.payload) = (0, 0, 0..0);
            self.input = Vec::new();
        }
    }
}
