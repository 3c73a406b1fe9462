//! Mode, times, attributes and streams of one held entry.

use windows_sys::Win32::Storage::FileSystem as fs;

use super::{AsFd, BorrowedFd, Errno, OwnedFd, attributes, names, nt, open, stat_fd, stream};
use crate::block::Kind;

/// What alternate data streams are called among extended attributes.
const PREFIX: &[u8] = b"user.";
/// The attributes that are no stream; no stream has a colon in its name.
const ATTRIBUTES: &[u8] = b"user.windows:attributes";

/// An entry whose metadata can be read and set, whatever its name is by now.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    fd: BorrowedFd<'a>,
}

/// An entry opened in the way that its kind and the caller's rights allow.
#[derive(Debug)]
pub struct Holder {
    fd: OwnedFd,
}

impl Holder {
    /// Opens `name` in `dir` without following a link.
    pub fn open(dir: BorrowedFd, name: &[u8], kind: Kind) -> Result<Holder, Errno> {
        let name = names::component(name)?;
        let read = if kind == Kind::File {
            fs::FILE_READ_DATA
        } else {
            0
        };
        match open::open_itself(dir, &name, nt::STAMP | read, 0) {
            Ok(fd) => Ok(Holder { fd }),
            // To be looked at only.
            Err(Errno::ACCESS) => {
                open::open_itself(dir, &name, nt::LOOK, 0).map(|fd| Holder { fd })
            }
            Err(errno) => Err(errno),
        }
    }

    /// The entry.
    pub fn held(&self) -> Held<'_> {
        Held {
            fd: self.fd.as_fd(),
        }
    }

    /// Puts the entry on disk.
    pub fn sync(&self) -> Result<(), Errno> {
        super::fsync(&self.fd)
    }
}

impl AsFd for Holder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl<'a> Held<'a> {
    /// An entry that is open for reading or writing.
    pub fn open(fd: BorrowedFd<'a>) -> Self {
        Self { fd }
    }

    /// An entry held by any handle.
    pub fn any(fd: BorrowedFd<'a>) -> Self {
        Self { fd }
    }

    /// The handle.
    pub fn fd(self) -> BorrowedFd<'a> {
        self.fd
    }

    /// Owners of Windows are no numbers: they are left as they are.
    pub fn set_owner(self, _: Option<u32>, _: Option<u32>) -> Result<(), Errno> {
        Err(Errno::OPNOTSUPP)
    }

    /// Sets a file's read-only attribute where nobody may write it. On directories it means something else.
    pub fn set_mode(self, mode: u32) -> Result<(), Errno> {
        match stat_fd(self.fd)?.kind {
            Kind::File => attributes::set_read_only(self.fd, mode & 0o222 == 0),
            _ => Ok(()),
        }
    }

    /// Sets the modification time, in steps of 100 ns, and leaves the others.
    pub fn set_mtime(self, mtime_ns: i64) -> Result<(), Errno> {
        attributes::set_mtime(self.fd, mtime_ns)
    }

    /// The same: the others are left by saying so, which every file system understands.
    pub fn set_both_times(self, mtime_ns: i64) -> Result<(), Errno> {
        self.set_mtime(mtime_ns)
    }

    /// Fills `buffer` with the NUL-terminated names of streams and attributes; `RANGE` where it is too small.
    pub fn list_xattrs(self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut all = Vec::new();
        for name in stream::small(self.fd)? {
            all.extend_from_slice(PREFIX);
            names::push_bytes(name, &mut all);
            all.push(0);
        }
        if attributes::letters(self.fd)?.is_some() {
            all.extend_from_slice(ATTRIBUTES);
            all.push(0);
        }
        fill(buffer, &all)
    }

    /// Fills `buffer` with a stream's content or the attributes' letters; with an empty one, returns the size.
    pub fn get_xattr(self, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
        if name != ATTRIBUTES {
            return stream::get(self.fd, &stream_name(name)?, buffer);
        }
        let letters = attributes::letters(self.fd)?.ok_or(Errno::NODATA)?;
        if buffer.is_empty() {
            Ok(letters.len())
        } else {
            fill(buffer, &letters)
        }
    }

    /// Sets a stream or the attributes.
    pub fn set_xattr(self, name: &[u8], value: &[u8]) -> Result<(), Errno> {
        if name == ATTRIBUTES {
            return attributes::set_letters(self.fd, Some(value));
        }
        let name = stream_name(name)?;
        if stream::are_kept(self.fd) {
            stream::set(self.fd, &name, value)
        } else {
            Err(Errno::OPNOTSUPP)
        }
    }

    /// Removes a stream, or sets the usual attributes.
    pub fn remove_xattr(self, name: &[u8]) -> Result<(), Errno> {
        match name {
            ATTRIBUTES => attributes::set_letters(self.fd, None),
            name => stream::remove(self.fd, &stream_name(name)?),
        }
    }
}

fn fill(buffer: &mut [u8], all: &[u8]) -> Result<usize, Errno> {
    buffer
        .get_mut(..all.len())
        .ok_or(Errno::RANGE)?
        .copy_from_slice(all);
    Ok(all.len())
}

/// The stream that stands for an attribute. Other namespaces are other systems' business.
fn stream_name(name: &[u8]) -> Result<Vec<u16>, Errno> {
    let name = name.strip_prefix(PREFIX).ok_or(Errno::OPNOTSUPP)?;
    if name.is_empty() || name.iter().any(|byte| b":/\\\0".contains(byte)) {
        return Err(Errno::INVAL);
    }
    names::to_units(name)
}

/// The user whose rights count for file access, as a number: what [`stat_fd`] says of every entry.
pub fn effective_uid() -> u32 {
    0
}

/// Whether an open that never follows links failed because the entry is of another kind by now.
pub fn means_other_kind(errno: Errno) -> bool {
    matches!(errno, Errno::LOOP | Errno::NOTDIR)
}
