//! Listening: the ports whose connections this library accepts. The caller opened the sockets; here they
//! are found and duplicated.

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::link::lost;
use super::poller::Poller;
use super::threads::Threads;
use super::tls::Identity;
use crate::block::u32_at;
use crate::control::Shared;
use crate::status::{Fail, Outcome, Status, Step};
use crate::sys;

/// Size of the settings' head, bytes.
pub const HEAD_BYTES: usize = 24;
/// Flag: TLS.
pub const TLS: u32 = 1;
/// Most connections that may be kept unbound: each is a descriptor, and looked at in each round.
const MOST_UNBOUND: u32 = 1024;
/// Longest time until a token must be there.
const MOST_MS: u32 = 60_000;

/// How many connections are kept before they are bound, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In all.
    pub in_all: usize,
    /// From one address.
    pub per_address: usize,
    /// From accepting a connection to binding it.
    pub time: Duration,
}

/// How to tell a poller something.
pub struct Line {
    bell: UnixStream,
    closing: AtomicBool,
    /// How often the poller went round.
    #[cfg(test)]
    pub(super) rounds: std::sync::atomic::AtomicU64,
}

impl Line {
    /// Wakes the poller.
    pub fn ring(&self) {
        // Full: it is woken already.
        let _ = (&self.bell).write(&[1]);
    }

    /// Whether the poller shall end.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    fn close(&self) {
        self.closing.store(true, Relaxed);
        self.ring();
    }
}

/// The ports that a pool listens on, by their jobs.
#[derive(Default)]
pub struct Listeners {
    lines: Mutex<HashMap<u64, Arc<Line>>>,
}

impl Listeners {
    /// Has every poller look at what it keeps.
    pub fn wake(&self) {
        self.lock().values().for_each(|line| line.ring());
    }

    /// Ends all listening.
    pub fn close_all(&self) {
        for line in std::mem::take(&mut *self.lock()).into_values() {
            line.close();
        }
    }

    /// Ends one job's listening.
    pub fn close(&self, job: u64) -> Outcome<()> {
        let line = self.lock().remove(&job).ok_or(Fail::usage())?;
        line.close();
        Ok(())
    }

    /// How often a job's poller went round.
    #[cfg(test)]
    pub fn rounds(&self, job: u64) -> u64 {
        self.lock()[&job].rounds.load(Relaxed)
    }

    /// Forgets a poller that ended by itself.
    pub(super) fn forget(&self, job: u64) {
        self.lock().remove(&job);
    }

    // Every change is one step: a panic while the lock was held leaves it whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the sockets that listen on a port, and starts the poller that accepts from them. What arrives is
/// told in frames of `job`.
///
/// # Errors
///
/// `usage` for malformed settings, or a certificate and a key that don't fit; `not_found` where this
/// process doesn't listen on the port; `exists` where the job listens already.
pub fn listen(shared: &Arc<Shared>, job: u64, port: u32, settings: &[u8]) -> Outcome<()> {
    let (limits, identity) = parse(settings)?;
    let port = u16::try_from(port).map_err(|_| Fail::usage())?;
    let sockets = sys::listening_sockets(port).map_err(|error| Fail {
        status: Status::TooManyFiles,
        ..lost(&error)
    })?;
    if sockets.is_empty() {
        return Err(Fail::new(Status::NotFound, Step::Process));
    }
    let listeners: Vec<TcpListener> = sockets.into_iter().map(TcpListener::from).collect();
    let io = |error: std::io::Error| Fail {
        status: Status::Io,
        ..lost(&error)
    };
    for listener in &listeners {
        listener.set_nonblocking(true).map_err(io)?;
    }
    let (bell, hears) = UnixStream::pair().map_err(io)?;
    bell.set_nonblocking(true).map_err(io)?;
    hears.set_nonblocking(true).map_err(io)?;
    let line = Arc::new(Line {
        bell,
        closing: AtomicBool::new(false),
        #[cfg(test)]
        rounds: Default::default(),
    });
    {
        let mut lines = shared.net.listeners.lock();
        if lines.contains_key(&job) {
            return Err(Fail::new(Status::Exists, Step::Process));
        }
        lines.insert(job, Arc::clone(&line));
    }
    // Whoever listens is there for good.
    sys::keep_little_memory();
    let poller = Poller::new(job, listeners, hears, line, limits, identity);
    let started = Threads::spawn(shared, "blit-listen", move |shared| poller.run(shared));
    started.inspect_err(|_| shared.net.listeners.forget(job))
}

fn parse(settings: &[u8]) -> Outcome<(Limits, Option<Identity>)> {
    if settings.len() < HEAD_BYTES {
        return Err(Fail::usage());
    }
    let (head, rest) = settings.split_at(HEAD_BYTES);
    let [flags, in_all, per_address, time_ms, certificate, key] =
        std::array::from_fn(|word| u32_at(head, word * 4));
    let (certificate, key) = (certificate as usize, key as usize);
    let known = flags & !TLS == 0
        && (1..=MOST_UNBOUND).contains(&in_all)
        && (1..=in_all).contains(&per_address)
        && (1..=MOST_MS).contains(&time_ms);
    if !known || certificate.checked_add(key) != Some(rest.len()) {
        return Err(Fail::usage());
    }
    let limits = Limits {
        in_all: in_all as usize,
        per_address: per_address as usize,
        time: Duration::from_millis(time_ms.into()),
    };
    let (certificate, key) = rest.split_at(certificate);
    let identity = match flags & TLS {
        0 if rest.is_empty() => None,
        0 => return Err(Fail::usage()),
        _ => Some(Identity::new(certificate, key)?),
    };
    Ok((limits, identity))
}
