//! What some systems have not, said once for all that lack it.

#[cfg(not(target_os = "macos"))]
mod create_clone;
#[cfg(not(target_os = "linux"))]
mod forgets_inodes;
#[cfg(not(target_os = "linux"))]
mod in_kernel;
#[cfg(not(target_os = "linux"))]
mod lease;
// Asked by those who listen, which nobody does on Windows.
#[cfg(all(unix, not(all(target_os = "linux", target_env = "gnu"))))]
mod memory;
#[cfg(not(target_os = "linux"))]
mod mount_line;
#[cfg(not(target_os = "linux"))]
mod write_out;

#[cfg(not(target_os = "macos"))]
pub use create_clone::{CLONES_AT_CREATION, create_clone};
#[cfg(not(target_os = "linux"))]
pub use forgets_inodes::forgets_inodes;
#[cfg(not(target_os = "linux"))]
pub use in_kernel::{
    copy_range, copy_range_is_hopeless, copy_range_is_unsupported, reflink, reflink_is_hopeless,
};
#[cfg(not(target_os = "linux"))]
pub use lease::{forbid_writers, no_writer_waits};
#[cfg(all(unix, not(all(target_os = "linux", target_env = "gnu"))))]
pub use memory::keep_little_memory;
#[cfg(not(target_os = "linux"))]
pub use mount_line::mount_line;
#[cfg(not(target_os = "linux"))]
pub use write_out::write_out;
