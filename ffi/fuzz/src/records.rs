//! A peer's records, header after header, each payload decoded as its type says.

use blit_native::net::entry::{Entry, WholeFile, pack_entry};
use blit_native::net::preamble::{HEAD_BYTES, token_bytes};
use blit_native::net::record::{
    HEADER_BYTES, Header, Range, Type, pack_have, parse_fail, parse_have,
};

fn decode(header: &Header, payload: &[u8]) {
    match header.kind {
        Type::File => {
            if let Ok(file) = WholeFile::parse(payload) {
                assert!(file.content.len() <= payload.len());
            }
        }
        Type::Entry => {
            if let Ok(entry) = Entry::parse(payload) {
                let mut again = Vec::new();
                pack_entry(&entry.look, entry.target, &entry.xattrs, &mut again);
                assert_eq!(Entry::parse(&again), Ok(entry));
            }
        }
        Type::Range => {
            if let Ok(range) = Range::parse(payload) {
                assert!(
                    range
                        .offset
                        .checked_add(range.content.len() as u64)
                        .is_some()
                );
            }
        }
        Type::Have => {
            if let Ok((held, pieces)) = parse_have(payload) {
                assert_eq!(pack_have(held, &pieces), payload);
            }
        }
        Type::Fail => {
            parse_fail(payload);
        }
        _ => {}
    }
}

/// Carries one input out; panics where a promise doesn't hold.
pub fn run(data: &[u8]) {
    if let Some((head, _)) = data.split_first_chunk::<HEAD_BYTES>() {
        assert!(token_bytes(head).is_none_or(|length| (1..=1016).contains(&length)));
    }
    let mut rest = data;
    while let Some((head, after)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let Ok(mut header) = Header::parse(head) else {
            return;
        };
        assert_eq!(header.pack(), *head);
        // Longer than what is left: most of a payload is worth decoding too, if its type allows it.
        let Some((payload, after)) = after.split_at_checked(header.length) else {
            header.length = after.len();
            if Header::parse(&header.pack()).is_ok() {
                decode(&header, after);
            }
            return;
        };
        decode(&header, payload);
        rest = after;
    }
}
