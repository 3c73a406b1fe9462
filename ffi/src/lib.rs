//! blit's native library: what touches many bytes or many files. It decides nothing; see docs/native.md.
//!
//! This file is the C ABI and nothing else: every function checks its arguments, catches panics, and
//! returns 0 or minus a [`status::Status`].

pub mod abi;
pub mod attributes;
pub mod beneath;
pub mod block;
pub mod buffer;
pub mod control;
pub mod copy;
pub mod destination;
pub mod dirs;
pub mod draft;
pub mod durable;
pub mod finish;
pub mod frame;
pub mod hash;
pub mod holes;
pub mod in_place;
pub mod journal;
pub mod link;
pub mod marker;
pub mod meta;
pub mod names;
pub mod net;
pub mod node;
pub mod notify;
pub mod pool;
pub mod probe;
pub mod read;
pub mod remove;
pub mod rename;
pub mod request;
pub mod results;
pub mod root;
pub mod scan;
pub mod source;
pub mod staging;
pub mod stat;
pub mod status;
pub mod subroot;
pub mod sync;
pub mod sys;
#[cfg(test)]
pub(crate) mod testing;
pub mod write;
pub mod xattr;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control::Control;
use frame::{Collected, TOO_SMALL};
use pool::Pool;
use root::Root;
use status::{Fail, Outcome, Status, Step};

/// The process's one pool.
static POOL: Mutex<Option<Arc<Pool>>> = Mutex::new(None);

/// Writes the ABI record.
///
/// # Safety
///
/// `out` must be valid for writing `len` bytes.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_abi_describe(out: *mut u8, len: usize) -> i32 {
    shim(|| {
        let words = abi::describe();
        // SAFETY: the caller's promise is this function's own.
        let out = unsafe { bytes_mut(out, len) }?;
        let record = out.get_mut(..words.len() * 4).ok_or(Fail::usage())?;
        for (place, word) in record.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        Ok(())
    })
}

/// Starts the worker pool.
///
/// # Safety
///
/// `control` must point to `control_len` bytes that stay in place until [`blit_pool_close`] has
/// returned 0, and for ever where it returned `busy`.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_pool_open(threads: u32, control: *mut u8, control_len: usize) -> i32 {
    shim(|| {
        let mut slot = pool_slot();
        if slot.is_some() {
            return Err(Fail::new(Status::Exists, Step::Process));
        }
        // SAFETY: the caller's promise is this function's own.
        let control = unsafe { Control::from_raw(control, control_len) }?;
        *slot = Some(Pool::open(threads, control)?);
        Ok(())
    })
}

/// Sets the number of workers, 1 to 64.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub extern "C" fn blit_pool_resize(threads: u32) -> i32 {
    shim(|| pool()?.resize(threads))
}

/// Copies, checks and queues a request.
///
/// # Safety
///
/// `request` must be valid for reading `len` bytes.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_pool_submit(request: *const u8, len: usize) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let request = unsafe { bytes(request, len) }?;
        pool()?.submit(request.to_vec())
    })
}

/// Waits for frames and writes as many whole ones as fit.
///
/// # Safety
///
/// `out` must be valid for writing `cap` bytes and `out_len` for writing a u64, and nothing else may
/// touch either until the call returns.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_pool_collect(
    out: *mut u8,
    cap: usize,
    timeout_ms: u32,
    out_len: *mut u64,
) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let (out, out_len) = unsafe { (bytes_mut(out, cap)?, bytes_mut(out_len.cast(), 8)?) };
        let timeout = Duration::from_millis(timeout_ms.into());
        let length = match pool()?.collect(out, timeout) {
            Collected::Bytes(bytes) => bytes as u64,
            Collected::TooSmall(needed) => needed as u64 | TOO_SMALL,
            Collected::Closed => return Err(Fail::cancelled()),
        };
        out_len.copy_from_slice(&length.to_ne_bytes());
        Ok(())
    })
}

/// Cancels everything, wakes the collector and ends the workers.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub extern "C" fn blit_pool_close() -> i32 {
    shim(|| {
        let pool = pool_slot().take().ok_or(Fail::usage())?;
        pool.close()
    })
}

/// Opens a root directory, following links this once; writes handle, device and inode.
///
/// # Safety
///
/// `path` must be valid for reading `len` bytes and `out` for writing three u64.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_root_open(
    path: *const u8,
    len: usize,
    flags: u32,
    out: *mut u64,
) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let (path, out) = unsafe { (bytes(path, len)?, bytes_mut(out.cast(), 24)?) };
        write_root(Root::open_at(path, flags)?, out);
        Ok(())
    })
}

/// Releases a root, its parked scans and its locks.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub extern "C" fn blit_root_close(root: u32) -> i32 {
    shim(|| {
        root::close(root)?;
        if let Ok(pool) = pool() {
            pool.forget_root(root);
        }
        Ok(())
    })
}

/// Writes facts of the file system that holds a root.
///
/// # Safety
///
/// `out` must be valid for writing `cap` bytes.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_root_probe(root: u32, out: *mut u8, cap: usize) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let out = unsafe { bytes_mut(out, cap) }?;
        let out = out.get_mut(..probe::PROBE_BYTES).ok_or(Fail::usage())?;
        let root = root::get(root)?;
        out.copy_from_slice(&probe::probe(&root)?);
        Ok(())
    })
}

/// Opens a directory beneath a root as a root of its own; writes handle, device and inode.
///
/// # Safety
///
/// `path` must be valid for reading `len` bytes and `out` for writing three u64.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_root_open_at(
    root: u32,
    path: *const u8,
    len: usize,
    flags: u32,
    out: *mut u64,
) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let (path, out) = unsafe { (bytes(path, len)?, bytes_mut(out.cast(), 24)?) };
        let root = root::get(root)?;
        write_root(root.open_root(path, flags)?, out);
        Ok(())
    })
}

/// Finds the process's listening sockets of a port and accepts from them.
///
/// # Safety
///
/// `settings` must be valid for reading `len` bytes.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_net_listen(
    job: u64,
    port: u32,
    settings: *const u8,
    len: usize,
) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let settings = unsafe { bytes(settings, len) }?;
        net::listen::listen(pool()?.shared(), job, port, settings)
    })
}

/// Ends a job's listening.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub extern "C" fn blit_net_unlisten(job: u64) -> i32 {
    shim(|| pool()?.shared().net.listeners.close(job))
}

/// Binds an arrival or a tunnel to a session and lets it work, or refuses it.
///
/// # Safety
///
/// `terms` must be valid for reading `len` bytes.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_net_bind(stream: u32, terms: *const u8, len: usize) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let terms = unsafe { bytes(terms, len) }?;
        net::bind::bind(pool()?.shared(), stream, terms)
    })
}

/// Sets how long the peer of a stream that this process opens may be silent.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub extern "C" fn blit_net_idle(ms: u32) -> i32 {
    shim(|| pool()?.shared().net.set_idle(ms))
}

/// Makes a stream whose bytes the caller carries; writes its handle.
///
/// # Safety
///
/// `out` must be valid for writing a u32.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_net_tunnel(job: u64, out: *mut u32) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let out = unsafe { bytes_mut(out.cast(), 4) }?;
        let stream = net::Net::open_tunnel(pool()?.shared(), job)?;
        out.copy_from_slice(&stream.to_ne_bytes());
        Ok(())
    })
}

/// Hands bytes that came for a tunnel to its reader, and says how many of those it gave out were taken.
///
/// # Safety
///
/// `data` must be valid for reading `len` bytes.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_net_feed(
    stream: u32,
    data: *const u8,
    len: usize,
    credit: u64,
) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let data = unsafe { bytes(data, len) }?;
        let pipe = pool()?.shared().net.streams.pipe(stream)?;
        pipe.feed(data, credit)
    })
}

/// Closes a stream: the work on it ends with `disconnected`.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub extern "C" fn blit_net_close(stream: u32) -> i32 {
    shim(|| pool()?.shared().net.streams.close(stream))
}

/// Tells a service manager something, at the socket that it named.
///
/// # Safety
///
/// `address` and `words` must be valid for reading as many bytes as is said of each.
#[allow(unsafe_code, reason = "C ABI")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blit_service_notify(
    address: *const u8,
    address_len: usize,
    words: *const u8,
    len: usize,
) -> i32 {
    shim(|| {
        // SAFETY: the caller's promise is this function's own.
        let (address, words) = unsafe { (bytes(address, address_len)?, bytes(words, len)?) };
        notify::notify(address, words)
    })
}

/// Runs a function of the ABI: a panic becomes `bug`, since unwinding into the caller is undefined.
fn shim(body: impl FnOnce() -> Outcome<()>) -> i32 {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => 0,
        Ok(Err(fail)) => -(fail.status as i32),
        Err(_) => -(Status::Bug as i32),
    }
}

/// Registers a root and writes its handle, device and inode.
fn write_root(root: Root, out: &mut [u8]) {
    let (device, inode) = (root.device, root.inode);
    let handle = root::add(root);
    for (place, word) in out.chunks_exact_mut(8).zip([handle.into(), device, inode]) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
}

fn pool_slot() -> MutexGuard<'static, Option<Arc<Pool>>> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pool() -> Outcome<Arc<Pool>> {
    pool_slot().clone().ok_or(Fail::cancelled())
}

/// The caller's bytes; `usage` for a null pointer, unless the length is 0.
///
/// # Safety
///
/// `start` must be null or valid for reading `len` bytes for `'a`.
#[allow(unsafe_code, reason = "C ABI")]
unsafe fn bytes<'a>(start: *const u8, len: usize) -> Outcome<&'a [u8]> {
    match (start.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Fail::usage()),
        // SAFETY: not null, and valid for as long as the caller says.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(start, len) }),
    }
}

/// The caller's buffer; `usage` for a null pointer, unless the length is 0.
///
/// # Safety
///
/// `start` must be null or valid for writing `len` bytes for `'a`, and used by nobody else meanwhile.
#[allow(unsafe_code, reason = "C ABI")]
unsafe fn bytes_mut<'a>(start: *mut u8, len: usize) -> Outcome<&'a mut [u8]> {
    match (start.is_null(), len) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(Fail::usage()),
        // SAFETY: not null, valid and unshared for as long as the caller says.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts_mut(start, len) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_shim_is_a_bug_and_not_an_unwinding() {
        assert_eq!(shim(|| panic!("on purpose")), -1);
    }
}
