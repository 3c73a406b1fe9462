//! Facts of the file system that holds a root.

use crate::root::Root;
use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, SpaceFacts};

/// Size of the record, bytes.
pub const PROBE_BYTES: usize = 64;

/// Packs the facts: see *Probe* in docs/native.md.
pub fn probe(root: &Root) -> Outcome<[u8; PROBE_BYTES]> {
    let facts = sys::file_system_facts(root.as_fd()).at(Step::Stat)?;
    let mut out = [0; PROBE_BYTES];
    let longs = [
        root.device,
        facts.magic,
        facts.free_bytes,
        facts.total_bytes,
        facts.free_inodes,
        root.inode,
    ];
    for (place, value) in out.chunks_exact_mut(8).zip(longs) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    let words = [
        flags(&facts),
        facts.max_name,
        facts.time_grain_ns,
        facts.rotational,
    ];
    for (place, value) in out[48..].chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    Ok(out)
}

fn flags(facts: &SpaceFacts) -> u32 {
    [
        facts.read_only,
        facts.xattrs,
        facts.acls,
        facts.case_folds,
        facts.normalises,
        facts.mount_root,
        facts.reflink,
        facts.lacks.modes,
        facts.lacks.write_bit,
        facts.lacks.owners,
    ]
    .into_iter()
    .enumerate()
    .map(|(bit, set)| u32::from(set) << bit)
    .sum()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::block::{u32_at, u64_at};
    use crate::testing::root_at;
    use std::path::Path;

    #[test]
    fn a_probe_says_what_the_file_system_is() {
        let temp = tempfile::tempdir_in("/dev/shm").unwrap();
        let root = root_at(temp.path());
        let record = probe(&root).unwrap();
        assert_eq!(u64_at(&record, 0), root.device);
        assert_eq!(u64_at(&record, 8), 0x0102_1994);
        assert!(u64_at(&record, 16) <= u64_at(&record, 24));
        assert_eq!(u64_at(&record, 40), root.inode);
        assert_eq!(u32_at(&record, 48) & (1 | 8 | 16 | 32), 0);
        assert_eq!(u32_at(&record, 52), 255);
        assert_eq!(u32_at(&record, 56), 1);
        let mount = probe(&root_at(Path::new("/dev/shm"))).unwrap();
        assert_eq!(u32_at(&mount, 48) & 32, 32);
    }
}
