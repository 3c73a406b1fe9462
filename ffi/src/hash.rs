//! BLAKE3 of content, and a digest of extended attributes.

use crate::block::{Item, Kind};
use crate::buffer::with_buffer;
use crate::control::JobContext;
use crate::request::flag;
use crate::results::{ItemResult, Results, result_flag};
use crate::root::Root;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Metadata, OFlags};
use crate::xattr;

/// How far beyond its size a file is read before it counts as one that never ends.
const GROWTH_BYTES: u64 = 64 << 20;

/// Hashes every item of the source root.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let root = job.source()?;
    for i in 0..request.len() {
        job.check()?;
        job.at(i as u32, Step::Hash);
        match hash(job, &root, &request.path(i), &request.item(i)) {
            Ok(result) => results.set(i, result),
            Err(fail) => results.fail(i, fail),
        }
        job.add_entry();
    }
    Ok(())
}

fn hash(job: &JobContext, root: &Root, path: &[u8], item: &Item) -> Outcome<ItemResult> {
    let attributes = job.request.has(flag::XATTRS);
    let mut result = ItemResult {
        digest: Some([0; 32]),
        ..ItemResult::default()
    };
    if item.kind != Kind::File {
        if !attributes {
            return Err(Fail::usage().at(Step::Hash));
        }
        let (fd, _) = root.open_expected(path, OFlags::PATH, item.kind, item.inode)?;
        result.inode = xattr::digest(fd.as_fd())?;
        return Ok(result);
    }
    let (fd, mut before) = root.open_expected(path, OFlags::RDONLY, Kind::File, item.inode)?;
    sys::advise_sequential(&fd);
    for again in [0, result_flag::READ_AGAIN] {
        let (digest, bytes) = content(job, fd.as_fd(), &before)?;
        let after = sys::stat_fd(&fd).at(Step::Stat)?;
        if before.content_changed(&after) {
            before = after;
            continue;
        }
        if attributes {
            result.inode = xattr::digest(fd.as_fd())?;
        }
        return Ok(ItemResult {
            digest: Some(digest),
            bytes,
            flags: again,
            ..result
        });
    }
    Err(Fail::new(Status::Changed, Step::Hash))
}

/// Hashes from the start to the end, a buffer at a time.
fn content(job: &JobContext, fd: BorrowedFd, metadata: &Metadata) -> Outcome<([u8; 32], u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut offset = 0;
    with_buffer(|buffer| {
        loop {
            let got = sys::read_at(fd, buffer, offset).at(Step::Read)?;
            if got == 0 {
                return Ok((*hasher.finalize().as_bytes(), offset));
            }
            hasher.update(&buffer[..got]);
            offset += got as u64;
            job.add_bytes(got as u64);
            job.check()?;
            // A file that grows as fast as it is read would hold the worker for ever.
            if offset > metadata.size.saturating_add(GROWTH_BYTES) {
                return Err(Fail::new(Status::Changed, Step::Hash));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::NO_PARENT;
    use crate::request::Op;
    use crate::results::RESULT_BYTES;
    use crate::testing::{Head, bytes_of, handle_at, run as run_job, shared, status_of};
    use std::fs;

    fn file(name: &[u8]) -> Item<'_> {
        Item {
            name,
            kind: Kind::File,
            parent: NO_PARENT,
            ..Item::default()
        }
    }

    #[test]
    fn hash_is_blake3_of_the_content() {
        let temp = tempfile::tempdir().unwrap();
        let large: Vec<u8> = (0..3_000_001u32).map(|i| (i % 251) as u8).collect();
        fs::write(temp.path().join("large"), &large).unwrap();
        fs::write(temp.path().join("empty"), "").unwrap();
        fs::create_dir(temp.path().join("d")).unwrap();
        let source = handle_at(temp.path());
        let items = [
            file(b"large"),
            file(b"empty"),
            file(b"none"),
            file(b"d"),
            file(b"../e"),
        ];
        let request = Head {
            source,
            ..Head::new(Op::Hash)
        }
        .request(&items);
        let (outcome, results, _) = run_job(run, &request);
        outcome.unwrap();
        let digest = |i: usize| results.as_bytes()[i * RESULT_BYTES + 32..][..32].to_vec();
        assert_eq!(digest(0), blake3::hash(&large).as_bytes());
        assert_eq!(bytes_of(&results, 0), large.len() as u64);
        assert_eq!(digest(1), blake3::hash(b"").as_bytes());
        assert_eq!(status_of(&results, 2), Status::NotFound as u32);
        assert_eq!(status_of(&results, 3), Status::Changed as u32);
        assert_eq!(status_of(&results, 4), Status::Escaped as u32);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn attributes_have_a_digest_of_their_own_whatever_the_kind() {
        let temp = tempfile::tempdir().unwrap();
        let names = ["f", "same", "other", "bare", "d"];
        for name in &names[..4] {
            fs::write(temp.path().join(name), "x").unwrap();
        }
        fs::create_dir(temp.path().join("d")).unwrap();
        let set = |name: &str, value: &[u8]| {
            let path = temp.path().join(name);
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::lsetxattr(path, "user.note", value, flags).is_ok()
        };
        let kept = ["f", "same", "d"].map(|name| set(name, b"a"));
        if !kept.iter().all(|&kept| kept) || !set("other", b"b") {
            crate::testing::skip("no extended attributes here");
            return;
        }
        let items = names.map(|name| match name {
            "d" => Item {
                kind: Kind::Directory,
                ..file(b"d")
            },
            _ => file(name.as_bytes()),
        });
        let head = |flags| Head {
            source: handle_at(temp.path()),
            flags,
            ..Head::new(Op::Hash)
        };
        let (_, results, _) = run_job(run, &head(flag::XATTRS).request(&items));
        let digest = |i: usize| crate::block::u64_at(results.as_bytes(), i * RESULT_BYTES + 24);
        assert_eq!((0..5).map(|i| status_of(&results, i)).sum::<u32>(), 0);
        assert_ne!(digest(0), 0);
        assert_eq!((digest(0), digest(0)), (digest(1), digest(4)));
        assert_ne!(digest(0), digest(2));
        assert_eq!(digest(3), 0);
        // Without the flag only files have anything to hash.
        let (_, results, _) = run_job(run, &head(0).request(&items[4..]));
        assert_eq!(status_of(&results, 0), Status::Usage as u32);
    }

    #[test]
    fn another_inode_than_the_recorded_one_is_a_change() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("f"), "x").unwrap();
        let item = Item {
            inode: 1,
            ..file(b"f")
        };
        let source = handle_at(temp.path());
        let request = Head {
            source,
            ..Head::new(Op::Hash)
        }
        .request(&[item]);
        let (_, results, _) = run_job(run, &request);
        assert_eq!(status_of(&results, 0), Status::Changed as u32);
    }

    #[test]
    fn a_cancelled_hash_stops() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("f"), "x").unwrap();
        let source = handle_at(temp.path());
        let request = Head {
            source,
            slot: 5,
            ..Head::new(Op::Hash)
        }
        .request(&[file(b"f")]);
        let shared = shared();
        shared.control.cancel(5);
        let job = JobContext::new(&request, &shared, 0);
        let mut results = Results::new(1);
        assert_eq!(run(&job, &mut results).unwrap_err(), Fail::cancelled());
    }
}
