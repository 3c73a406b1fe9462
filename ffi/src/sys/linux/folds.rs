//! Whether a directory takes names that differ in case alone for one, where its type doesn't tell.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};

use super::metadata::stat_at;
use super::{DirReader, Mode, OFlags, open_child};

/// So many buffers of names are looked at, of some thousand each.
const MOST_BUFFERS: usize = 16;

/// Whether a name that is listed is found in the other case too, which isn't listed.
///
/// An empty directory says no: what is made in it is compared with nothing that was there.
pub fn folds_by_lookup(dir: BorrowedFd) -> bool {
    // Another descriptor: the listing moves its position.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let Ok(own) = open_child(dir, b".", flags, Mode::empty()) else {
        return false;
    };
    let mut names = HashSet::new();
    let mut reader = DirReader::new();
    let filled = reader.fill(own.as_fd(), |name, _, _| {
        names.insert(name.to_owned());
    });
    let Ok(mut has_more) = filled else {
        return false;
    };
    let pair = names.iter().find_map(|name| {
        let other = in_other_case(name)?;
        (!names.contains(&other)).then_some((name, other))
    });
    let Some((name, other)) = pair else {
        return false;
    };
    // Where case counts that is all, as a rule.
    let Ok(found) = stat_at(dir, &other) else {
        return false;
    };
    // Further on in the listing the other name may be there: then it is another entry.
    for _ in 1..MOST_BUFFERS {
        if !has_more {
            return true;
        }
        let mut is_listed = false;
        let filled = reader.fill(own.as_fd(), |name, _, _| {
            is_listed |= name == other.as_c_str()
        });
        has_more = match filled {
            Ok(more) if !is_listed => more,
            _ => return false,
        };
    }
    !has_more || stat_at(dir, name).is_ok_and(|listed| listed.inode == found.inode)
}

/// The name with the case of its ASCII letters turned; `None` where it has none.
fn in_other_case(name: &CStr) -> Option<CString> {
    let turn = |&byte: &u8| match byte {
        b'a'..=b'z' => byte.to_ascii_uppercase(),
        _ => byte.to_ascii_lowercase(),
    };
    let other: Vec<u8> = name.to_bytes().iter().map(turn).collect();
    CString::new(other)
        .ok()
        .filter(|other| other.as_c_str() != name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_tells_case_apart_does_so_by_lookup() {
        let temp = tempfile::tempdir().unwrap();
        let folder = std::fs::File::open(temp.path()).unwrap();
        assert!(!folds_by_lookup(folder.as_fd()));
        std::fs::write(temp.path().join("1"), "").unwrap();
        std::fs::write(temp.path().join("Photo.JPG"), "").unwrap();
        assert!(!folds_by_lookup(folder.as_fd()));
        // Both are listed: two entries, though each is found in the other's case.
        std::fs::write(temp.path().join("pHOTO.jpg"), "").unwrap();
        assert!(!folds_by_lookup(folder.as_fd()));
    }

    #[test]
    fn the_other_case_of_a_name_is_that_of_its_letters() {
        assert_eq!(
            in_other_case(c"a\xc3\xbc-B").as_deref(),
            Some(c"A\xc3\xbc-b")
        );
        assert_eq!(in_other_case(c"2024"), None);
    }
}
