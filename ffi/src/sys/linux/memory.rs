//! How much of the memory that was freed the C library keeps.

use std::ffi::c_int;

const M_TRIM_THRESHOLD: c_int = -1;
const M_MMAP_THRESHOLD: c_int = -3;
const M_ARENA_MAX: c_int = -8;

/// Pieces of at least this size go back to the system when they are freed, bytes. The library would raise the limit, to
/// 32 MiB in the end, each time that a larger piece is freed, and keep what is between pieces that are still in use.
const LARGE_BYTES: c_int = 128 << 10;
/// What may lie unused at the end of the heap, bytes.
const SPARE_BYTES: c_int = 1 << 20;
/// Heaps for all threads together; eight for each processor would be the default, each with its own gaps.
const HEAPS: c_int = 2;

/// Has this process give memory back soon after it was freed, for programs that run for months and are busy for
/// minutes. Every thread's allocations are meant, the host program's too.
///
/// Reference: `man 3 mallopt`.
#[allow(unsafe_code, reason = "rustix has no mallopt")]
pub fn keep_little_memory() {
    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    for (parameter, value) in [
        (M_MMAP_THRESHOLD, LARGE_BYTES),
        (M_TRIM_THRESHOLD, SPARE_BYTES),
        (M_ARENA_MAX, HEAPS),
    ] {
        // SAFETY: numbers only, and every thread may call it at any time. What it doesn't take changes nothing.
        unsafe { mallopt(parameter, value) };
    }
}
