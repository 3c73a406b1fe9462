//! Extended attributes; POSIX ACLs are the two named `system.posix_acl_*`.

use crate::status::{AtStep, Outcome, Step};
use crate::sys::{BorrowedFd, Errno, Held};

/// The ACL of an entry itself.
pub const ACCESS_ACL: &[u8] = b"system.posix_acl_access";
/// The ACL that what is created in a directory inherits.
pub const DEFAULT_ACL: &[u8] = b"system.posix_acl_default";

/// What an entry carries, sorted by name.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// All attributes of an entry that can be read, sorted by name; `None` where its file system has none at all.
///
/// The labels of security modules are left out: they are each system's own business, neither copied nor
/// compared. A file's capabilities are the file's.
///
/// # Errors
///
/// Whatever the system says but "not supported" and "gone meanwhile".
pub fn read_all(entry: Held) -> Outcome<Option<Xattrs>> {
    let names = match list(entry) {
        Ok(names) => names,
        Err(Errno::OPNOTSUPP) => return Ok(None),
        Err(errno) => return Err(errno).at(Step::Stat),
    };
    let mut all = Xattrs::new();
    for name in names.split(|&b| b == 0).filter(|name| is_portable(name)) {
        match value(entry, name) {
            Ok(value) => all.push((name.to_vec(), value)),
            // Removed since the listing, or shown by a name that has no value of its own.
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(errno).at(Step::Stat),
        }
    }
    all.sort_unstable();
    Ok(Some(all))
}

/// Gives a new entry these attributes. Returns false where some could not be kept: those are left out.
///
/// # Errors
///
/// What speaks of a failing disk, not of a file system that keeps less.
pub fn set_all(entry: Held, wanted: &[(Vec<u8>, Vec<u8>)]) -> Outcome<bool> {
    set(entry, wanted, size_of_all(wanted))
}

fn size_of_all(all: &[(Vec<u8>, Vec<u8>)]) -> usize {
    all.iter()
        .map(|(name, value)| name.len() + value.len())
        .sum()
}

// `bytes`: of all that the entry is to have.
fn set(entry: Held, wanted: &[(Vec<u8>, Vec<u8>)], bytes: usize) -> Outcome<bool> {
    let mut whole = true;
    for (name, value) in wanted {
        match entry.set_xattr(name, value) {
            Ok(()) => {}
            Err(errno) if is_less(errno, bytes) => whole = false,
            Err(errno) => return Err(errno).at(Step::SetXattrs),
        }
    }
    Ok(whole)
}

/// Makes an existing entry carry exactly these attributes: what differs is set, what is extra removed.
/// Returns false where something could not be kept.
pub fn mirror(entry: Held, wanted: &[(Vec<u8>, Vec<u8>)]) -> Outcome<bool> {
    let Some(present) = read_all(entry)? else {
        return Ok(wanted.is_empty());
    };
    for (name, _) in &present {
        let kept = wanted.iter().any(|(other, _)| other == name);
        if !kept {
            match entry.remove_xattr(name) {
                Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
                Err(errno) => return Err(errno).at(Step::SetXattrs),
            }
        }
    }
    let different: Xattrs = wanted
        .iter()
        .filter(|pair| !present.contains(pair))
        .cloned()
        .collect();
    set(entry, &different, size_of_all(wanted))
}

/// Removes the ACL of this name that a new entry inherited from its directory.
pub fn drop_acl(entry: Held, name: &[u8]) -> Outcome<()> {
    match entry.remove_xattr(name) {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno).at(Step::SetXattrs),
    }
}

// What a machine's own security module writes, by its own policy or bound to the inode.
const LABELS: [&[u8]; 4] = [
    b"security.selinux",
    b"security.SMACK64",
    b"security.apparmor",
    b"security.evm",
];

fn is_portable(name: &[u8]) -> bool {
    !name.is_empty() && !LABELS.iter().any(|label| name.starts_with(label))
}

/// 64 bits of BLAKE3 over (length, bytes) of every name and value, sorted by name; 0 where there are none.
///
/// `src/tree/blake3.ts` computes the same.
pub fn digest(entry: BorrowedFd) -> Outcome<u64> {
    let all = read_all(Held::any(entry))?.unwrap_or_default();
    if all.is_empty() {
        return Ok(0);
    }
    let mut hasher = blake3::Hasher::new();
    for part in all.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update(&(part.len() as u32).to_le_bytes());
        hasher.update(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    Ok(u64::from_le_bytes(first))
}

/// Attributes of no more than this fit on every file system that has any: the smallest keeps a block of 1 KiB, in
/// which each has a head of some bytes.
const ALWAYS_FIT: usize = 512;

// The destination cannot keep this one: its type (OPNOTSUPP), its size (ext4 says NOSPC for more than a
// block, xfs 2BIG), its name, or the right to set it. NOSPC for a few bytes is a full disk.
fn is_less(errno: Errno, bytes: usize) -> bool {
    match errno {
        Errno::NOSPC => bytes > ALWAYS_FIT,
        Errno::OPNOTSUPP
        | Errno::PERM
        | Errno::ACCESS
        | Errno::INVAL
        | Errno::RANGE
        | Errno::TOOBIG => true,
        _ => false,
    }
}

fn list(entry: Held) -> Result<Vec<u8>, Errno> {
    // Nearly every entry has none or a few: one call, no allocation that lasts.
    let mut few = [0; 1024];
    match entry.list_xattrs(&mut few) {
        Ok(n) => return Ok(few[..n].to_vec()),
        Err(Errno::RANGE) => {}
        Err(errno) => return Err(errno),
    }
    // The kernel's own limit is 64 KiB.
    let mut many = vec![0; 65_536];
    let n = entry.list_xattrs(&mut many)?;
    many.truncate(n);
    Ok(many)
}

fn value(entry: Held, name: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut small = [0; 256];
    match entry.get_xattr(name, &mut small) {
        Ok(n) => return Ok(small[..n].to_vec()),
        Err(Errno::RANGE) => {}
        Err(errno) => return Err(errno),
    }
    let mut large = vec![0; 65_536];
    let n = entry.get_xattr(name, &mut large)?;
    large.truncate(n);
    Ok(large)
}

#[cfg(test)]
mod tests {
    use super::{Errno, is_less};

    #[test]
    fn no_space_for_a_few_bytes_of_attributes_is_a_full_disk() {
        assert!(!is_less(Errno::NOSPC, 10));
        assert!(is_less(Errno::NOSPC, 5000) && is_less(Errno::OPNOTSUPP, 10));
        assert!(!is_less(Errno::NXIO, 5000));
    }
}
