//! Opening paths that cannot leave a directory, whatever is planted there meanwhile.

use std::thread;

use crate::block::Kind;
use crate::names::check_path;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Errno, Metadata, Mode, OFlags, OwnedFd};

/// Longest path handed to the kernel at once; it takes 4,095 bytes.
const PIECE_BYTES: usize = 4000;
/// How often a rename elsewhere in the tree may disturb one call before the path is walked instead.
const TRIES: u32 = 100;
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);

/// Opens `path` beneath `dir`: no links, no `..`, no magic links, no waiting for a FIFO's other end.
///
/// The empty path opens `dir` itself anew, with a file position of its own.
///
/// # Errors
///
/// `escaped` where the path is not plain or goes through a link, at its end included, unless
/// `flags` has `O_PATH` without `O_DIRECTORY`, which opens the link itself.
pub fn open_beneath(
    dir: BorrowedFd,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
    step: Step,
) -> Outcome<OwnedFd> {
    check_path(path, step)?;
    if path.is_empty() {
        return sys::open_child(dir, b".", flags | OFlags::DIRECTORY, mode).at(step);
    }
    let mut held: Option<OwnedFd> = None;
    let mut rest = path;
    while rest.len() > PIECE_BYTES {
        let end = rest[..PIECE_BYTES]
            .iter()
            .rposition(|&b| b == b'/')
            .ok_or(Fail::from((Errno::NAMETOOLONG, step)))?;
        let from = held.as_ref().map_or(dir, AsFd::as_fd);
        held = Some(open_piece(
            from,
            &rest[..end],
            DIRECTORY,
            Mode::empty(),
            step,
        )?);
        rest = &rest[end + 1..];
    }
    open_piece(
        held.as_ref().map_or(dir, AsFd::as_fd),
        rest,
        flags,
        mode,
        step,
    )
}

fn open_piece(
    dir: BorrowedFd,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
    step: Step,
) -> Outcome<OwnedFd> {
    if sys::must_walk() {
        return walk(dir, path, flags, mode, step);
    }
    for _ in 0..TRIES {
        match sys::open_beneath(dir, path, flags, mode) {
            Ok(fd) => return Ok(fd),
            Err(Errno::INTR) => {}
            // A rename anywhere below raced with the lookup, and the kernel could not tell whether it
            // stayed beneath.
            Err(Errno::AGAIN) => thread::yield_now(),
            Err(Errno::XDEV | Errno::LOOP) => return Err(Fail::new(Status::Escaped, step)),
            Err(Errno::NOTDIR) if flags.contains(OFlags::DIRECTORY) && ends_in_link(dir, path) => {
                return Err(Fail::new(Status::Escaped, step));
            }
            Err(errno) => return Err(Fail::from((errno, step))),
        }
    }
    walk(dir, path, flags, mode, step)
}

// O_DIRECTORY says ENOTDIR for a link, as for any other kind: a planted link must be told apart.
fn ends_in_link(dir: BorrowedFd, path: &[u8]) -> bool {
    sys::open_beneath(dir, path, OFlags::PATH, Mode::empty())
        .and_then(sys::stat_fd)
        .is_ok_and(|found: Metadata| found.kind == Kind::Symlink)
}

/// Component by component, for kernels and sandboxes without openat2.
fn walk(dir: BorrowedFd, path: &[u8], flags: OFlags, mode: Mode, step: Step) -> Outcome<OwnedFd> {
    let mut held: Option<OwnedFd> = None;
    let mut names = path.split(|&b| b == b'/').peekable();
    while let Some(name) = names.next() {
        let from = held.as_ref().map_or(dir, AsFd::as_fd);
        let last = names.peek().is_none();
        let flags = if last { flags } else { DIRECTORY };
        let opened = sys::open_child(from, name, flags, mode).map_err(|errno| match errno {
            Errno::LOOP => Fail::new(Status::Escaped, step),
            Errno::NOTDIR if sys::is_link_at(from, name) => Fail::new(Status::Escaped, step),
            other => Fail::from((other, step)),
        })?;
        if last {
            return Ok(opened);
        }
        held = Some(opened);
    }
    Err(Fail::new(Status::Bug, step))
}

#[cfg(test)]
mod tests {
    use std::fs;
    #[cfg(unix)]
    use std::os::unix::fs::symlink;
    #[cfg(unix)]
    use std::time::{Duration, Instant};

    use super::*;
    use crate::root::Root;
    use crate::testing::root_at;

    type Opener = fn(BorrowedFd, &[u8], OFlags, Mode, Step) -> Outcome<OwnedFd>;
    #[cfg(unix)]
    const BOTH: [Opener; 2] = [open_beneath, walk];

    fn status(root: &Root, open: Opener, path: &[u8], flags: OFlags) -> Status {
        match open(root.as_fd(), path, flags, Mode::empty(), Step::Open) {
            Ok(_) => Status::Ok,
            Err(fail) => fail.status,
        }
    }

    #[cfg(unix)]
    #[test]
    fn planted_links_are_escapes_wherever_they_point() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("in/dir")).unwrap();
        fs::write(temp.path().join("in/file"), "x").unwrap();
        symlink("/", temp.path().join("in/out")).unwrap();
        symlink("dir", temp.path().join("in/within")).unwrap();
        symlink("file", temp.path().join("in/name")).unwrap();
        let root = root_at(&temp.path().join("in"));
        for open in BOTH {
            for path in [&b"out/etc/passwd"[..], b"out/etc", b"within/x", b"name"] {
                assert_eq!(status(&root, open, path, OFlags::RDONLY), Status::Escaped);
            }
            for path in [&b"out"[..], b"within", b"name"] {
                assert_eq!(status(&root, open, path, DIRECTORY), Status::Escaped);
                assert_eq!(status(&root, open, path, OFlags::PATH), Status::Ok);
            }
            assert_eq!(
                status(&root, open, b"file/x", OFlags::RDONLY),
                Status::NotDirectory
            );
            assert_eq!(
                status(&root, open, b"file", DIRECTORY),
                Status::NotDirectory
            );
            assert_eq!(
                status(&root, open, b"none", OFlags::RDONLY),
                Status::NotFound
            );
            assert_eq!(status(&root, open, b"dir", DIRECTORY), Status::Ok);
        }
    }

    #[test]
    fn dot_dot_and_absolute_paths_are_escapes() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("a")).unwrap();
        let root = root_at(temp.path());
        for path in [&b".."[..], b"a/..", b"a/../a", b"/etc", b"a//b", b"./a"] {
            assert_eq!(
                status(&root, open_beneath, path, OFlags::RDONLY),
                Status::Escaped
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_planted_fifo_does_not_block_an_open() {
        let temp = tempfile::tempdir().unwrap();
        let root = root_at(temp.path());
        rustix::fs::mknodat(&root.fd, "pipe", rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        let start = Instant::now();
        assert_eq!(
            status(&root, open_beneath, b"pipe", OFlags::RDONLY),
            Status::Ok
        );
        let as_file = root
            .open_expected(b"pipe", OFlags::RDONLY, Kind::File, 0)
            .unwrap_err();
        assert_eq!(as_file.status, Status::Changed);
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_path_longer_than_the_kernel_takes_is_opened() {
        let temp = tempfile::tempdir().unwrap();
        let root = root_at(temp.path());
        let name = [b'n'; 200];
        let mut path = Vec::new();
        // Windows has no limit but 32,767 units; wine's own is the kernel's.
        let levels = if cfg!(windows) { 15 } else { 60 };
        for _ in 0..levels {
            let parent = root.open_dir(&path).unwrap();
            sys::make_directory(&parent, &name[..]).unwrap();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(name);
        }
        assert!(path.len() > levels * 200);
        let deep = root.open(&path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty());
        assert!(deep.is_ok());
        let too_long = root
            .open(&[b'n'; 5000], OFlags::RDONLY, Mode::empty())
            .unwrap_err();
        assert_eq!(too_long.status, Status::NameTooLong);
    }

    #[test]
    fn the_empty_path_opens_the_root_with_its_own_position() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("a"), "").unwrap();
        let root = root_at(temp.path());
        for _ in 0..2 {
            let fd = root
                .open(b"", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
                .unwrap();
            let mut names = 0;
            let mut reader = sys::DirReader::new();
            while reader.fill(fd.as_fd(), |_, _, _| names += 1).unwrap() {}
            assert_eq!(names, 1);
        }
    }
}
