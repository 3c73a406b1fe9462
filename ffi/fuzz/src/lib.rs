//! What the targets do with one input, and what they share: a place that is thrown away, and beside it what
//! must stay as it is. The inputs that were kept are carried out by `cargo test` too.

pub mod blocks;
pub mod records;
pub mod shims;
pub mod stream;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tempfile::TempDir;

/// How many runs go by before the place is made anew.
const RUNS: u32 = 256;

/// A temporary directory in memory, with a file in it that nobody may touch.
pub struct Thrown {
    temp: TempDir,
    runs: AtomicU32,
}

impl Thrown {
    /// Makes one.
    #[allow(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Thrown {
        let temp = tempfile::tempdir_in("/dev/shm").expect("a place in memory");
        fs::write(temp.path().join("outside"), "outside").expect("a file beside the root");
        Thrown {
            temp,
            runs: AtomicU32::new(0),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.temp.path()
    }

    /// Fills a directory with what a tree has, every [`RUNS`] calls anew.
    pub fn fill(&self, inside: &Path) {
        if !self.runs.fetch_add(1, Relaxed).is_multiple_of(RUNS) {
            return;
        }
        for entry in fs::read_dir(inside)
            .expect("a root that is there")
            .flatten()
        {
            let path = entry.path();
            // Whatever a batch made: it may be closed to its own maker.
            let _ = match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
        }
        let _ = fs::create_dir(inside.join("d"));
        let _ = fs::write(inside.join("a"), "content");
        let _ = fs::write(inside.join("d/b"), [7; 5000]);
        let _ = std::os::unix::fs::symlink("..", inside.join("up"));
    }

    /// Panics where something outside of the directory's root was made, changed or removed.
    pub fn check(&self) {
        let outside = fs::read(self.path().join("outside"));
        assert!(outside.is_ok_and(|bytes| bytes == b"outside"));
        let beside = fs::read_dir(self.path()).expect("its own folder").count();
        assert_eq!(beside, 2);
    }
}
