//! macOS, through rustix. Type-checked in the gate, never run: untested.

mod clone;
mod durable;
mod list;
mod metadata;
mod node;
mod open;
mod socket;
mod space;
mod stamp;

pub use super::unix::*;
// There is no way to read without a mark here.
pub use super::unix::open_file as open_file_unmarked;
pub use clone::{CLONES_AT_CREATION, copy_large_streams, create_clone};
pub use durable::{advise_sequential, fdatasync, fsync, reports_late, syncfs};
pub use list::DirReader;
pub use metadata::{read_link_at, stat_at, stat_fd};
pub use node::make_node;
pub use open::{Mode, OFlags, is_link_at, must_walk, open_beneath, open_child, open_followed};
pub use socket::{OWN_DESCRIPTORS, is_listening, new_socket, prefer_bbr};
pub use space::file_system_facts;
pub use stamp::{Held, Holder, means_other_kind};
