//! The network: streams of the data plane, and what travels on them. See docs/protocol.md.

pub mod bind;
pub mod client;
pub mod dial;
pub mod entry;
pub mod link;
mod make;
pub mod part;
pub mod preamble;
mod receive;
pub mod record;
mod send;
pub mod serve;
pub mod streams;
pub mod tcp;
pub mod terms;
pub mod threads;
pub mod tls;
pub mod tunnel;
mod wire;

#[cfg(unix)]
pub mod listen;
#[cfg(not(unix))]
#[path = "no_listen.rs"]
pub mod listen;
#[cfg(all(test, unix))]
mod loopback;
#[cfg(unix)]
mod pending;
#[cfg(unix)]
mod poller;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::control::Shared;
use crate::status::{Fail, Outcome};
use listen::Listeners;
use streams::{Origin, Reach, Streams};
use threads::Threads;
use tunnel::TunnelLink;

/// How long the peer of a stream that this process opened may be silent, where nothing else was asked for.
const IDLE: Duration = Duration::from_secs(30);
/// What may be asked for, ms.
const LEAST_IDLE_MS: u32 = 1_000;
const MOST_IDLE_MS: u32 = 3_600_000;

/// What a pool has of the network.
#[derive(Default)]
pub struct Net {
    /// Its streams.
    pub streams: Streams,
    /// Its threads.
    pub threads: Threads,
    /// The ports it listens on.
    pub listeners: Listeners,
    /// See [`Net::idle`]; 0: as ever.
    idle_ms: AtomicU32,
}

impl Net {
    /// Makes a tunnel whose frames are those of `job`; returns the stream's handle.
    pub fn open_tunnel(shared: &Arc<Shared>, job: u64) -> Outcome<u32> {
        let (link, pipe) = TunnelLink::new(shared, job, shared.net.idle());
        let reach = Reach::Pipe(pipe);
        shared
            .net
            .streams
            .add(Box::new(link), reach, Origin::Tunnel)
    }

    /// How long the peer of a stream that this process opened may be silent.
    pub fn idle(&self) -> Duration {
        match self.idle_ms.load(Relaxed) {
            0 => IDLE,
            ms => Duration::from_millis(ms.into()),
        }
    }

    /// Sets that, for streams opened and batches begun from now on.
    pub fn set_idle(&self, ms: u32) -> Outcome<()> {
        if !(LEAST_IDLE_MS..=MOST_IDLE_MS).contains(&ms) {
            return Err(Fail::usage());
        }
        self.idle_ms.store(ms, Relaxed);
        Ok(())
    }

    /// Tells the pollers that an arrival is no longer theirs.
    pub fn arrivals_changed(&self) {
        self.listeners.wake();
    }

    /// Ends everything; [`Net::join`] waits for it.
    pub fn close(&self) {
        self.listeners.close_all();
        self.streams.close_all();
    }

    /// Waits for the threads; false where some have not ended by then.
    pub fn join(&self, until: Instant) -> bool {
        self.threads.join(until)
    }
}
