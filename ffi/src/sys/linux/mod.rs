//! Linux, through rustix.

mod clone;
mod errno;
mod limits;
mod list;
mod make;
mod metadata;
mod name;
mod open;
mod read;
mod space;
mod stamp;
mod write;

pub use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub use clone::{
    allow_holes, copy_large_streams, copy_range, copy_range_is_hopeless, copy_range_is_unsupported,
    next_data, next_hole, reflink, reflink_is_hopeless,
};
pub use errno::{Errno, os_number, status_of};
pub use limits::raise_file_limit;
pub use list::DirReader;
pub use make::make_directories;
pub use metadata::{read_link_at, stat_at, stat_fd};
pub use name::{
    create_file, hard_link, make_directory, make_node, make_symlink, open_directory, open_file,
    open_file_to_write, open_handle, read_link, remove_directory, remove_file, rename, rename_new,
    reopen_directory, stat_name,
};
pub use open::{Mode, OFlags, is_link_at, must_walk, open_beneath, open_child, open_followed};
pub use read::{advise_sequential, fsync, read, read_at, syncfs};
pub use space::file_system_facts;
pub use stamp::{Held, Holder, effective_uid, means_other_kind};
pub use write::{fdatasync, is_locked, reports_late, truncate, try_lock, write_all_at};
