//! The journal in a run's marker: which staged files a later run may go on with.
//!
//! A line a file: `staged path <TAB> target path <TAB> size <TAB> mtime ns <TAB> bytes there`, paths in
//! base64. `src/engine/resume.ts` reads it.

use std::sync::PoisonError;

use crate::root::Root;
use crate::staging::{MARKER_NUMBER, name_of};
use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, AsFd, Held};

/// One partial file.
#[derive(Clone, Copy, Debug)]
pub struct Partial<'a> {
    /// Path of the directory, relative to the root.
    pub directory: &'a [u8],
    /// Staged name within it.
    pub staged: &'a [u8],
    /// Final name within it.
    pub target: &'a [u8],
    /// Size of the source.
    pub size: u64,
    /// Modification time of the source.
    pub mtime_ns: i64,
}

/// Notes a partial file in the run's marker; a later line about it takes an earlier one's place.
/// Returns false where this root holds no marker of the run: then nobody would find the note.
pub fn add(root: &Root, run: u64, partial: &Partial, done: u64) -> Outcome<bool> {
    let held = root.held.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(marker) = held.get(&name_of(run, MARKER_NUMBER)) else {
        return Ok(false);
    };
    let line = format!(
        "{}\t{}\t{}\t{}\t{done}\n",
        base64(&join(partial.directory, partial.staged)),
        base64(&join(partial.directory, partial.target)),
        partial.size,
        partial.mtime_ns,
    );
    let before = sys::stat_fd(marker).at(Step::Stat)?;
    sys::write_all_at(marker.as_fd(), line.as_bytes(), before.size).at(Step::Write)?;
    // The marker's time says when the run began: files changed later are suspect.
    Held::open(marker.as_fd())
        .set_mtime(before.mtime_ns)
        .at(Step::SetTime)?;
    Ok(true)
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        name.to_vec()
    } else {
        [directory, b"/", name].concat()
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .fold(0, |bits, &byte| bits << 8 | u32::from(byte))
            << (8 * (3 - three.len()));
        for i in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= three.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_to_fours() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(b"\xff\xfe\xfd"), "//79");
    }
}
