//! Roots beneath roots: a directory of a tree that becomes a tree of its own.

use crate::names::check_path;
use crate::root::{MAKE, Root};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Errno, Metadata, Mode, OFlags, OwnedFd};

/// Follow links on the way, as far as they stay beneath the root.
pub const FOLLOW: u32 = 2;
/// Links followed in one path, as in the kernel.
const MOST_LINKS: usize = 40;
/// Directories held at once.
const MOST_DEPTH: usize = 256;

impl Root {
    /// Opens a directory beneath this root as a root of its own; the empty path opens this one again.
    ///
    /// # Errors
    ///
    /// `escaped` for a link, unless [`FOLLOW`] is set and it stays beneath; `..` only where a link has it.
    pub fn open_root(&self, path: &[u8], flags: u32) -> Outcome<Root> {
        if flags & !(MAKE | FOLLOW) != 0 {
            return Err(Fail::usage());
        }
        check_path(path, Step::Open)?;
        let held = match flags {
            0 => None,
            _ => walk(self.as_fd(), path, flags)?,
        };
        let from = held.as_ref().map_or(self.as_fd(), AsFd::as_fd);
        let rest = if flags == 0 { path } else { b"" };
        let open = |access: OFlags| {
            let flags = access | OFlags::DIRECTORY;
            crate::beneath::open_beneath(from, rest, flags, Mode::empty(), Step::Open)
        };
        let fd = match open(OFlags::RDONLY) {
            // A directory that may be searched but not listed still serves as a root.
            Err(fail) if fail.status == Status::Permission => open(OFlags::PATH),
            opened => opened,
        }?;
        let Metadata { device, inode, .. } = sys::stat_fd(&fd).at(Step::Stat)?;
        Ok(Root {
            fd,
            device,
            inode,
            held: Default::default(),
        })
    }
}

/// Goes down name by name, each relative to the held directory above it, so that neither a link nor a
/// rename leads out; `..` in a link's target goes back to what is held, never to what the disk says.
/// None for the root itself.
fn walk(root: BorrowedFd, path: &[u8], flags: u32) -> Outcome<Option<OwnedFd>> {
    let mut held: Vec<OwnedFd> = Vec::new();
    let mut names = Vec::new();
    push_names(&mut names, path);
    let mut links = 0;
    while let Some(name) = names.pop() {
        match &name[..] {
            b"" | b"." => continue,
            b".." => {
                held.pop().ok_or(Fail::new(Status::Escaped, Step::Open))?;
                continue;
            }
            _ if held.len() == MOST_DEPTH => {
                return Err(Fail::from((Errno::NAMETOOLONG, Step::Open)));
            }
            _ => {}
        }
        let from = held.last().map_or(root, AsFd::as_fd);
        match open_directory(from, &name) {
            Ok(fd) => held.push(fd),
            Err(Errno::NOENT) if flags & MAKE != 0 => {
                match sys::make_listed_directory(from, &name) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(Fail::from((errno, Step::MakeDirectory))),
                }
                let made = open_directory(from, &name).at(Step::Open)?;
                held.push(made);
            }
            Err(Errno::LOOP | Errno::NOTDIR) if sys::is_link_at(from, &name) => {
                let target = match flags & FOLLOW {
                    0 => return Err(Fail::new(Status::Escaped, Step::Open)),
                    _ => sys::read_link(from, &name).at(Step::ReadLink)?,
                };
                links += 1;
                if links > MOST_LINKS {
                    return Err(Fail::from((Errno::LOOP, Step::Open)));
                }
                if target.first().is_none_or(|&first| first == b'/') {
                    return Err(Fail::new(Status::Escaped, Step::Open));
                }
                push_names(&mut names, &target);
            }
            Err(errno) => return Err(Fail::from((errno, Step::Open))),
        }
    }
    Ok(held.pop())
}

fn open_directory(from: BorrowedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    sys::open_child(from, name, flags, Mode::empty())
}

/// Puts a path's names on a stack, the first on top.
fn push_names(names: &mut Vec<Vec<u8>>, path: &[u8]) {
    names.extend(path.rsplit(|&byte| byte == b'/').map(<[u8]>::to_vec));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::root_at;

    fn status(root: &Root, path: &[u8], flags: u32) -> Status {
        match root.open_root(path, flags) {
            Ok(_) => Status::Ok,
            Err(fail) => fail.status,
        }
    }

    #[test]
    fn a_directory_becomes_a_root_and_missing_ones_are_made() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("a/b")).unwrap();
        fs::write(temp.path().join("a/b/file"), "x").unwrap();
        let root = root_at(temp.path());
        let below = root.open_root(b"a/b", 0).unwrap();
        assert!(below.open(b"file", OFlags::RDONLY, Mode::empty()).is_ok());
        assert_eq!(root.open_root(b"", 0).unwrap().inode, root.inode);
        assert_eq!(root.open_root(b"", FOLLOW).unwrap().inode, root.inode);
        assert_eq!(status(&root, b"c/d", 0), Status::NotFound);
        assert_eq!(status(&root, b"c/d", FOLLOW), Status::NotFound);
        root.open_root(b"c/d", MAKE).unwrap();
        assert!(temp.path().join("c/d").is_dir());
        assert_eq!(status(&root, b"a/b/file", 0), Status::NotDirectory);
        assert_eq!(status(&root, b"a/b/file", MAKE), Status::NotDirectory);
        for path in [&b".."[..], b"a/../a", b"/a", b"a//b", b"a/."] {
            for flags in [0, MAKE, FOLLOW] {
                assert_eq!(status(&root, path, flags), Status::Escaped);
            }
        }
        assert_eq!(status(&root, b"a", 4), Status::Usage);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_only_when_asked_and_never_out() {
        use std::os::unix::fs::symlink;
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name);
        fs::create_dir_all(path("in/a/b")).unwrap();
        fs::create_dir_all(path("out")).unwrap();
        symlink("a", path("in/to_a")).unwrap();
        symlink("../to_a/b", path("in/a/round")).unwrap();
        symlink("..", path("in/up")).unwrap();
        symlink("a/../../out", path("in/sly")).unwrap();
        symlink("/", path("in/top")).unwrap();
        symlink("self", path("in/self")).unwrap();
        symlink("new", path("in/to_new")).unwrap();
        let root = root_at(&path("in"));
        let b = root.open_root(b"a/b", 0).unwrap().inode;
        for through in [&b"to_a/b"[..], b"a/round", b"to_a/round"] {
            assert_eq!(root.open_root(through, FOLLOW).unwrap().inode, b);
            assert_eq!(status(&root, through, 0), Status::Escaped);
            assert_eq!(status(&root, through, MAKE), Status::Escaped);
        }
        for out in [&b"up"[..], b"sly", b"top", b"top/etc"] {
            assert_eq!(status(&root, out, FOLLOW | MAKE), Status::Escaped);
        }
        assert_eq!(status(&root, b"self", FOLLOW), Status::LinkLoop);
        root.open_root(b"to_new", FOLLOW | MAKE).unwrap();
        assert!(path("in/new").is_dir());
    }
}
