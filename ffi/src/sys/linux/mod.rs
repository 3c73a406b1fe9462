//! Linux, through rustix.

mod clone;
mod durable;
mod folds;
mod lacks;
mod lease;
mod list;
#[cfg(target_env = "gnu")]
mod memory;
mod metadata;
mod node;
mod open;
mod socket;
mod space;
mod stamp;
mod write_out;

pub use super::unix::*;
pub use clone::{
    copy_large_streams, copy_range, copy_range_is_hopeless, copy_range_is_unsupported, reflink,
    reflink_is_hopeless,
};
pub use durable::{
    advise_sequential, fdatasync, forgets_inodes, fsync, mount_line, reports_late, syncfs,
};
pub use lease::{forbid_writers, no_writer_waits};
pub use list::DirReader;
#[cfg(target_env = "gnu")]
pub use memory::keep_little_memory;
pub use metadata::{read_link_at, stat_at, stat_fd};
pub use node::make_node;
pub use open::{
    Mode, OFlags, is_link_at, must_walk, open_beneath, open_child, open_file_unmarked,
    open_followed,
};
pub use socket::{OWN_DESCRIPTORS, is_listening, new_socket, prefer_bbr};
pub use space::file_system_facts;
pub use stamp::{Held, Holder, means_other_kind};
pub use write_out::write_out;
