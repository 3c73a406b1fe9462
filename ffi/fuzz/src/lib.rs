//! What the targets do with one input, and what they share: a place that is thrown away, and around it what
//! must stay as it is. The inputs that were kept are carried out by `cargo test` too.

pub mod blocks;
pub mod records;
pub mod shims;
pub mod stream;
mod thrown;

pub use thrown::Thrown;
