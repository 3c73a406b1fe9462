//! Metadata of single paths.

use std::mem::MaybeUninit;

use crate::block::{BLOCK_LAST, BlockWriter, Header, Item, Kind};
use crate::control::JobContext;
use crate::results::Results;
use crate::root::Root;
use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, Mode, OFlags};

/// Sends one block with a record for each item, in order; what could not be read has its status.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let root = job.source()?;
    let mut writer = BlockWriter::new(request.len(), request.len() * 32);
    let mut target = [MaybeUninit::uninit(); 4096];
    for i in 0..request.len() {
        job.check()?;
        job.at(i as u32, Step::Stat);
        let path = request.path(i);
        match describe(&root, &path, &mut target) {
            Ok(item) => writer.set(
                i,
                &Item {
                    name: &path,
                    ..item
                },
            ),
            Err(fail) => {
                writer.set_failed(i, &path, Kind::Unknown, fail);
                results.fail(i, fail);
            }
        }
    }
    job.emit_block(writer.finish(&Header {
        flags: BLOCK_LAST,
        ..Header::default()
    }));
    Ok(())
}

// Through a descriptor of the entry itself: a lookup by name after opening the parent could meet
// another entry, and would need two opens for the same safety.
fn describe<'t>(
    root: &Root,
    path: &[u8],
    target: &'t mut [MaybeUninit<u8>; 4096],
) -> Outcome<Item<'t>> {
    let fd = root
        .open(path, OFlags::PATH, Mode::empty())
        .map_err(|f| f.at(Step::Stat))?;
    let metadata = sys::stat_fd(&fd).at(Step::Stat)?;
    let mut item = Item::of(&metadata);
    if metadata.kind == Kind::Symlink {
        item.target = sys::read_link_at(&fd, c"", target).at(Step::ReadLink)?;
    }
    Ok(item)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::block::NO_PARENT;
    use crate::request::Op;
    use crate::status::Status;
    use crate::testing::{Head, blocks, handle_at, run as run_job, status_of};
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn stat_answers_every_item_in_order() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("d")).unwrap();
        fs::write(temp.path().join("d/f"), "abc").unwrap();
        symlink("d", temp.path().join("l")).unwrap();
        let source = handle_at(temp.path());
        let paths = [&b"d/f"[..], b"none", b"l", b"l/f", b"", b"../x"];
        let items = paths.map(|name| Item {
            name,
            parent: NO_PARENT,
            ..Item::default()
        });
        let request = Head {
            source,
            ..Head::new(Op::Stat)
        }
        .request(&items);
        let (outcome, results, frames) = run_job(run, &request);
        outcome.unwrap();
        let block = &blocks(&frames)[0];
        assert_eq!(block.names(), paths);
        let got: Vec<_> = (0..6)
            .map(|i| (block.item(i).kind, block.item(i).parent))
            .collect();
        let escaped = Status::Escaped as u32;
        assert_eq!(
            got,
            [
                (Kind::File, 0),
                (Kind::Unknown, Status::NotFound as u32),
                (Kind::Symlink, 0),
                (Kind::Unknown, escaped),
                (Kind::Directory, 0),
                (Kind::Unknown, escaped),
            ]
        );
        assert_eq!(block.item(0).size, 3);
        assert_eq!(block.item(2).target, b"d");
        assert_eq!(status_of(&results, 3), escaped);
    }
}
