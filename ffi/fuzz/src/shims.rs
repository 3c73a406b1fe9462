//! Every call of the C ABI that takes bytes, in any order, on a live pool.
//!
//! The input is a list of steps: a byte that chooses the call, a byte for its number, two bytes of length,
//! and so many bytes for it. A job that was taken ends, and nothing outside of the root is touched. Dialling
//! is left out: it would reach for addresses.
//!
//! Where an input is carried out by `cargo test`, the pool's threads do the jobs; a fuzzer's pool has none, and
//! does them where they are collected.
#![allow(unsafe_code, reason = "these are calls of the C ABI")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Thrown;
use blit_native::block::{u32_at, u64_at};
use blit_native::request::{Op, flag};
use blit_native::root::MAKE;
use blit_native::status::Status;
use blit_native::*;

const STEPS: usize = 16;
/// Numbers from here on open a root by a path that isn't beneath another.
const ANYWHERE: u32 = 128;
/// Numbers of jobs, none used twice: frames of the last input may still come.
static NEXT_JOB: AtomicU64 = AtomicU64::new(1 << 32);

/// Room for frames to begin with.
const FRAMES_BYTES: usize = 64 << 10;

struct World {
    thrown: Thrown,
    root: AtomicU32,
    /// Where frames are collected.
    frames: Mutex<Vec<u8>>,
}

impl World {
    /// Opens the root anew.
    fn open(&self) {
        let path = self.thrown.inside();
        let path = path.as_os_str().as_encoded_bytes();
        let mut record = [0u64; 3];
        // SAFETY: both are as long as said.
        let code = unsafe { blit_root_open(path.as_ptr(), path.len(), 0, record.as_mut_ptr()) };
        assert_eq!(code, 0);
        blit_root_close(self.root.swap(record[0] as u32, Relaxed));
    }
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let control = Box::leak(Box::new([0u64; 1024])).as_mut_ptr().cast();
    // SAFETY: the control block is never freed.
    assert_eq!(unsafe { blit_pool_open(1, control, 8192) }, 0);
    World {
        thrown: Thrown::new(),
        root: AtomicU32::new(0),
        frames: Mutex::new(vec![0; FRAMES_BYTES]),
    }
});

/// One input's calls.
struct Calls {
    root: u32,
    tunnel: u32,
    waiting: HashSet<u64>,
}

impl Calls {
    fn call(&mut self, which: u8, number: u8, bytes: &[u8]) -> i32 {
        let mut record = [0u64; 3];
        let out = record.as_mut_ptr();
        // SAFETY: every pointer is to memory that is as long as said.
        unsafe {
            match which % 8 {
                0 | 1 => self.submit(bytes),
                2 => self.open_tunnel(),
                3 => self.bind(bytes),
                4 => blit_net_feed(self.tunnel, bytes.as_ptr(), bytes.len(), number.into()),
                5 => {
                    let (start, length) = (bytes.as_ptr(), bytes.len());
                    let code = match u32::from(number).checked_sub(ANYWHERE) {
                        // Any path of this machine: nothing may be made there.
                        Some(flags) => blit_root_open(start, length, flags & !MAKE, out),
                        None => blit_root_open_at(self.root, start, length, number.into(), out),
                    };
                    if code == 0 {
                        blit_root_close(record[0] as u32);
                    }
                    code
                }
                6 => blit_net_listen(1, 1, bytes.as_ptr(), bytes.len()),
                _ => blit_net_close(self.tunnel),
            }
        }
    }

    /// A request of this process: its job and roots are the target's, the rest is the input's.
    fn submit(&mut self, bytes: &[u8]) -> i32 {
        let mut request = bytes.to_vec();
        if request.len() < 64 || request[1] == Op::Dial as u8 {
            return 0;
        }
        let job = self.take_job();
        request[8..16].copy_from_slice(&job.to_le_bytes());
        for place in [16, 20] {
            if u32_at(&request, place) != 0 {
                request[place..place + 4].copy_from_slice(&self.root.to_le_bytes());
            }
        }
        let flags = u32_at(&request, 4) & !flag::FSYNC;
        request[4..8].copy_from_slice(&flags.to_le_bytes());
        // SAFETY: it is as long as said.
        let code = unsafe { blit_pool_submit(request.as_ptr(), request.len()) };
        if code == 0 {
            self.waiting.insert(job);
        }
        code
    }

    /// Ends the tunnel that there is, and opens another.
    fn open_tunnel(&mut self) -> i32 {
        self.settle();
        let job = self.take_job();
        // SAFETY: the place is a u32.
        unsafe { blit_net_tunnel(job, &raw mut self.tunnel) }
    }

    fn bind(&mut self, bytes: &[u8]) -> i32 {
        let mut terms = bytes.to_vec();
        let job = self.take_job();
        if terms.len() >= 32 {
            terms[4..8].copy_from_slice(&self.root.to_le_bytes());
            terms[24..32].copy_from_slice(&job.to_le_bytes());
        }
        // SAFETY: it is as long as said.
        let code = unsafe { blit_net_bind(self.tunnel, terms.as_ptr(), terms.len()) };
        if code == 0 && u32_at(&terms, 0) == 0 {
            self.waiting.insert(job);
        }
        code
    }

    fn take_job(&self) -> u64 {
        NEXT_JOB.fetch_add(1, Relaxed)
    }

    /// Says that nothing more comes through the tunnel, collects until every job that was taken has ended, and
    /// closes it.
    fn settle(&mut self) {
        // SAFETY: no bytes are said to be there.
        unsafe { blit_net_feed(self.tunnel, std::ptr::null(), 0, 0) };
        let until = Instant::now() + Duration::from_secs(10);
        let frames = &WORLD.frames;
        let mut frames = frames.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.waiting.is_empty() {
            assert!(
                Instant::now() < until,
                "jobs never ended: {:?}",
                self.waiting
            );
            let mut length = 0u64;
            // SAFETY: as long as said.
            let code = unsafe {
                blit_pool_collect(frames.as_mut_ptr(), frames.len(), 100, &raw mut length)
            };
            assert_eq!(code, 0);
            if length >> 63 != 0 {
                frames.resize((length << 1 >> 1) as usize, 0);
                continue;
            }
            if length == 0 {
                // What writes more than the tunnel holds would wait for whoever takes it.
                blit_net_close(self.tunnel);
            }
            let mut at = 0;
            while at < length as usize {
                if frames[at + 13] == 1 {
                    self.waiting.remove(&u64_at(&frames, at));
                }
                at += u32_at(&frames, at + 8) as usize;
            }
        }
        blit_net_close(self.tunnel);
    }
}

/// Carries one input out; panics where a promise doesn't hold.
pub fn run(data: &[u8]) {
    let world = &*WORLD;
    if world.thrown.fill() {
        world.open();
    }
    let mut calls = Calls {
        root: world.root.load(Relaxed),
        tunnel: 0,
        waiting: HashSet::new(),
    };
    let mut rest = data;
    for _ in 0..STEPS {
        let Some((&[which, number, low, high], after)) = rest.split_first_chunk::<4>() else {
            break;
        };
        let length = usize::from(u16::from_le_bytes([low, high])).min(after.len());
        let (bytes, after) = after.split_at(length);
        let code = calls.call(which, number, bytes);
        assert_ne!(code, -(Status::Bug as i32));
        rest = after;
    }
    calls.settle();
    world.thrown.check();
}
