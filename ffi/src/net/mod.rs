//! The network: streams of the data plane, and what travels on them. See docs/protocol.md.

pub mod link;
pub mod serve;
pub mod terms;
