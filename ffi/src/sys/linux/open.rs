//! Opening entries relative to a held descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, CWD, FileType, ResolveFlags};

use super::Errno;

pub use rustix::fs::{Mode, OFlags};

/// What every open adds: no link at the end, no waiting for a FIFO's other end, nothing inherited.
const ALWAYS: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Opens a path that cannot leave `dir` and goes through no link, in one call.
///
/// Reference: `man 2 openat2`.
pub fn open_beneath(
    dir: BorrowedFd,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(dir, path, added(flags), mode, resolve)
}

/// Opens one component, not following a link.
pub fn open_child(
    dir: BorrowedFd,
    name: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(dir, name, added(flags), mode)
}

/// Opens a file for reading, leaving its access time; `PERM` where it is neither the caller's own nor the
/// caller root.
///
/// Reference: `man 2 open`, `O_NOATIME`.
pub fn open_file_unmarked(dir: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOATIME;
    open_child(dir, name, flags, Mode::empty())
}

/// Opens a directory by any path, following links: for roots only.
pub fn open_followed(path: &[u8]) -> Result<OwnedFd, Errno> {
    let open = |access| {
        rustix::fs::openat(
            CWD,
            path,
            access | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
    };
    match open(OFlags::RDONLY) {
        // A directory that may be searched but not listed still serves as a root.
        Err(Errno::ACCESS) => open(OFlags::PATH),
        other => other,
    }
}

/// Whether `name` in `dir` is a symlink.
pub fn is_link_at(dir: impl AsFd, name: &[u8]) -> bool {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Symlink)
}

/// Whether the kernel, or a sandbox around this process, lacks openat2.
pub fn must_walk() -> bool {
    static MISSING: OnceLock<bool> = OnceLock::new();
    *MISSING.get_or_init(|| {
        // Old container sandboxes answer EPERM for calls they do not know; "/" itself never does.
        let tried = rustix::fs::openat2(
            CWD,
            c"/",
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::empty(),
        );
        matches!(tried, Err(Errno::NOSYS | Errno::PERM))
    })
}

// With O_PATH, openat2 refuses flags that openat ignores.
fn added(flags: OFlags) -> OFlags {
    if flags.contains(OFlags::PATH) {
        flags | OFlags::NOFOLLOW | OFlags::CLOEXEC
    } else {
        flags | ALWAYS
    }
}
