//! What a `file` and an `entry` say of one entry: its looks, a link's target, extended attributes.

use super::record::{CONTENT_MOST, DIGEST_BYTES, MISMATCH};
use crate::attributes;
use crate::block::{Kind, u32_at, u64_at};
use crate::status::Outcome;
use crate::sys::Metadata;
use crate::xattr::Xattrs;

/// Size of packed looks, bytes.
pub const LOOK_BYTES: usize = 48;
/// Longest target of a symlink, bytes.
const TARGET_MOST: usize = 65_535;

/// Packs what is known of an entry; device, inode, ctime and links are the sender's own business.
pub fn pack_look(metadata: &Metadata) -> [u8; LOOK_BYTES] {
    let mut bytes = [0; LOOK_BYTES];
    bytes[0..8].copy_from_slice(&metadata.size.to_le_bytes());
    bytes[8..16].copy_from_slice(&metadata.mtime_ns.to_le_bytes());
    bytes[16..24].copy_from_slice(&metadata.allocated.to_le_bytes());
    bytes[24..32].copy_from_slice(&metadata.rdev.to_le_bytes());
    bytes[32..36].copy_from_slice(&metadata.mode.to_le_bytes());
    bytes[36..40].copy_from_slice(&metadata.uid.to_le_bytes());
    bytes[40..44].copy_from_slice(&metadata.gid.to_le_bytes());
    bytes[44] = metadata.kind as u8;
    bytes
}

fn parse_look(bytes: &[u8]) -> Outcome<Metadata> {
    let mode = u32_at(bytes, 32);
    let size = u64_at(bytes, 0);
    if mode & !0o7777 != 0 || size > i64::MAX as u64 || bytes[45..48] != [0, 0, 0] {
        return Err(MISMATCH);
    }
    Ok(Metadata {
        size,
        mtime_ns: u64_at(bytes, 8).cast_signed(),
        allocated: u64_at(bytes, 16),
        rdev: u64_at(bytes, 24),
        mode,
        uid: u32_at(bytes, 36),
        gid: u32_at(bytes, 40),
        kind: Kind::from_byte(bytes[44]).ok_or(MISMATCH)?,
        ..Metadata::default()
    })
}

/// The payload of an `entry`, or the start of a `file`'s.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Kind, size, mode, owner, mtime, device number, bytes on disk.
    pub look: Metadata,
    /// Target of a symlink, else empty.
    pub target: &'a [u8],
    /// Extended attributes and ACLs.
    pub xattrs: Xattrs,
}

/// The payload of a `file`, verified.
#[derive(Debug, PartialEq, Eq)]
pub struct WholeFile<'a> {
    /// All but the content.
    pub entry: Entry<'a>,
    /// The content.
    pub content: &'a [u8],
    /// Whether the digest is the content's.
    pub is_intact: bool,
}

/// Appends looks, target and attributes to a record. Returns false where attributes were left out.
pub fn pack_entry(
    look: &Metadata,
    target: &[u8],
    xattrs: &[(Vec<u8>, Vec<u8>)],
    out: &mut Vec<u8>,
) -> bool {
    out.extend(pack_look(look));
    out.extend((target.len() as u32).to_le_bytes());
    let length = out.len();
    out.extend([0; 4]);
    out.extend(target);
    let start = out.len();
    let whole = attributes::pack(xattrs, out);
    let attributes = ((out.len() - start) as u32).to_le_bytes();
    out[length..length + 4].copy_from_slice(&attributes);
    whole
}

impl Entry<'_> {
    /// Decodes looks, target and attributes; returns them with what follows.
    fn parse_start(payload: &[u8]) -> Outcome<(Entry<'_>, &[u8])> {
        let (head, rest) = payload.split_at_checked(LOOK_BYTES + 8).ok_or(MISMATCH)?;
        let look = parse_look(head)?;
        let target_bytes = u32_at(head, LOOK_BYTES) as usize;
        let attributes_bytes = u32_at(head, LOOK_BYTES + 4) as usize;
        let is_link = look.kind == Kind::Symlink;
        if target_bytes > TARGET_MOST
            || attributes_bytes > attributes::MOST_BYTES
            || is_link != (target_bytes > 0)
        {
            return Err(MISMATCH);
        }
        let (target, rest) = rest.split_at_checked(target_bytes).ok_or(MISMATCH)?;
        let (attributes, rest) = rest.split_at_checked(attributes_bytes).ok_or(MISMATCH)?;
        if target.contains(&0) {
            return Err(MISMATCH);
        }
        let xattrs = attributes::unpack(attributes).ok_or(MISMATCH)?;
        Ok((
            Entry {
                look,
                target,
                xattrs,
            },
            rest,
        ))
    }

    /// Decodes the payload of an `entry`: a file too large for one record.
    pub fn parse(payload: &[u8]) -> Outcome<Entry<'_>> {
        let (entry, rest) = Self::parse_start(payload)?;
        let is_large = entry.look.kind == Kind::File && entry.look.size > CONTENT_MOST as u64;
        if is_large && rest.is_empty() {
            Ok(entry)
        } else {
            Err(MISMATCH)
        }
    }
}

impl WholeFile<'_> {
    /// Decodes and verifies the payload of a `file`. What is no file has no content.
    pub fn parse(payload: &[u8]) -> Outcome<WholeFile<'_>> {
        let (entry, rest) = Entry::parse_start(payload)?;
        let end = rest.len().checked_sub(DIGEST_BYTES).ok_or(MISMATCH)?;
        let (content, digest) = rest.split_at(end);
        let expected = match entry.look.kind {
            Kind::Unknown | Kind::Directory => return Err(MISMATCH),
            Kind::File => entry.look.size,
            _ => 0,
        };
        if content.len() > CONTENT_MOST || content.len() as u64 != expected {
            return Err(MISMATCH);
        }
        Ok(WholeFile {
            entry,
            content,
            is_intact: blake3::hash(content).as_bytes() == digest,
        })
    }
}

#[cfg(test)]
mod tests;
