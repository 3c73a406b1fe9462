//! The network: streams of the data plane, and what travels on them. See docs/protocol.md.

pub mod entry;
pub mod link;
pub mod record;
pub mod serve;
pub mod terms;

#[cfg(test)]
mod vectors;
