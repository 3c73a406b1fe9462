//! Reading without writing: what a source can deliver.

use crate::block::{Item, Kind};
use crate::buffer::with_buffer;
use crate::control::JobContext;
use crate::dirs::Dir;
use crate::results::{ItemResult, method, result_flag};
use crate::source::open_file;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd};

/// Reads a file whole, by the same rules as a copy; of other kinds there is nothing to read.
pub(super) fn read(job: &JobContext, from: &Dir, name: &[u8], item: &Item) -> Outcome<ItemResult> {
    if item.kind != Kind::File {
        return Ok(ItemResult::default());
    }
    let (file, mut before) = open_file(from, name, item)?;
    for again in [0, result_flag::READ_AGAIN] {
        let mut at = 0;
        with_buffer(|buffer| -> Outcome<()> {
            while at < before.size {
                let got = sys::read_at(file.as_fd(), buffer, at).at(Step::Read)?;
                if got == 0 {
                    break;
                }
                at += got as u64;
                job.add_bytes(got as u64);
                job.check()?;
            }
            Ok(())
        })?;
        let after = sys::stat_fd(&file).at(Step::Stat)?;
        if at == before.size && !before.content_changed(&after) {
            return Ok(ItemResult {
                bytes: at,
                method: method::READ_WRITE,
                flags: again,
                mtime_ns: after.mtime_ns,
                ..ItemResult::default()
            });
        }
        before = after;
    }
    Err(Fail::new(Status::Changed, Step::Read))
}
