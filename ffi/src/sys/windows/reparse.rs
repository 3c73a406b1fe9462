//! The data of links: symlinks, junctions, and the symlinks of the Linux subsystem.

use windows_sys::Win32::System::Ioctl::{FSCTL_GET_REPARSE_POINT, FSCTL_SET_REPARSE_POINT};
use windows_sys::Win32::System::SystemServices::{
    IO_REPARSE_TAG_MOUNT_POINT, IO_REPARSE_TAG_SYMLINK,
};

use super::metadata::LX_SYMLINK;
use super::{BorrowedFd, Errno, names, nt};
use crate::block::{u16_at, u32_at};

/// The most that a file system keeps: MAXIMUM_REPARSE_DATA_BUFFER_SIZE.
const MOST_WORDS: usize = (16 << 10) / 8;
/// SYMLINK_FLAG_RELATIVE.
const RELATIVE: u32 = 1;
/// Tag, length and a reserved field.
const HEADER_BYTES: usize = 8;

const SLASH: u16 = b'/' as u16;
const BACKSLASH: u16 = b'\\' as u16;

/// Where a link leads, as bytes with `/` between the names.
///
/// # Errors
///
/// `INVAL` where the entry is no link.
pub fn target_of(entry: BorrowedFd) -> Result<Vec<u8>, Errno> {
    let mut words = vec![0; MOST_WORDS];
    let filled = nt::control(entry, FSCTL_GET_REPARSE_POINT, &[], &mut words)?;
    parse(&nt::bytes_of(&words)[..filled]).ok_or(Errno::INVAL)
}

fn parse(data: &[u8]) -> Option<Vec<u8>> {
    let tag = u32_at(data.get(..HEADER_BYTES)?, 0);
    let names_at = match tag {
        IO_REPARSE_TAG_SYMLINK => HEADER_BYTES + 12,
        IO_REPARSE_TAG_MOUNT_POINT => HEADER_BYTES + 8,
        // A version number, then UTF-8.
        LX_SYMLINK => return data.get(HEADER_BYTES + 4..).map(<[u8]>::to_vec),
        _ => return None,
    };
    let lengths = data.get(HEADER_BYTES..names_at)?;
    let part = |at: usize| -> Option<Vec<u16>> {
        let start = names_at + usize::from(u16_at(lengths, at));
        let bytes = data.get(start..start + usize::from(u16_at(lengths, at + 2)))?;
        Some(bytes.chunks_exact(2).map(|two| u16_at(two, 0)).collect())
    };
    // The printed name is the one that was asked for; it need not be there.
    let printed = part(4)?;
    let units = if printed.is_empty() {
        shown(part(0)?)
    } else {
        printed
    };
    let mut bytes = Vec::new();
    let with_slashes = units
        .into_iter()
        .map(|unit| if unit == BACKSLASH { SLASH } else { unit });
    names::push_bytes(with_slashes, &mut bytes);
    Some(bytes)
}

/// A path of NT as people write it: `\??\C:\x` is `C:\x`, a volume's `\\?\Volume{…}\`.
fn shown(mut path: Vec<u16>) -> Vec<u16> {
    let is_nt = path.starts_with(&units(r"\??\"));
    if is_nt && path.get(5) == Some(&u16::from(b':')) {
        path.drain(..4);
    } else if is_nt {
        path[1] = BACKSLASH;
    }
    path
}

/// Makes an empty entry a link: a symlink, or the junction that an empty directory becomes.
///
/// Reference: FSCTL_SET_REPARSE_POINT, REPARSE_DATA_BUFFER.
pub fn make_link(entry: BorrowedFd, target: &[u16], junction: bool) -> Result<(), Errno> {
    let data = pack(target, junction).ok_or(Errno::NAMETOOLONG)?;
    nt::control(entry, FSCTL_SET_REPARSE_POINT, &data, &mut []).map(drop)
}

fn pack(target: &[u16], junction: bool) -> Option<Vec<u8>> {
    let named = named(target);
    let relative = named.is_none();
    let substitute = named.unwrap_or_else(|| target.to_vec());
    // Two names, each with an end that its length doesn't count.
    let bytes_of = |units: &[u16]| {
        units
            .iter()
            .chain([&0])
            .flat_map(|unit| unit.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let (first, second) = (bytes_of(&substitute), bytes_of(target));
    let lengths = [0, first.len() - 2, first.len(), second.len() - 2];
    let flags = if junction {
        Vec::new()
    } else {
        (u32::from(relative) * RELATIVE).to_le_bytes().to_vec()
    };
    let length = 8 + flags.len() + first.len() + second.len();
    let tag = if junction {
        IO_REPARSE_TAG_MOUNT_POINT
    } else {
        IO_REPARSE_TAG_SYMLINK
    };
    let mut data = tag.to_le_bytes().to_vec();
    data.extend(u32::from(u16::try_from(length).ok()?).to_le_bytes());
    for length in lengths {
        data.extend(u16::try_from(length).ok()?.to_le_bytes());
    }
    data.extend([flags, first, second].concat());
    Some(data)
}

/// The path of NT for an absolute one; `None` for one that starts at the link, or at its volume.
fn named(target: &[u16]) -> Option<Vec<u16>> {
    let prefixed = |prefix: &str, rest: &[u16]| Some([&units(prefix), rest].concat());
    if let Some(rest) = target.strip_prefix(&units(r"\\?\")[..]) {
        return prefixed(r"\??\", rest);
    }
    if let Some(rest) = target.strip_prefix(&units(r"\\")[..]) {
        return prefixed(r"\??\UNC\", rest);
    }
    let drive = target.get(1..3) == Some(&units(r":\")[..]);
    if drive {
        prefixed(r"\??\", target)
    } else {
        None
    }
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_reads_back_with_slashes() {
        for (target, junction, bytes) in [
            (r"a\b", false, &b"a/b"[..]),
            (r"..\é", false, "../é".as_bytes()),
            (r"C:\x y", false, b"C:/x y"),
            (r"C:\x", true, b"C:/x"),
            (r"\\server\share", false, b"//server/share"),
            (r"\\?\Volume{1}\", true, b"//?/Volume{1}/"),
        ] {
            assert_eq!(
                parse(&pack(&units(target), junction).unwrap()).unwrap(),
                bytes
            );
        }
    }

    #[test]
    fn absolute_targets_get_the_name_that_nt_knows() {
        let all = [
            (r"C:\x", Some(r"\??\C:\x")),
            (r"\\s\t", Some(r"\??\UNC\s\t")),
            (r"\\?\Volume{1}\", Some(r"\??\Volume{1}\")),
            (r"\x", None),
            (r"x\y", None),
        ];
        for (target, expected) in all {
            assert_eq!(named(&units(target)), expected.map(units), "{target}");
        }
        assert_eq!(shown(units(r"\??\C:\x")), units(r"C:\x"));
        assert_eq!(shown(units(r"\??\Volume{1}\")), units(r"\\?\Volume{1}\"));
    }

    #[test]
    fn damaged_data_is_no_link_and_no_panic() {
        let whole = pack(&units(r"C:\x"), false).unwrap();
        for end in 0..whole.len() - 2 {
            assert_eq!(parse(&whole[..end]), None, "{end} bytes");
        }
    }
}
