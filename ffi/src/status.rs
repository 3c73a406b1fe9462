//! Why something failed: the numbers that cross the border, and the error every module returns.

use crate::sys::{self, Errno};

/// Kinds of failure, numbered as `STATUS` in `src/core/error.ts`. Append, never renumber.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Status {
    /// No failure.
    #[default]
    Ok = 0,
    /// A defect of blit's own.
    Bug = 1,
    /// The caller asked for something malformed.
    Usage = 2,
    /// Nothing has this name.
    NotFound = 3,
    /// The system forbids it.
    Permission = 4,
    /// Something already has this name.
    Exists = 5,
    /// A directory was needed.
    NotDirectory = 6,
    /// A directory was in the way.
    IsDirectory = 7,
    /// The volume or the quota is full.
    NoSpace = 8,
    /// The file system is mounted read-only.
    ReadOnly = 9,
    /// The device or the kernel failed.
    Io = 10,
    /// The entry is not, or no longer, what was recorded.
    Changed = 11,
    /// A path went through a link or left its root.
    Escaped = 12,
    /// The file system cannot do this.
    Unsupported = 13,
    /// The run was cancelled.
    Cancelled = 14,
    /// Somebody else holds it.
    Busy = 15,
    /// No descriptors are left.
    TooManyFiles = 16,
    /// A name is longer than the file system takes.
    NameTooLong = 17,
    /// A directory still has entries.
    NotEmpty = 18,
    /// Source and destination are on different file systems.
    CrossDevice = 19,
    /// Links lead in a circle.
    LinkLoop = 20,
    /// Two sides disagree about a layout.
    Mismatch = 21,
    /// No progress was made for the stall limit.
    Stalled = 22,
    /// A safety rule refused it.
    Refused = 23,
    /// Content differs from what was verified.
    Corrupt = 24,
    /// A peer can't be reached, or the link to it broke.
    Disconnected = 25,
    /// A peer doesn't know who asks.
    Unauthenticated = 26,
    /// A peer failed by a fault of its own, or says that it was asked wrongly.
    Peer = 27,
}

impl Status {
    const ALL: [Status; 28] = [
        Status::Ok,
        Status::Bug,
        Status::Usage,
        Status::NotFound,
        Status::Permission,
        Status::Exists,
        Status::NotDirectory,
        Status::IsDirectory,
        Status::NoSpace,
        Status::ReadOnly,
        Status::Io,
        Status::Changed,
        Status::Escaped,
        Status::Unsupported,
        Status::Cancelled,
        Status::Busy,
        Status::TooManyFiles,
        Status::NameTooLong,
        Status::NotEmpty,
        Status::CrossDevice,
        Status::LinkLoop,
        Status::Mismatch,
        Status::Stalled,
        Status::Refused,
        Status::Corrupt,
        Status::Disconnected,
        Status::Unauthenticated,
        Status::Peer,
    ];

    /// The status of a number.
    pub fn of(number: u32) -> Option<Status> {
        Self::ALL.get(number as usize).copied()
    }

    /// The failure that a number from a peer stands for. No failure and unknown ones are `mismatch`: another version has
    /// them. A peer's bugs are not this side's, nor is what it finds wrong with a question the user's mistake.
    pub fn from_peer(number: u32) -> Status {
        match Self::of(number) {
            None | Some(Status::Ok) => Status::Mismatch,
            Some(Status::Bug | Status::Usage) => Status::Peer,
            Some(status) => status,
        }
    }
}

/// What was being done when it failed, in the order of `STEPS` in `src/core/work_batch.ts`.
#[repr(u16)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Step {
    /// Anything that has no word of its own.
    #[default]
    Process = 0,
    /// Opening an entry.
    Open = 1,
    /// Reading content.
    Read = 2,
    /// Creating an entry.
    Create = 3,
    /// Writing content.
    Write = 4,
    /// Giving a staged entry its name.
    Replace = 5,
    /// Setting the owner.
    SetOwner = 6,
    /// Setting extended attributes.
    SetXattrs = 7,
    /// Setting the mode.
    SetMode = 8,
    /// Setting times.
    SetTime = 9,
    /// Making data durable.
    Flush = 10,
    /// Making a hardlink.
    Link = 11,
    /// Removing an entry.
    Remove = 12,
    /// Renaming an entry.
    Rename = 13,
    /// Listing a directory.
    List = 14,
    /// Reading metadata.
    Stat = 15,
    /// Reading a symlink's target.
    ReadLink = 16,
    /// Opening the parent directory.
    OpenParent = 17,
    /// Making a directory.
    MakeDirectory = 18,
    /// Taking a lock.
    Lock = 19,
    /// Hashing content.
    Hash = 20,
    /// Reserving space.
    Allocate = 21,
}

impl Step {
    const ALL: [Step; 22] = [
        Step::Process,
        Step::Open,
        Step::Read,
        Step::Create,
        Step::Write,
        Step::Replace,
        Step::SetOwner,
        Step::SetXattrs,
        Step::SetMode,
        Step::SetTime,
        Step::Flush,
        Step::Link,
        Step::Remove,
        Step::Rename,
        Step::List,
        Step::Stat,
        Step::ReadLink,
        Step::OpenParent,
        Step::MakeDirectory,
        Step::Lock,
        Step::Hash,
        Step::Allocate,
    ];

    /// The step that a number from a peer stands for; an unknown one is the one without a word.
    pub fn from_number(number: u32) -> Step {
        Self::ALL.get(number as usize).copied().unwrap_or_default()
    }
}

/// One failure: its kind, the system's number for it (0 where there is none) and what was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fail {
    /// Kind of failure.
    pub status: Status,
    /// The operating system's error number, 0 if none.
    pub os: u32,
    /// What was being done.
    pub step: Step,
}

/// What fallible functions of this crate return.
pub type Outcome<T> = Result<T, Fail>;

impl Fail {
    /// A failure that the operating system did not report itself.
    pub const fn new(status: Status, step: Step) -> Self {
        Self {
            status,
            os: 0,
            step,
        }
    }
    /// The caller's request is malformed.
    pub const fn usage() -> Self {
        Self::new(Status::Usage, Step::Process)
    }
    /// The run was cancelled.
    pub const fn cancelled() -> Self {
        Self::new(Status::Cancelled, Step::Process)
    }
    /// The same failure, said to have happened at another step.
    #[must_use]
    pub const fn at(self, step: Step) -> Self {
        Self { step, ..self }
    }
}

impl From<(Errno, Step)> for Fail {
    fn from((errno, step): (Errno, Step)) -> Self {
        Self {
            status: sys::status_of(errno),
            os: sys::os_number(errno),
            step,
        }
    }
}

/// Names the step at which a system call failed: `sys::fsync(&fd).at(Step::Flush)?`.
pub trait AtStep<T> {
    /// Turns the system's error into a [`Fail`] at `step`.
    fn at(self, step: Step) -> Outcome<T>;
}

impl<T> AtStep<T> for Result<T, Errno> {
    #[inline]
    fn at(self, step: Step) -> Outcome<T> {
        self.map_err(|errno| Fail::from((errno, step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_from_a_peer_are_statuses_and_steps() {
        for (number, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, number);
        }
        for (number, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(step as usize, number);
        }
        assert_eq!(Status::from_peer(8), Status::NoSpace);
        assert_eq!(Status::from_peer(0), Status::Mismatch);
        assert_eq!(Status::from_peer(28), Status::Mismatch);
        assert_eq!(Status::from_peer(1), Status::Peer);
        assert_eq!(Status::from_peer(2), Status::Peer);
        assert_eq!(Step::from_number(21), Step::Allocate);
        assert_eq!(Step::from_number(22), Step::Process);
    }
}
