//! What is known of entries and file systems, in the same words on every platform.

use crate::block::Kind;

/// What the system says about one entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Bytes of content.
    pub size: u64,
    /// Modification time, ns since 1970.
    pub mtime_ns: i64,
    /// Status change time, ns since 1970.
    pub ctime_ns: i64,
    /// Inode number.
    pub inode: u64,
    /// Device that holds the entry, as `st_dev`.
    pub device: u64,
    /// Device that the entry is, major << 32 | minor.
    pub rdev: u64,
    /// Bytes on disk.
    pub allocated: u64,
    /// Permission and set-id bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names.
    pub links: u32,
    /// What it is.
    pub kind: Kind,
    /// Whether it is the root of a mount, as far as the kernel tells.
    pub mount_root: bool,
}

impl Metadata {
    /// Whether a file may have holes: it has fewer blocks than content. It may also be compressed.
    pub fn may_have_holes(&self) -> bool {
        self.allocated < self.size
    }

    /// Whether content may have been written between the two readings.
    pub fn content_changed(&self, later: &Metadata) -> bool {
        (self.size, self.mtime_ns, self.ctime_ns) != (later.size, later.mtime_ns, later.ctime_ns)
    }
}

/// What the system says about a file system, and what its type tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpaceFacts {
    /// Type, as statfs `f_type`; on Windows the number that Linux has for it.
    pub magic: u64,
    /// Bytes free to the caller.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Inodes free.
    pub free_inodes: u64,
    /// Longest name, bytes.
    pub max_name: u32,
    /// Mounted read-only.
    pub read_only: bool,
    /// User xattrs are kept.
    pub xattrs: bool,
    /// POSIX ACLs are kept.
    pub acls: bool,
    /// Names that differ only in case are one name.
    pub case_folds: bool,
    /// Names that differ only in Unicode form are one name.
    pub normalises: bool,
    /// The directory is the root of a mount.
    pub mount_root: bool,
    /// This type is known to share blocks between files.
    pub reflink: bool,
    /// Grain of times in ns as far as the type tells, 0 unknown.
    pub time_grain_ns: u32,
    /// What an entry's looks lose there, as far as type and mount options tell.
    pub lacks: Lacks,
    /// 0 no, 1 yes, 2 unknown.
    pub rotational: u32,
}

/// What a file system doesn't keep of an entry's looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lacks {
    /// Permission bits.
    pub modes: bool,
    /// With [`Lacks::modes`]: not even whether a file may be written.
    pub write_bit: bool,
    /// Owner and group.
    pub owners: bool,
}

impl Lacks {
    /// Of a file only whether it may be written is kept, as an attribute.
    pub const ALL_BUT_WRITE_BIT: Lacks = Lacks {
        modes: true,
        write_bit: false,
        owners: true,
    };
    /// Nothing is kept: every entry looks as the mount says.
    pub const ALL: Lacks = Lacks {
        modes: true,
        write_bit: true,
        owners: true,
    };
}
