//! Sharing blocks: clonefile makes the new file itself.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CloneFlags, CopyfileFlags};

use crate::status::{AtStep, Outcome, Step};
use crate::sys::{Errno, Held, Mode, OFlags, open_child, remove_file};

/// Whether sharing blocks is tried while a file is made.
pub const CLONES_AT_CREATION: bool = true;

/// Makes a new file that shares all blocks of `from`, with its attributes and times.
///
/// Reference: `man 2 fclonefileat`.
pub fn create_clone(from: BorrowedFd, dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    rustix::fs::fclonefileat(from, dir, name, CloneFlags::NOOWNERCOPY)?;
    // The clone has the source's mode, which may forbid to open it.
    let opened = open_child(dir, name, OFlags::RDWR, Mode::empty()).or_else(|errno| {
        let reading = open_child(dir, name, OFlags::RDONLY, Mode::empty()).map_err(|_| errno)?;
        Held::open(reading.as_fd()).set_mode(0o600)?;
        open_child(dir, name, OFlags::RDWR, Mode::empty())
    });
    opened.inspect_err(|_| {
        let _ = remove_file(dir, name);
    })
}

/// Copies the attributes that are too large to be carried: resource forks. Returns false where the
/// destination keeps none.
#[allow(unsafe_code, reason = "fcopyfile takes a raw state")]
pub fn copy_large_streams(
    from: BorrowedFd,
    to: BorrowedFd,
    mut step: impl FnMut() -> Outcome<()>,
) -> Outcome<bool> {
    if !super::stamp::has_large_xattr(from).at(Step::SetXattrs)? {
        return Ok(true);
    }
    step()?;
    let state = rustix::fs::copyfile_state_alloc().at(Step::SetXattrs)?;
    // SAFETY: the state was just made, is used by this call alone, and freed once.
    let copied = unsafe {
        let copied = rustix::fs::fcopyfile(from, to, state, CopyfileFlags::XATTR);
        rustix::fs::copyfile_state_free(state).at(Step::SetXattrs)?;
        copied
    };
    match copied {
        Err(Errno::NOTSUP | Errno::OPNOTSUPP) => Ok(false),
        other => other.at(Step::SetXattrs).map(|()| true),
    }
}
