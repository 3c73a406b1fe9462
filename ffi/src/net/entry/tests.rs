use proptest::prelude::*;

use super::*;

fn file(size: u64) -> Metadata {
    Metadata {
        size,
        mtime_ns: -1,
        allocated: 512,
        mode: 0o4755,
        uid: 1,
        gid: 2,
        kind: Kind::File,
        ..Metadata::default()
    }
}

fn whole(look: &Metadata, target: &[u8], xattrs: &Xattrs, content: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    assert!(pack_entry(look, target, xattrs, &mut payload));
    payload.extend(content);
    payload.extend(blake3::hash(content).as_bytes());
    payload
}

#[test]
fn a_whole_file_survives_the_wire() {
    let xattrs = vec![
        (b"user.a".to_vec(), b"value".to_vec()),
        (b"user.b".to_vec(), Vec::new()),
    ];
    let payload = whole(&file(3), b"", &xattrs, b"abc");
    let read = WholeFile::parse(&payload).unwrap();
    assert_eq!(read.entry.look, file(3));
    assert_eq!(read.entry.xattrs, xattrs);
    assert_eq!((read.content, read.is_intact), (&b"abc"[..], true));
    for at in payload.len() - 35..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 0x10;
        assert!(!WholeFile::parse(&damaged).unwrap().is_intact, "byte {at}");
    }
}

#[test]
fn a_size_that_is_not_the_contents_is_a_mismatch() {
    for size in [0, 2, 4, i64::MAX as u64, u64::MAX] {
        let payload = whole(&file(size), b"", &Xattrs::new(), b"abc");
        assert_eq!(WholeFile::parse(&payload), Err(MISMATCH), "{size}");
    }
    let most = CONTENT_MOST + 1;
    let payload = whole(&file(most as u64), b"", &Xattrs::new(), &vec![0; most]);
    assert_eq!(WholeFile::parse(&payload), Err(MISMATCH));
}

#[test]
fn only_a_link_has_a_target_and_only_a_file_has_content() {
    let link = Metadata {
        kind: Kind::Symlink,
        ..file(4)
    };
    let none = Xattrs::new();
    assert!(WholeFile::parse(&whole(&link, b"to/x", &none, b"")).is_ok());
    for payload in [
        whole(&link, b"", &none, b""),
        whole(&link, b"a\0b", &none, b""),
        whole(&link, &[b'x'; 65_536], &none, b""),
        whole(&link, b"to/x", &none, b"abcd"),
        whole(&file(0), b"to/x", &none, b""),
        whole(
            &Metadata {
                kind: Kind::Directory,
                ..file(0)
            },
            b"",
            &none,
            b"",
        ),
        whole(
            &Metadata {
                kind: Kind::Unknown,
                ..file(0)
            },
            b"",
            &none,
            b"",
        ),
        whole(
            &Metadata {
                mode: 0o100_644,
                ..file(0)
            },
            b"",
            &none,
            b"",
        ),
    ] {
        assert_eq!(WholeFile::parse(&payload), Err(MISMATCH));
    }
}

#[test]
fn only_a_file_above_the_limit_comes_in_ranges() {
    let none = Xattrs::new();
    let parsed = |look: &Metadata| {
        let mut payload = Vec::new();
        pack_entry(look, b"", &none, &mut payload);
        Entry::parse(&payload).map(|entry| entry.look)
    };
    let least = CONTENT_MOST as u64 + 1;
    assert_eq!(parsed(&file(least)), Ok(file(least)));
    assert_eq!(parsed(&file(least - 1)), Err(MISMATCH));
    let fifo = Metadata {
        kind: Kind::Fifo,
        ..file(least)
    };
    assert_eq!(parsed(&fifo), Err(MISMATCH));
}

proptest! {
    #[test]
    fn no_payload_makes_the_codec_panic(mut payload in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..9) {
        if payload.len() > 60 {
            // Past the first checks as often as not.
            payload[44] = kind;
            payload[32..36].fill(0);
            payload[45..60].fill(0);
        }
        let _ = WholeFile::parse(&payload);
        let _ = Entry::parse(&payload);
    }
}
