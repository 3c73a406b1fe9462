//! Making what was written durable.

use crate::control::JobContext;
use crate::dirs::Dir;
use crate::results::Results;
use crate::status::{AtStep, Outcome, Step};
use crate::sys;

/// Flushes the destination's whole file system, or with items these directories alone.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let root = job.destination()?;
    job.at(0, Step::Flush);
    if request.is_empty() {
        // Opened anew: a root that may not be listed is held by an O_PATH descriptor, which cannot flush.
        let root = sys::reopen_directory(root.as_fd()).at(Step::Open)?;
        return sys::syncfs(root).at(Step::Flush);
    }
    for i in 0..request.len() {
        job.check()?;
        job.at(i as u32, Step::Flush);
        let flushed = root.open_dir(&request.path(i)).map(Dir::new);
        if let Err(fail) = flushed.and_then(|dir| dir.sync()) {
            results.fail(i, fail.at(Step::Flush));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Item, Kind, NO_PARENT};
    use crate::request::Op;
    use crate::status::Status;
    use crate::testing::{Head, handle_at, run as run_job, status_of};
    use std::fs;

    #[test]
    fn sync_flushes_directories_and_whole_file_systems() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("d")).unwrap();
        fs::write(temp.path().join("f"), "").unwrap();
        let destination = handle_at(temp.path());
        let head = Head {
            destination,
            ..Head::new(Op::Sync)
        };
        match run_job(run, &head.request(&[])).0 {
            Err(fail) if cfg!(windows) => assert_eq!(fail.status, Status::Unsupported),
            other => other.unwrap(),
        }
        let items = [&b"d"[..], b"", b"f"].map(|name| Item {
            name,
            kind: Kind::Directory,
            parent: NO_PARENT,
            ..Item::default()
        });
        let (outcome, results, _) = run_job(run, &head.request(&items));
        outcome.unwrap();
        assert_eq!(status_of(&results, 0), 0);
        assert_eq!(status_of(&results, 1), 0);
        assert_eq!(status_of(&results, 2), Status::NotDirectory as u32);
    }
}
