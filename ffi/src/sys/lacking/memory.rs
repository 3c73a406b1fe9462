//! How much freed memory is kept: only the C library of GNU asks.

/// Every other allocator decides that itself.
pub fn keep_little_memory() {}
