//! Windows, through the NT calls that take a held directory and a name, as the `*at` calls of Unix do.
//!
//! Run under wine, whose file system lacks links, streams and sparse files: what concerns those was never
//! run on Windows itself.

mod attributes;
mod errno;
mod fd;
mod holes;
mod limits;
mod link;
mod list;
mod make;
mod metadata;
mod name;
mod names;
mod nt;
mod open;
mod read;
mod reparse;
mod socket;
mod space;
mod stamp;
mod stream;
mod write;

pub use errno::{Errno, os_number, status_of};
pub use fd::{AsFd, BorrowedFd, OwnedFd};
pub use holes::{allow_holes, next_data, next_hole};
pub use limits::raise_file_limit;
pub use link::{make_symlink, read_link, read_link_at};
pub use list::DirReader;
pub use make::make_directories;
pub use metadata::{stat_at, stat_fd, stat_name};
pub use name::{
    KEEPS_MODES, MODES_AT_CREATION, create_file, create_file_as, hard_link, make_directory,
    make_directory as make_listed_directory, make_node, remove_directory, remove_file, rename,
    rename_new,
};
pub use open::{
    Mode, OFlags, is_link_at, must_walk, open_beneath, open_child, open_directory, open_file,
    open_file_to_write, open_followed, open_handle, reopen_directory,
};
// NTFS leaves access times alone by default, and a handle that keeps them needs a right more.
pub use open::open_file as open_file_unmarked;
pub use read::{advise_sequential, fsync, read, read_at, syncfs};
pub use socket::{connect, keep_alive, prefer_bbr, reset_at_close, unread, wait_readable};
pub use space::file_system_facts;
pub use stamp::{Held, Holder, effective_uid, means_other_kind};
pub use stream::copy_large_streams;
pub use write::{close_copy, fdatasync, is_locked, reports_late, truncate, try_lock, write_all_at};

#[cfg(test)]
mod tests;
