//! What the kernel takes for owners and times.

use std::os::fd::BorrowedFd;

use rustix::fs::{Gid, Timespec, Timestamps, UTIME_OMIT, Uid};

use super::Errno;

/// Owner and group; `None`, and the number that means so to the kernel, leave one as it is.
pub fn owner_of(uid: Option<u32>, gid: Option<u32>) -> (Option<Uid>, Option<Gid>) {
    let uid = uid.filter(|&id| id != u32::MAX).map(Uid::from_raw);
    let gid = gid.filter(|&id| id != u32::MAX).map(Gid::from_raw);
    (uid, gid)
}

/// The modification time alone; the access time stays.
pub fn mtime_of(mtime_ns: i64) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: mtime_ns.div_euclid(1_000_000_000),
            tv_nsec: mtime_ns.rem_euclid(1_000_000_000),
        },
    }
}

/// The modification time, and the access time as it is: a FUSE server over libfuse 2 takes both or neither.
pub fn both_times_of(fd: BorrowedFd, mtime_ns: i64) -> Result<Timestamps, Errno> {
    let now = rustix::fs::fstat(fd)?;
    let last_access = Timespec {
        tv_sec: now.st_atime,
        tv_nsec: now.st_atime_nsec as _,
    };
    Ok(Timestamps {
        last_access,
        ..mtime_of(mtime_ns)
    })
}

/// The user whose rights count for file access.
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
