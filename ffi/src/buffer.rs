//! One large buffer a thread, for reading content.

use std::cell::Cell;

/// Size of the buffer, bytes.
pub const BUFFER_BYTES: usize = 1 << 20;

thread_local! {
    static BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Lends this thread's buffer, made at first use; its content is whatever the last user left.
pub fn with_buffer<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    // Taken out while it is lent: a nested call gets a fresh one instead of the same memory.
    let mut buffer = BUFFER
        .take()
        .unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice());
    let result = work(&mut buffer);
    BUFFER.set(Some(buffer));
    result
}
