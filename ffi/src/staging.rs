//! Staged entries: made beside their target under a name of the run's, given the final name when whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::dirs::Dir;
use crate::names;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Errno, Metadata, OwnedFd};

/// How often a name that is taken, or was swept away under us, is replaced by another.
const ATTEMPTS: usize = 16;

/// The number in a marker's name.
pub const MARKER_NUMBER: u64 = 0;

// The planner numbers what it moves aside from 1 in the same name space: native numbers start beyond.
static NEXT: AtomicU64 = AtomicU64::new(1 << 32);

/// `.blit-<run, 16 hex digits>-<number>`.
pub fn name_of(run: u64, number: u64) -> Vec<u8> {
    format!(".blit-{run:016x}-{number}").into_bytes()
}

/// A staged name that this process has not used before.
pub fn next_name(run: u64) -> Vec<u8> {
    name_of(run, NEXT.fetch_add(1, Relaxed))
}

/// The run and number in a staged name.
pub fn parse_name(name: &[u8]) -> Option<(u64, u64)> {
    if !names::is_staged(name) {
        return None;
    }
    let run = u64::from_str_radix(str::from_utf8(&name[6..22]).ok()?, 16).ok()?;
    let number = str::from_utf8(&name[23..]).ok()?.parse().ok()?;
    Some((run, number))
}

/// Makes a nameless-to-others entry under a fresh staged name: `make` gets the name, `EXIST` tries the next.
pub fn make<T>(
    run: u64,
    mut make: impl FnMut(&[u8]) -> Result<T, Errno>,
) -> Result<(Vec<u8>, T), Errno> {
    for _ in 0..ATTEMPTS {
        let name = next_name(run);
        match make(&name) {
            Ok(made) => return Ok((name, made)),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::EXIST)
}

/// How a finished entry gets its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publish {
    /// Only where nothing has the name.
    New,
    /// In place of whatever has the name.
    Replace,
}

/// A name in a directory that goes away with this value unless it was published or kept.
#[derive(Debug)]
pub struct Staged {
    dir: Arc<Dir>,
    name: Vec<u8>,
    ours: bool,
}

impl Staged {
    /// Takes charge of an entry that has just been made.
    pub fn new(dir: Arc<Dir>, name: Vec<u8>) -> Self {
        Self {
            dir,
            name,
            ours: true,
        }
    }

    /// The staged name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The directory.
    pub fn dir(&self) -> &Arc<Dir> {
        &self.dir
    }

    /// Gives the entry its final name.
    ///
    /// # Errors
    ///
    /// `exists` where a new name is taken; `is_directory` where a directory has it.
    pub fn publish(mut self, target: &[u8], how: Publish) -> Outcome<()> {
        let (step, renamed) = match how {
            Publish::New => (
                Step::Create,
                sys::rename_new(&*self.dir, &self.name, &*self.dir, target),
            ),
            Publish::Replace => (
                Step::Replace,
                sys::rename(&*self.dir, &self.name, &*self.dir, target),
            ),
        };
        renamed.at(step)?;
        self.ours = false;
        Ok(())
    }

    /// Leaves the entry under its staged name, for a later run.
    pub fn keep(mut self) {
        self.ours = false;
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.ours {
            // Nothing can be done about a failure: the next run sweeps it away.
            let _ = sys::remove_file(&*self.dir, &self.name);
        }
    }
}

/// A staged file with its lock; the lock lasts until the value goes, so until after the rename.
#[derive(Debug)]
pub struct StagedFile {
    file: OwnedFd,
    entry: Staged,
}

impl StagedFile {
    /// Makes and locks a file in `dir`; returns what it is, its owner among others.
    pub fn create(dir: &Arc<Dir>, run: u64) -> Outcome<(StagedFile, Metadata)> {
        Self::made_by(dir, run, |name| sys::create_file(dir.as_fd(), name))
    }

    /// Makes and locks a file that shares all blocks of `source`, and has its attributes.
    ///
    /// # Errors
    ///
    /// Whatever [`sys::create_clone`] says: another way to copy is to be tried then.
    pub fn clone_of(
        dir: &Arc<Dir>,
        run: u64,
        source: BorrowedFd,
    ) -> Outcome<(StagedFile, Metadata)> {
        Self::made_by(dir, run, |name| {
            sys::create_clone(source, dir.as_fd(), name)
        })
    }

    fn made_by(
        dir: &Arc<Dir>,
        run: u64,
        create: impl Fn(&[u8]) -> Result<OwnedFd, Errno>,
    ) -> Outcome<(StagedFile, Metadata)> {
        for _ in 0..ATTEMPTS {
            let (name, file) = make(run, &create).at(Step::Create)?;
            let entry = Staged::new(Arc::clone(dir), name);
            let locked = sys::try_lock(&file).at(Step::Lock)?;
            let metadata = sys::stat_fd(&file).at(Step::Stat)?;
            // Another run may sweep it away between creation and lock; once locked it is safe.
            if locked && is_named(dir, entry.name(), &metadata) {
                return Ok((StagedFile { file, entry }, metadata));
            }
            entry.keep();
        }
        Err(Fail::new(Status::Busy, Step::Lock))
    }

    /// Opens and locks what an earlier run left. `None` where nothing usable has the name: no file, or one
    /// that somebody else may hold open or reach by another name.
    ///
    /// # Errors
    ///
    /// `busy` where another run holds its lock.
    pub fn adopt(
        dir: &Arc<Dir>,
        name: &[u8],
        owner: u32,
    ) -> Outcome<Option<(StagedFile, Metadata)>> {
        if !names::is_staged(name) {
            return Err(Fail::usage());
        }
        let Ok(file) = sys::open_file_to_write(dir.as_fd(), name) else {
            return Ok(None);
        };
        if !sys::try_lock(&file).at(Step::Lock)? {
            return Err(Fail::new(Status::Busy, Step::Lock));
        }
        let metadata = sys::stat_fd(&file).at(Step::Stat)?;
        let own = metadata.uid == sys::effective_uid() || metadata.uid == owner;
        if metadata.kind != crate::block::Kind::File || metadata.links != 1 || !own {
            return Ok(None);
        }
        let entry = Staged::new(Arc::clone(dir), name.to_vec());
        Ok(Some((StagedFile { file, entry }, metadata)))
    }

    /// The staged name.
    pub fn name(&self) -> &[u8] {
        self.entry.name()
    }

    /// Gives the file its final name; see [`Staged::publish`].
    pub fn publish(self, target: &[u8], how: Publish) -> Outcome<()> {
        let StagedFile { file, entry } = self;
        let published = entry.publish(target, how);
        drop(file);
        published
    }

    /// Leaves the file under its staged name, for a later run.
    pub fn keep(self) {
        self.entry.keep();
    }
}

impl AsFd for StagedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether a file that was just made has its name still. Some file systems of user space count no names.
fn is_named(dir: &Dir, name: &[u8], made: &Metadata) -> bool {
    made.links > 0 || sys::stat_name(dir, name).is_ok_and(|there| there.inode == made.inode)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use crate::testing::root_at;

    // On Windows a name stays until nobody has the file open any more.
    #[cfg(unix)]
    #[test]
    fn a_file_whose_names_are_not_counted_is_looked_for_by_its_own() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::new(root_at(temp.path()).open_dir(b"").unwrap());
        let file = sys::create_file(dir.as_fd(), b"f").unwrap();
        let made = Metadata {
            links: 0,
            ..sys::stat_fd(&file).unwrap()
        };
        assert!(is_named(&dir, b"f", &made));
        sys::remove_file(&dir, b"f").unwrap();
        assert!(!is_named(&dir, b"f", &made));
        let _another = sys::create_file(dir.as_fd(), b"f").unwrap();
        assert!(!is_named(&dir, b"f", &made));
    }

    #[test]
    fn a_staged_name_says_its_run_and_number() {
        let name = name_of(0xabc, 17);
        assert_eq!(name, b".blit-0000000000000abc-17");
        assert_eq!(parse_name(&name), Some((0xabc, 17)));
        assert_eq!(parse_name(b".blit-abc-17"), None);
        assert_ne!(next_name(1), next_name(1));
    }
}
