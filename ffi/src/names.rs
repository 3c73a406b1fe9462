//! Rules for names and paths, as byte strings.

use crate::status::{Fail, Outcome, Status, Step};

/// Refuses a path that is not a plain sequence of names: empty components, `.`, `..`, NUL, a leading
/// or trailing slash. The empty path is the root itself.
pub fn check_path(path: &[u8], step: Step) -> Outcome<()> {
    if path.is_empty() || path.split(|&b| b == b'/').all(is_name) {
        return Ok(());
    }
    Err(Fail::new(Status::Escaped, step))
}

/// Refuses what is not one name within a directory.
pub fn check_name(name: &[u8], step: Step) -> Outcome<()> {
    if is_name(name) && !name.contains(&b'/') {
        return Ok(());
    }
    Err(Fail::new(Status::Escaped, step))
}

fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&0)
}

/// Splits a path into its parent's path (empty: the root) and its last name.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// Whether a name is `.blit-` + 16 hexadecimal digits + `-` + decimal digits.
#[inline]
pub fn is_staged(name: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(b".blit-") else {
        return false;
    };
    rest.len() > 17
        && rest[..16].iter().all(u8::is_ascii_hexdigit)
        && rest[16] == b'-'
        && rest[17..].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_names_are_told_from_similar_ones() {
        assert!(is_staged(b".blit-0123456789abcdef-0"));
        assert!(is_staged(b".blit-0123456789abcdef-1234567"));
        for other in [
            &b".blit-0123456789abcdef-"[..],
            b".blit-0123456789abcde-1",
            b".blit-0123456789abcdeg-1",
            b".blit-0123456789abcdef-1x",
            b"blit-0123456789abcdef-1",
            b".blit-",
            b"",
        ] {
            assert!(!is_staged(other), "{}", other.escape_ascii());
        }
    }

    #[test]
    fn only_plain_relative_paths_pass() {
        for good in [
            &b""[..],
            b"a",
            b"a/b",
            b"a..b",
            b"...",
            b" ",
            b"a\\b",
            b"\xff/\xfe",
        ] {
            assert!(
                check_path(good, Step::Open).is_ok(),
                "{}",
                good.escape_ascii()
            );
        }
        for bad in [
            &b".."[..],
            b"a/..",
            b"../a",
            b"/a",
            b"a/",
            b"a//b",
            b"a/./b",
            b".",
            b"a\0b",
            b"/",
        ] {
            let fail = check_path(bad, Step::Open).unwrap_err();
            assert_eq!(fail.status, Status::Escaped, "{}", bad.escape_ascii());
        }
        assert!(check_name(b"a/b", Step::Open).is_err());
        assert!(check_name(b"", Step::Open).is_err());
        assert!(check_name(b"a", Step::Open).is_ok());
    }
}
