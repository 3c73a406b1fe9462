//! Alternate data streams, which stand for extended attributes of the `user` namespace, as in ntfs-3g and
//! Samba: small ones are carried and compared as such, large ones copied from file to file.

use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::SystemServices::FILE_NAMED_STREAMS;

use super::nt::{self, How};
use super::{AsFd, BorrowedFd, Errno, OwnedFd, attributes, read_at, truncate, write_all_at};
use crate::block::{u16_at, u32_at, u64_at};
use crate::status::{AtStep, Outcome, Step};

/// As on Linux: what is larger is content, not an attribute.
const ATTRIBUTE_BYTES: u64 = 64 << 10;
/// How much is copied between two looks at cancellation.
const STEP_BYTES: usize = 1 << 20;
/// The most that a listing of streams is given room for.
const MOST_WORDS: usize = 1 << 17;

const COLON: u16 = b':' as u16;

/// A stream's name, without colons and type, and its size.
type Stream = (Vec<u16>, u64);

/// The streams of an entry that are small enough to be attributes.
pub fn small(entry: BorrowedFd) -> Result<Vec<Vec<u16>>, Errno> {
    let all = list(entry)?.into_iter();
    Ok(all
        .filter(|(_, bytes)| *bytes <= ATTRIBUTE_BYTES)
        .map(|(name, _)| name)
        .collect())
}

/// Reference: FILE_STREAM_INFORMATION.
fn list(entry: BorrowedFd) -> Result<Vec<Stream>, Errno> {
    let mut words = vec![0; 512];
    loop {
        match nt::query(entry, wdk::FileStreamInformation, &mut words) {
            // Not even the first fits, or there may be more than fit.
            Err(Errno::RANGE) if words.len() < MOST_WORDS => {}
            Ok(filled) if filled + 1024 > size_of_val(&words[..]) && words.len() < MOST_WORDS => {}
            Ok(filled) => return Ok(parse(&nt::bytes_of(&words)[..filled])),
            // A file system that knows no streams.
            Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOENT) => return Ok(Vec::new()),
            Err(errno) => return Err(errno),
        }
        words = vec![0; words.len() * 8];
    }
}

fn parse(mut rest: &[u8]) -> Vec<Stream> {
    let mut all = Vec::new();
    while rest.len() >= 24 {
        let (next, name_bytes) = (u32_at(rest, 0) as usize, u32_at(rest, 4) as usize);
        let Some(name) = rest.get(24..24 + name_bytes) else {
            break;
        };
        let name: Vec<u16> = name.chunks_exact(2).map(|two| u16_at(two, 0)).collect();
        // `:name:$DATA`; the content itself has no name.
        let mut parts = name.split(|&unit| unit == COLON).skip(1);
        if let (Some(name), Some(kind)) = (parts.next(), parts.next())
            && !name.is_empty()
            && String::from_utf16_lossy(kind) == "$DATA"
        {
            all.push((name.to_vec(), u64_at(rest, 8)));
        }
        if next == 0 {
            break;
        }
        rest = rest.get(next..).unwrap_or(&[]);
    }
    all
}

/// Whether the volume keeps streams.
pub fn are_kept(entry: BorrowedFd) -> bool {
    let mut words = [0; 16];
    nt::query_volume(entry, wdk::FileFsAttributeInformation, &mut words).is_ok()
        && words[0] as u32 & FILE_NAMED_STREAMS != 0
}

/// Reads a stream whole; with an empty buffer, returns its size.
pub fn get(entry: BorrowedFd, name: &[u16], buffer: &mut [u8]) -> Result<usize, Errno> {
    let stream = open(entry, name, nt::READ)?;
    let bytes = super::stat_fd(&stream)?.size as usize;
    if buffer.is_empty() {
        return Ok(bytes);
    }
    let place = buffer.get_mut(..bytes).ok_or(Errno::RANGE)?;
    let mut filled = 0;
    while filled < bytes {
        match read_at(stream.as_fd(), &mut place[filled..], filled as u64)? {
            0 => break,
            got => filled += got,
        }
    }
    Ok(filled)
}

/// Writes a stream whole, new or not.
pub fn set(entry: BorrowedFd, name: &[u16], value: &[u8]) -> Result<(), Errno> {
    let stream = open_to_write(entry, name)?;
    write_all_at(stream.as_fd(), value, 0)
}

/// Removes a stream.
pub fn remove(entry: BorrowedFd, name: &[u16]) -> Result<(), Errno> {
    let gone = || {
        let stream = open(entry, name, nt::LOOK | fs::DELETE)?;
        nt::set(stream.as_fd(), wdk::FileDispositionInformation, &[1], 1)
    };
    match gone() {
        Err(Errno::ACCESS) => attributes::without_read_only(entry, gone),
        other => other,
    }
}

fn open(entry: BorrowedFd, name: &[u16], access: u32) -> Result<OwnedFd, Errno> {
    let opened = nt::open(
        entry,
        &in_entry(name),
        How {
            access,
            options: 0,
            make: false,
        },
    );
    opened.map_err(|errno| {
        if errno == Errno::NOENT {
            Errno::NODATA
        } else {
            errno
        }
    })
}

/// Opens a stream to be written from its start.
fn open_to_write(entry: BorrowedFd, name: &[u16]) -> Result<OwnedFd, Errno> {
    let how = How {
        access: nt::WRITE,
        options: 0,
        make: true,
    };
    let make = || match nt::open(entry, &in_entry(name), how) {
        Err(Errno::EXIST) => {
            let there = open(entry, name, nt::WRITE)?;
            truncate(&there, 0)?;
            Ok(there)
        }
        other => other,
    };
    match make() {
        Err(Errno::ACCESS) => attributes::without_read_only(entry, make),
        other => other,
    }
}

fn in_entry(name: &[u16]) -> Vec<u16> {
    [&[COLON], name].concat()
}

/// Copies the streams that are too large to be attributes. Returns false where the volume keeps none.
///
/// `step` is asked after every step whether to go on.
pub fn copy_large_streams(
    from: BorrowedFd,
    to: BorrowedFd,
    mut step: impl FnMut() -> Outcome<()>,
) -> Outcome<bool> {
    for (name, bytes) in list(from).at(Step::SetXattrs)? {
        if bytes <= ATTRIBUTE_BYTES {
            continue;
        }
        if !are_kept(to) {
            return Ok(false);
        }
        let source = open(from, &name, nt::READ).at(Step::Read)?;
        let target = open_to_write(to, &name).at(Step::SetXattrs)?;
        let mut buffer = vec![0; STEP_BYTES];
        let mut at = 0;
        loop {
            step()?;
            let got = read_at(source.as_fd(), &mut buffer, at).at(Step::Read)?;
            if got == 0 {
                break;
            }
            write_all_at(target.as_fd(), &buffer[..got], at).at(Step::SetXattrs)?;
            at += got as u64;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(next: u32, name: &str, size: u64) -> Vec<u8> {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut record = next.to_le_bytes().to_vec();
        record.extend((name.len() as u32).to_le_bytes());
        record.extend(size.to_le_bytes());
        record.extend(0u64.to_le_bytes());
        record.extend(name);
        record.resize(record.len().max(next as usize), 0);
        record
    }

    #[test]
    fn streams_are_listed_without_the_content_itself() {
        let listing = [
            record(40, "::$DATA", 5),
            record(72, ":Zone.Identifier:$DATA", 26),
            record(0, ":é:$DATA", 70_000),
        ];
        let got: Vec<(String, u64)> = parse(&listing.concat())
            .into_iter()
            .map(|(name, size)| (String::from_utf16_lossy(&name), size))
            .collect();
        assert_eq!(
            got,
            [("Zone.Identifier".to_owned(), 26), ("é".to_owned(), 70_000)]
        );
    }
}
