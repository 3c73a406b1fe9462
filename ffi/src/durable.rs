//! Directories whose names changed, put on disk once at the end of a job.

use std::collections::BTreeMap;

use crate::control::JobContext;
use crate::dirs::DirCache;
use crate::results::Results;
use crate::status::Step;

/// Directories that a job changed, and the items whose names they hold.
#[derive(Debug)]
pub struct Touched {
    items: Option<BTreeMap<Vec<u8>, Vec<usize>>>,
}

impl Touched {
    /// Notes directories only where they are `wanted`.
    pub fn new(wanted: bool) -> Self {
        Self {
            items: wanted.then(BTreeMap::new),
        }
    }

    /// Notes that item `index` changed a name in `directory`.
    pub fn add(&mut self, directory: &[u8], index: usize) {
        let Some(items) = &mut self.items else { return };
        match items.get_mut(directory) {
            Some(indices) => indices.push(index),
            None => drop(items.insert(directory.to_vec(), vec![index])),
        }
    }

    /// Puts the directories on disk. An item is not done before its name is: where that fails, it failed.
    pub fn sync(self, job: &JobContext, dirs: &mut DirCache, results: &mut Results) {
        for (path, indices) in self.items.into_iter().flatten() {
            job.at(indices[0] as u32, Step::Flush);
            let Err(fail) = dirs.open(&path).and_then(|dir| dir.sync()) else {
                continue;
            };
            for index in indices {
                results.fail(index, fail.at(Step::Flush));
            }
        }
    }
}
