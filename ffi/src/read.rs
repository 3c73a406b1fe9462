//! Reading a range of one file.

use crate::block::Kind;
use crate::control::JobContext;
use crate::results::{ItemResult, Results};
use crate::status::{AtStep, Fail, Outcome, Step};
use crate::sys::{self, AsFd, OFlags};

const MOST_BYTES: u64 = 4 << 20;

/// Sends the range as one frame, shorter where the file ends before it.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let item = request.need_item(0)?;
    if request.p1 > MOST_BYTES || request.p0.checked_add(request.p1).is_none() {
        return Err(Fail::usage());
    }
    let root = job.source()?;
    let (fd, _) = root.open_expected(&request.path(0), OFlags::RDONLY, Kind::File, item.inode)?;
    job.at(0, Step::Read);
    let mut bytes = vec![0; request.p1 as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        job.check()?;
        let offset = request.p0 + filled as u64;
        match sys::read_at(fd.as_fd(), &mut bytes[filled..], offset).at(Step::Read)? {
            0 => break,
            got => filled += got,
        }
    }
    bytes.truncate(filled);
    job.add_bytes(filled as u64);
    job.emit_bytes(bytes);
    results.set(
        0,
        ItemResult {
            bytes: filled as u64,
            ..ItemResult::default()
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Item, NO_PARENT};
    use crate::request::Op;
    use crate::status::Status;
    use crate::testing::{Head, handle_at, run as run_job};
    use std::fs;

    #[test]
    fn read_gives_the_range_and_is_short_at_the_end() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("f"), "0123456789").unwrap();
        let source = handle_at(temp.path());
        let item = Item {
            name: b"f",
            kind: Kind::File,
            parent: NO_PARENT,
            ..Item::default()
        };
        for (p0, p1, expected) in [
            (2, 3, &b"234"[..]),
            (8, 100, b"89"),
            (10, 5, b""),
            (99, 1, b""),
        ] {
            let request = Head {
                source,
                p0,
                p1,
                ..Head::new(Op::Read)
            }
            .request(&[item]);
            let (outcome, _, frames) = run_job(run, &request);
            outcome.unwrap();
            assert_eq!(frames[0].payload, expected);
        }
        let request = Head {
            source,
            p1: MOST_BYTES + 1,
            ..Head::new(Op::Read)
        }
        .request(&[item]);
        assert_eq!(run_job(run, &request).0.unwrap_err().status, Status::Usage);
    }
}
