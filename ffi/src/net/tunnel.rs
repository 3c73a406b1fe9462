//! A stream whose bytes somebody else carries: what is written leaves in frames, what comes is fed in.
//! Both ways hold at most [`WINDOW`] that the other side has not taken.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::link::Link;
use super::tcp::FLUSH;
use crate::control::Shared;
use crate::frame::{Frame, FrameType};
use crate::status::{Fail, Outcome, Status, Step};

/// Most bytes under way in one direction.
pub const WINDOW: usize = 4 << 20;
/// Most bytes in one frame.
const PIECE: usize = 256 << 10;

struct State {
    /// What came and was not read.
    incoming: VecDeque<u8>,
    /// Bytes that were read and that the feeder was not told of.
    untold: usize,
    /// Nothing more will come.
    ended: bool,
    /// Bytes given out that were not taken.
    under_way: usize,
    /// Closed from outside: nobody waits any more.
    cut: bool,
    /// How long the other side may say nothing.
    read_limit: Duration,
    /// How long it may take nothing.
    write_limit: Duration,
}

/// What the two halves of a tunnel share.
pub struct Pipe {
    state: Mutex<State>,
    changed: Condvar,
}

impl Pipe {
    fn new(idle: Duration) -> Pipe {
        let state = State {
            incoming: VecDeque::new(),
            untold: 0,
            ended: false,
            under_way: 0,
            cut: false,
            read_limit: idle,
            write_limit: idle.max(FLUSH),
        };
        Pipe {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Sets how long the other side may be silent.
    pub fn set_idle(&self, idle: Duration) {
        let mut state = self.lock();
        state.read_limit = idle;
        state.write_limit = idle.max(FLUSH);
    }

    /// Takes bytes that came, and how many of the bytes given out were taken. Neither: the end.
    ///
    /// # Errors
    ///
    /// `mismatch` where the other side sends more than it has room for, or takes more than it was given:
    /// the tunnel is cut.
    pub fn feed(&self, bytes: &[u8], credit: u64) -> Outcome<()> {
        let mut state = self.lock();
        let taken = usize::try_from(credit).ok();
        let left = taken.and_then(|taken| state.under_way.checked_sub(taken));
        let room = WINDOW - state.incoming.len();
        match left {
            Some(left) if bytes.len() <= room => {
                state.under_way = left;
                state.incoming.extend(bytes);
                state.ended |= bytes.is_empty() && credit == 0;
                drop(state);
                self.changed.notify_all();
                Ok(())
            }
            _ => {
                drop(state);
                self.cut();
                Err(Fail::new(Status::Mismatch, Step::Process))
            }
        }
    }

    /// Ends all waiting.
    pub fn cut(&self) {
        self.lock().cut = true;
        self.changed.notify_all();
    }

    /// Waits until `ready` says so; false where the time was over first.
    fn wait(
        &self,
        limit: impl Fn(&State) -> Duration,
        ready: impl Fn(&State) -> bool,
    ) -> io::Result<(MutexGuard<'_, State>, bool)> {
        let mut state = self.lock();
        let until = Instant::now() + limit(&state);
        loop {
            if state.cut {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            if ready(&state) {
                return Ok((state, true));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok((state, false));
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    // A panic while the lock was held leaves numbers that fit: every change of two fields is made
    // without a call between them that could panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The half of a tunnel that the records use.
pub struct TunnelLink {
    pipe: Arc<Pipe>,
    shared: Arc<Shared>,
    job: u64,
}

impl TunnelLink {
    /// A tunnel whose frames are those of `job`.
    pub fn new(shared: &Arc<Shared>, job: u64, idle: Duration) -> (TunnelLink, Arc<Pipe>) {
        let pipe = Arc::new(Pipe::new(idle));
        let link = TunnelLink {
            pipe: Arc::clone(&pipe),
            shared: Arc::clone(shared),
            job,
        };
        (link, pipe)
    }

    fn send(&self, kind: FrameType, last: bool, payload: Vec<u8>) {
        self.shared.frames.push(Frame {
            job: self.job,
            kind,
            last,
            payload,
        });
    }
}

impl Link for TunnelLink {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let ready = |state: &State| !state.incoming.is_empty() || state.ended;
        let (mut state, is_ready) = self.pipe.wait(|state| state.read_limit, ready)?;
        if !is_ready {
            return Err(ErrorKind::TimedOut.into());
        }
        let got = io::Read::read(&mut state.incoming, into)?;
        state.untold += got;
        // Told often enough that the feeder, who may have sixteen times this under way, never waits.
        let told = if state.untold >= PIECE {
            std::mem::take(&mut state.untold)
        } else {
            0
        };
        drop(state);
        if told > 0 {
            let payload = (told as u64).to_le_bytes().to_vec();
            self.send(FrameType::Credit, false, payload);
        }
        Ok(got)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            let room = |state: &State| state.under_way + piece.len() <= WINDOW;
            let (mut state, has_room) = self.pipe.wait(|state| state.write_limit, room)?;
            if !has_room {
                return Err(ErrorKind::TimedOut.into());
            }
            state.under_way += piece.len();
            drop(state);
            self.send(FrameType::Bytes, false, piece.to_vec());
        }
        Ok(())
    }

    fn is_readable(&mut self, wait: Duration) -> io::Result<bool> {
        let ready = |state: &State| !state.incoming.is_empty() || state.ended;
        Ok(self.pipe.wait(|_| wait, ready)?.1)
    }

    fn is_tunnel(&self) -> bool {
        true
    }
}

impl Drop for TunnelLink {
    fn drop(&mut self) {
        self.pipe.cut();
        self.send(FrameType::Bytes, true, Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::block::u64_at;
    use crate::testing;

    const SHORT: Duration = Duration::from_millis(30);

    fn tunnel(idle: Duration) -> (TunnelLink, Arc<Pipe>, Arc<Shared>) {
        let shared = Arc::new(testing::shared());
        let (link, pipe) = TunnelLink::new(&shared, 5, idle);
        (link, pipe, shared)
    }

    #[test]
    fn what_is_fed_is_read_and_credit_is_told() {
        let (mut link, pipe, shared) = tunnel(SHORT);
        let sent: Vec<u8> = (0..WINDOW).map(|i| (i % 251) as u8).collect();
        pipe.feed(&sent, 0).unwrap();
        assert!(link.is_readable(Duration::ZERO).unwrap());
        let mut got: Vec<u8> = Vec::new();
        let mut piece = vec![0; 100_001];
        while got.len() < sent.len() {
            let bytes = link.read(&mut piece).unwrap();
            got.extend(&piece[..bytes]);
        }
        assert!(got == sent);
        let told: u64 = shared
            .frames
            .take()
            .iter()
            .map(|frame| {
                assert_eq!((frame.kind, frame.job), (FrameType::Credit, 5));
                u64_at(&frame.payload, 0)
            })
            .sum();
        assert!(told > (WINDOW - PIECE) as u64 && told <= WINDOW as u64);
        pipe.feed(b"x", 0).unwrap();
    }

    #[test]
    fn what_is_written_waits_for_credit() {
        let (mut link, pipe, shared) = tunnel(Duration::from_secs(5));
        let writer = thread::spawn(move || link.write_all(&vec![7; WINDOW + 10]));
        let mut came = 0;
        while came < WINDOW / PIECE {
            came += shared.frames.take().len();
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(SHORT);
        assert!(!writer.is_finished());
        pipe.feed(b"", 10).unwrap();
        writer.join().unwrap().unwrap();
        let last = shared.frames.take().pop().unwrap();
        assert!(last.last && last.payload.is_empty());
    }

    #[test]
    fn silence_is_timed_out_and_the_end_is_an_end() {
        let (mut link, pipe, _shared) = tunnel(SHORT);
        let mut into = [0; 8];
        let silent = link.read(&mut into).unwrap_err();
        assert_eq!(silent.kind(), ErrorKind::TimedOut);
        assert!(!link.is_readable(SHORT).unwrap());
        pipe.feed(b"ab", 0).unwrap();
        pipe.feed(b"", 0).unwrap();
        assert_eq!(link.read(&mut into).unwrap(), 2);
        assert_eq!(link.read(&mut into).unwrap(), 0);
        pipe.lock().write_limit = SHORT;
        let unread = link.write_all(&vec![0; WINDOW + 1]).unwrap_err();
        assert_eq!(unread.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_feeder_that_overruns_the_window_is_cut() {
        for (bytes, credit) in [(WINDOW, 0), (0, 1)] {
            let (mut link, pipe, _shared) = tunnel(SHORT);
            pipe.feed(b"x", 0).unwrap();
            let fail = pipe.feed(&vec![0; bytes], credit).unwrap_err();
            assert_eq!(fail.status, Status::Mismatch);
            assert!(link.read(&mut [0; 8]).is_err());
        }
    }

    #[test]
    fn cutting_wakes_a_reader() {
        let (mut link, pipe, _shared) = tunnel(Duration::from_secs(20));
        let reader = thread::spawn(move || link.read(&mut [0; 8]).map_err(|error| error.kind()));
        thread::sleep(SHORT);
        pipe.cut();
        assert_eq!(reader.join().unwrap(), Err(ErrorKind::ConnectionAborted));
    }
}
