//! Limits of the process.

/// Windows limits handles by memory alone: there is nothing to raise.
pub fn raise_file_limit() {}
