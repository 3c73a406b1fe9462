//! Holes.

use windows_sys::Win32::System::Ioctl::{FSCTL_QUERY_ALLOCATED_RANGES, FSCTL_SET_SPARSE};

use super::{AsFd, BorrowedFd, Errno, nt};

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
