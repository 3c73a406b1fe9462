//! Names as bytes: UTF-16 with its unpaired surrogates, as WTF-8 (<https://simonsapin.github.io/wtf-8/>).
//!
//! Sorted by bytes, names stand in the order of their code points, as on every other system.

use super::Errno;

/// Longest name of a file system, UTF-16 units.
const NAME_UNITS: usize = 255;

/// Appends a name's bytes.
pub fn push_bytes(name: impl IntoIterator<Item = u16>, bytes: &mut Vec<u8>) {
    for unit in char::decode_utf16(name) {
        match unit {
            Ok(character) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let unit = lone.unpaired_surrogate();
                bytes.extend([
                    0xe0 | (unit >> 12) as u8,
                    0x80 | (unit >> 6 & 0x3f) as u8,
                    0x80 | (unit & 0x3f) as u8,
                ]);
            }
        }
    }
}

/// A name's or target's UTF-16 units.
///
/// # Errors
///
/// `INVALID_NAME` for bytes that no UTF-16 text has, or that a second spelling of one would have.
pub fn to_units(mut bytes: &[u8]) -> Result<Vec<u16>, Errno> {
    let mut units = Vec::with_capacity(bytes.len());
    loop {
        let plain = match str::from_utf8(bytes) {
            Ok(text) => {
                units.extend(text.encode_utf16());
                return Ok(units);
            }
            Err(error) => error.valid_up_to(),
        };
        let (text, rest) = bytes.split_at(plain);
        units.extend(
            str::from_utf8(text)
                .map_err(|_| Errno::INVALID_NAME)?
                .encode_utf16(),
        );
        let [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, rest @ ..] = rest else {
            return Err(Errno::INVALID_NAME);
        };
        let unit = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
        let low = (0xdc00..0xe000).contains(&unit);
        // A pair has bytes of its own: taken as two, one name would have two spellings.
        if low
            && plain == 0
            && units
                .last()
                .is_some_and(|last| (0xd800..0xdc00).contains(last))
        {
            return Err(Errno::INVALID_NAME);
        }
        units.push(unit);
        bytes = rest;
    }
}

/// The units of one name within a directory, `.` as the empty name that stands for the directory itself.
///
/// Names that only the older layers forbid (`CON`, `aux.txt`, a dot or a space at the end) pass: NT takes
/// them as they are.
///
/// # Errors
///
/// `INVALID_NAME` for a name with a separator, a stream or a character that no file system of Windows takes;
/// `NAMETOOLONG` beyond 255 units.
pub fn component(name: &[u8]) -> Result<Vec<u16>, Errno> {
    if name == b"." {
        return Ok(Vec::new());
    }
    let forbidden = |byte: &u8| {
        matches!(
            byte,
            0..=31 | b'"' | b'*' | b'/' | b':' | b'<' | b'>' | b'?' | b'\\' | b'|'
        )
    };
    if name.is_empty() || name == b".." || name.iter().any(forbidden) {
        return Err(Errno::INVALID_NAME);
    }
    let units = to_units(name)?;
    if units.len() > NAME_UNITS {
        Err(Errno::NAMETOOLONG)
    } else {
        Ok(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives_the_way_there_and_back() {
        for units in [
            &[0x61][..],
            &[0xe9, 0x20ac, 0xd83d, 0xde00],
            &[0xd83d],
            &[0xde00, 0xd83d],
            &[0xd83d, 0x61, 0xde00],
        ] {
            let mut bytes = Vec::new();
            push_bytes(units.iter().copied(), &mut bytes);
            assert_eq!(to_units(&bytes).unwrap(), units);
        }
    }

    #[test]
    fn bytes_that_are_no_name_are_refused() {
        let two_halves = b"\xed\xa0\xbd\xed\xb8\x80";
        for bytes in [&b"\xff"[..], b"a\xed", b"\xed\xa0", b"\xc0\x80", two_halves] {
            assert_eq!(
                to_units(bytes),
                Err(Errno::INVALID_NAME),
                "{}",
                bytes.escape_ascii()
            );
        }
        for name in [
            &b"a:b"[..],
            b"a\\b",
            b"..\\x",
            b"a/b",
            b"..",
            b"",
            b"tab\t",
            b"a?",
            b"*",
        ] {
            assert_eq!(
                component(name),
                Err(Errno::INVALID_NAME),
                "{}",
                name.escape_ascii()
            );
        }
        assert_eq!(component(&[b'n'; 256]), Err(Errno::NAMETOOLONG));
        assert_eq!(
            component(b"CON.").unwrap(),
            "CON.".encode_utf16().collect::<Vec<_>>()
        );
    }
}
