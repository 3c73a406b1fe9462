//! What Linux and macOS have in common.

mod errno;
mod holes;
mod limits;
mod make;
pub(super) mod name;
mod read;
mod socket;
mod stamp;
mod write;

pub use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub use errno::{Errno, os_number, status_of};
pub use holes::{allow_holes, next_data, next_hole};
pub use limits::raise_file_limit;
pub use make::make_directories;
pub use name::{
    KEEPS_MODES, MODES_AT_CREATION, create_file, create_file_as, hard_link, make_directory,
    make_listed_directory, make_symlink, open_directory, open_file, open_file_to_write,
    open_handle, read_link, remove_directory, remove_file, rename, rename_new, reopen_directory,
    stat_name,
};
pub use read::{read, read_at};
pub use socket::{connect, keep_alive, listening_sockets, reset_at_close, unread, wait_readable};
pub use stamp::effective_uid;
pub(super) use stamp::{both_times_of, mtime_of, owner_of};
pub use write::{close_copy, is_locked, truncate, try_lock, write_all_at};
