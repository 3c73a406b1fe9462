//! Holes. Copying within the system is left alone: CopyFileEx takes paths, which others can change meanwhile.

use windows_sys::Win32::System::Ioctl::{FSCTL_QUERY_ALLOCATED_RANGES, FSCTL_SET_SPARSE};

use super::{AsFd, BorrowedFd, Errno, OwnedFd, nt};

/// Whether sharing blocks is tried while a file is made.
pub const CLONES_AT_CREATION: bool = false;

/// Not done on Windows; see [`reflink`].
pub fn create_clone(_: BorrowedFd, _: BorrowedFd, _: &[u8]) -> Result<OwnedFd, Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Not done on Windows: only ReFS shares blocks.
pub fn reflink(_: impl AsFd, _: impl AsFd) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Whether a refused reflink means that no file of this pair of file systems can share blocks.
pub fn reflink_is_hopeless(_: Errno) -> bool {
    true
}

/// Not there on Windows for handles.
pub fn copy_range(_: BorrowedFd, _: BorrowedFd, _: u64, _: usize) -> Result<usize, Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Whether a refused [`copy_range`] means: use another method.
pub fn copy_range_is_unsupported(_: Errno) -> bool {
    true
}

/// Whether a refused [`copy_range`] is a matter of the two file systems, not of this one file.
pub fn copy_range_is_hopeless(_: Errno) -> bool {
    true
}

/// Lets a new file have holes; where the file system has none, they become zeros.
///
/// Reference: FSCTL_SET_SPARSE.
pub fn allow_holes(fd: impl AsFd) {
    let _ = nt::control(fd.as_fd(), FSCTL_SET_SPARSE, &[], &mut []);
}

/// Start of the next data at or after `offset`; `None` where only a hole follows.
pub fn next_data(fd: impl AsFd, offset: u64) -> Result<Option<u64>, Errno> {
    Ok(next_range(fd.as_fd(), offset)?.map(|(start, _)| start.max(offset)))
}

/// Start of the next hole at or after `offset`; every file has one at its end.
pub fn next_hole(fd: impl AsFd, offset: u64) -> Result<u64, Errno> {
    let mut at = offset;
    while let Some((start, end)) = next_range(fd.as_fd(), at)?
        && start <= at
        && end > at
    {
        at = end;
    }
    Ok(at)
}

/// The first range at or after an offset that has room on disk.
///
/// Reference: FSCTL_QUERY_ALLOCATED_RANGES.
fn next_range(fd: BorrowedFd, offset: u64) -> Result<Option<(u64, u64)>, Errno> {
    let input = [offset, i64::MAX as u64 - offset];
    let mut range = [0; 2];
    let filled = nt::control(
        fd,
        FSCTL_QUERY_ALLOCATED_RANGES,
        nt::bytes_of(&input),
        &mut range,
    )?;
    Ok((filled >= 16).then(|| (range[0], range[0].saturating_add(range[1]))))
}
