//! Extended attributes as requests, answers and the data plane carry them.

use crate::block::{u16_at, u32_at};
use crate::control::JobContext;
use crate::meta::Tree;
use crate::results::{ItemResult, Results};
use crate::status::{Fail, Outcome, Status, Step};
use crate::xattr::{self, Xattrs};

/// Most bytes of one entry's attributes, packed.
pub const MOST_BYTES: usize = 1 << 20;
/// Bytes before each name: its length, and the value's.
const LENGTHS: usize = 6;
/// In place of a list's length: leave the entry's attributes alone.
const LEAVE_ALONE: u32 = u32::MAX;

/// Appends attributes: for each u16 name length, u32 value length, name, value. Returns false where they are
/// over [`MOST_BYTES`]: then some were left out.
pub fn pack(xattrs: &[(Vec<u8>, Vec<u8>)], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut whole = true;
    for (name, value) in xattrs {
        let Ok(name_bytes) = u16::try_from(name.len()) else {
            whole = false;
            continue;
        };
        if out.len() - start + LENGTHS + name.len() + value.len() > MOST_BYTES {
            whole = false;
            continue;
        }
        out.extend(name_bytes.to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
        out.extend(name);
        out.extend(value);
    }
    whole
}

/// Reads packed attributes; `None` where they are cut off, or a name is none.
pub fn unpack(mut bytes: &[u8]) -> Option<Xattrs> {
    let mut all = Xattrs::new();
    while !bytes.is_empty() {
        let (lengths, rest) = bytes.split_at_checked(LENGTHS)?;
        let (name, rest) = rest.split_at_checked(u16_at(lengths, 0) as usize)?;
        let (value, rest) = rest.split_at_checked(u32_at(lengths, 2) as usize)?;
        if name.is_empty() || name.contains(&0) {
            return None;
        }
        all.push((name.to_vec(), value.to_vec()));
        bytes = rest;
    }
    Some(all)
}

/// Takes one list, u32 length and packed attributes, off the front of `bytes`; `None` where the entry keeps
/// what it has.
///
/// # Errors
///
/// `usage` where there is none.
pub fn take(bytes: &mut &[u8]) -> Outcome<Option<Xattrs>> {
    let list = (|| {
        let (length, rest) = bytes.split_at_checked(4)?;
        let length = u32_at(length, 0);
        let (list, rest) = match length {
            LEAVE_ALONE => (None, rest),
            _ => rest
                .split_at_checked(length as usize)
                .map(|(list, rest)| (Some(list), rest))?,
        };
        *bytes = rest;
        list.map_or(Some(None), |list| unpack(list).map(Some))
    })();
    list.ok_or(Fail::usage())
}

/// Hands up what the entry at item 0 carries; nothing where its file system has no attributes.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let item = request.need_item(0)?;
    job.at(0, Step::Stat);
    let read = job.check().and_then(|()| {
        let mut source = Tree::new(job.source()?);
        let (holder, _) = source.hold(&request.path(0), item.kind)?;
        let mut bytes = Vec::new();
        if pack(
            &xattr::read_all(holder.held())?.unwrap_or_default(),
            &mut bytes,
        ) {
            Ok(bytes)
        } else {
            Err(Fail::new(Status::Unsupported, Step::Stat))
        }
    });
    match read {
        Ok(bytes) => {
            results.set(0, ItemResult::default());
            job.emit_bytes(bytes);
        }
        Err(fail) => results.fail(0, fail),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
