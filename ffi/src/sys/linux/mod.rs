//! Linux, through rustix.

mod errno;
mod limits;
mod list;
mod metadata;
mod open;
mod read;
mod space;

pub use errno::{Errno, os_number, status_of};
pub use limits::raise_file_limit;
pub use list::DirReader;
pub use metadata::{Metadata, read_link_at, stat_at, stat_fd};
pub use open::{OFlags, Mode, is_link_at, open_beneath, open_child, open_followed, openat2_missing};
pub use read::{advise_sequential, fsync, read, read_at, syncfs};
pub use space::{SpaceFacts, file_system_facts};
