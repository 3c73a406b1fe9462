//! Opening entries relative to a held descriptor.

use std::ops::BitOr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, OFlags as Raw};

use crate::sys::Errno;

pub use rustix::fs::Mode;

/// What an open is for. macOS has no `O_PATH`: to hold an entry is to open it for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OFlags {
    raw: Raw,
    handle_only: bool,
}

impl OFlags {
    /// To read.
    pub const RDONLY: OFlags = OFlags::of(Raw::RDONLY);
    /// To write.
    pub const WRONLY: OFlags = OFlags::of(Raw::WRONLY);
    /// To read and write.
    pub const RDWR: OFlags = OFlags::of(Raw::RDWR);
    /// To make a file.
    pub const CREATE: OFlags = OFlags::of(Raw::CREATE);
    /// Only where nothing has the name.
    pub const EXCL: OFlags = OFlags::of(Raw::EXCL);
    /// Only a directory will do.
    pub const DIRECTORY: OFlags = OFlags::of(Raw::DIRECTORY);
    /// To hold the entry, whatever it is; a link too, unless it must be a directory.
    pub const PATH: OFlags = OFlags {
        raw: Raw::empty(),
        handle_only: true,
    };

    const fn of(raw: Raw) -> OFlags {
        OFlags {
            raw,
            handle_only: false,
        }
    }
    /// Both.
    pub const fn union(self, other: OFlags) -> OFlags {
        OFlags {
            raw: self.raw.union(other.raw),
            handle_only: self.handle_only || other.handle_only,
        }
    }
    /// Whether all of `other` is in this.
    pub const fn contains(self, other: OFlags) -> bool {
        self.raw.contains(other.raw) && (self.handle_only || !other.handle_only)
    }
}

impl BitOr for OFlags {
    type Output = OFlags;
    fn bitor(self, other: OFlags) -> OFlags {
        self.union(other)
    }
}

/// `O_SYMLINK` of fcntl.h: opens a link itself.
const SYMLINK: Raw = Raw::from_bits_retain(0x20_0000);
/// `O_NOFOLLOW_ANY` of fcntl.h, since macOS 11: no link anywhere in the path.
const NOFOLLOW_ANY: Raw = Raw::from_bits_retain(0x2000_0000);

fn added(flags: OFlags) -> Raw {
    let always = flags.raw | Raw::NONBLOCK | Raw::CLOEXEC;
    if flags.handle_only && !flags.raw.contains(Raw::DIRECTORY) {
        always | SYMLINK
    } else {
        always | Raw::NOFOLLOW
    }
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

/// Opens a path that goes through no link, in one call. Without `..`, which no caller lets pass, it cannot
/// leave `dir`.
///
/// Where the end may be a link itself, the caller's walk is what it takes: the two flags exclude each other.
pub fn open_beneath(
    dir: BorrowedFd,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let mut raw = added(flags);
    if raw.contains(SYMLINK) {
        let Some(slash) = path.iter().rposition(|&byte| byte == b'/') else {
            return open_child(dir, path, flags, mode);
        };
        let above = open_beneath(
            dir,
            &path[..slash],
            OFlags::PATH | OFlags::DIRECTORY,
            Mode::empty(),
        )?;
        return open_child(above.as_fd(), &path[slash + 1..], flags, mode);
    }
    raw.remove(Raw::NOFOLLOW);
    rustix::fs::openat(dir, path, raw | NOFOLLOW_ANY, mode)
}

/// Whether paths have to be walked name by name: before macOS 11, which ignores the flag it doesn't know.
pub fn must_walk() -> bool {
    static MUST: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    // /etc has been a link into /private since the first version.
    *MUST.get_or_init(|| {
        let flags = Raw::RDONLY | Raw::CLOEXEC | NOFOLLOW_ANY;
        let through = rustix::fs::openat(CWD, c"/etc/.", flags, Mode::empty());
        !matches!(through, Err(Errno::LOOP))
    })
}

/// Opens a directory by any path, following links: for roots only.
pub fn open_followed(path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = Raw::RDONLY | Raw::DIRECTORY | Raw::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty())
}

/// Whether `name` in `dir` is a symlink.
pub fn is_link_at(dir: impl AsFd, name: &[u8]) -> bool {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Symlink)
}
