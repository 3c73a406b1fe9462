//! The C ABI from outside, as TypeScript uses it: one scan from opening to closing.
#![allow(unsafe_code, reason = "these are calls of the C ABI")]

use std::ptr::null_mut;

use blit_native::block::{BlockWriter, Header, Item, Kind, Layout, NO_PARENT, u32_at, u64_at};
use blit_native::status::Status;
use blit_native::*;

fn scan_request(root: u32) -> Vec<u8> {
    let mut block = BlockWriter::new(1, 0);
    block.set(
        0,
        &Item {
            kind: Kind::Directory,
            parent: NO_PARENT,
            ..Item::default()
        },
    );
    let mut request = vec![0; 64];
    request[..2].copy_from_slice(&[1, 1]);
    request[8] = 42;
    request[16..20].copy_from_slice(&root.to_le_bytes());
    request.extend(block.finish(&Header::default()));
    request
}

#[test]
fn a_scan_goes_from_open_to_close_and_wrong_calls_say_so() {
    let usage = -(Status::Usage as i32);
    let cancelled = -(Status::Cancelled as i32);
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("name"), "").unwrap();
    let path = temp.path().as_os_str().as_encoded_bytes();
    let mut control = vec![0u64; 1024];
    let control = control.as_mut_ptr().cast::<u8>();
    let mut frames = vec![0u8; 1 << 16];
    let mut length = 0u64;
    let mut record = [0u64; 3];
    // SAFETY: every pointer is to memory of this test that is as long as said and outlives the pool.
    unsafe {
        let mut abi = [0u32; 12];
        assert_eq!(blit_abi_describe(abi.as_mut_ptr().cast(), 47), usage);
        assert_eq!(blit_abi_describe(abi.as_mut_ptr().cast(), 48), 0);
        assert_eq!(abi[0], 0x5449_4c42);

        assert_eq!(blit_pool_submit(frames.as_ptr(), 64), cancelled);
        assert_eq!(blit_pool_close(), usage);
        assert_eq!(blit_pool_open(1, null_mut(), 8192), usage);
        assert_eq!(blit_pool_open(1, control, 8191), usage);
        assert_eq!(blit_pool_open(1, control.add(1), 8192), usage);
        assert_eq!(blit_pool_open(0, control, 8192), usage);
        assert_eq!(blit_pool_open(2, control, 8192), 0);
        assert_eq!(blit_pool_open(2, control, 8192), -(Status::Exists as i32));
        assert_eq!(blit_pool_resize(65), usage);
        assert_eq!(blit_pool_resize(1), 0);

        let missing = b"/no/such/place";
        let opened = blit_root_open(missing.as_ptr(), missing.len(), 0, record.as_mut_ptr());
        assert_eq!(opened, -(Status::NotFound as i32));
        assert_eq!(
            blit_root_open(path.as_ptr(), path.len(), 0, record.as_mut_ptr()),
            0
        );
        let root = u32::try_from(record[0]).unwrap();
        assert_ne!(root, 0);
        assert_eq!(blit_root_probe(root, frames.as_mut_ptr(), 63), usage);
        assert_eq!(blit_root_probe(root, frames.as_mut_ptr(), 64), 0);
        assert_eq!(
            (u64_at(&frames, 0), u64_at(&frames, 40)),
            (record[1], record[2])
        );

        let request = scan_request(root);
        assert_eq!(
            blit_pool_submit(request.as_ptr(), request.len() - 1),
            -(Status::Mismatch as i32)
        );
        assert_eq!(blit_pool_submit(request.as_ptr(), request.len()), 0);
        let small = blit_pool_collect(frames.as_mut_ptr(), 8, 10_000, &raw mut length);
        assert_eq!((small, length >> 63), (0, 1));
        assert!(length << 1 >> 1 > 8);
        let mut last = false;
        let mut names = Vec::new();
        while !last {
            let code =
                blit_pool_collect(frames.as_mut_ptr(), frames.len(), 10_000, &raw mut length);
            assert_eq!(code, 0);
            let mut at = 0;
            while at < length as usize {
                assert_eq!(u64_at(&frames, at), 42);
                last = frames[at + 13] == 1;
                if frames[at + 12] == 1 {
                    let block = &frames[at + 24..];
                    let layout = Layout::check(block).unwrap();
                    names.push(layout.item(block, 0).name.to_vec());
                }
                at += u32_at(&frames, at + 8) as usize;
            }
        }
        assert_eq!(names, [b"name"]);

        within_a_root(root, temp.path());
        a_tunnel_from_making_to_closing(root);

        assert_eq!(blit_root_close(root), 0);
        assert_eq!(blit_root_close(root), usage);
        let below = blit_root_open_at(root, b"d".as_ptr(), 1, 0, record.as_mut_ptr());
        assert_eq!(below, usage);
        assert_eq!(blit_pool_close(), 0);
        let late = blit_pool_collect(frames.as_mut_ptr(), frames.len(), 10_000, &raw mut length);
        assert_eq!(late, cancelled);
        // Without a pool there is no network either.
        assert_eq!(blit_net_idle(1000), cancelled);
        assert_eq!(blit_net_close(1), cancelled);
        assert_eq!(blit_net_unlisten(1), cancelled);
    }
}

fn within_a_root(root: u32, path: &std::path::Path) {
    let open_at = |name: &[u8], flags, out: *mut u64| {
        // SAFETY: the name is as long as said, the place is three words or null.
        unsafe { blit_root_open_at(root, name.as_ptr(), name.len(), flags, out) }
    };
    let mut record = [0u64; 3];
    let out = record.as_mut_ptr();
    let kinds = [
        (&b"d/e"[..], 0, Status::NotFound),
        (b"../d", 1, Status::Escaped),
        (b"name", 0, Status::NotDirectory),
        (b"d", 4, Status::Usage),
    ];
    for (name, flags, status) in kinds {
        assert_eq!(open_at(name, flags, out), -(status as i32), "{name:?}");
    }
    assert_eq!(open_at(b"d", 0, null_mut()), -(Status::Usage as i32));
    assert_eq!(open_at(b"d/e", 1, out), 0);
    assert!(path.join("d/e").is_dir());
    assert_eq!(blit_root_close(record[0] as u32), 0);
}

/// One stream that this process is both ends of: the daemon's, and the carrier who says what a client would.
fn a_tunnel_from_making_to_closing(root: u32) {
    const TUNNEL: u64 = 50;
    const BOUND: u64 = 51;
    let (usage, mismatch) = (-(Status::Usage as i32), -(Status::Mismatch as i32));
    let gone = -(Status::Disconnected as i32);
    for ms in [0, 999, 3_600_001] {
        assert_eq!(blit_net_idle(ms), usage);
    }
    assert_eq!(blit_net_idle(30_000), 0);
    assert_eq!(blit_net_unlisten(1), usage);
    let mut stream = 0u32;
    let mut terms = [0u8; 48];
    terms[4..8].copy_from_slice(&root.to_le_bytes());
    terms[8] = 3;
    terms[24..32].copy_from_slice(&BOUND.to_le_bytes());
    terms[40..44].copy_from_slice(&5_000u32.to_le_bytes());
    // SAFETY: every pointer is to memory of this function that is as long as said.
    unsafe {
        let listening = blit_net_listen(1, 1, terms.as_ptr(), 3);
        let unsupported = -(Status::Unsupported as i32);
        assert!([usage, unsupported].contains(&listening));
        assert_eq!(blit_net_tunnel(TUNNEL, null_mut()), usage);
        assert_eq!(blit_net_feed(77, terms.as_ptr(), 1, 0), gone);
        assert_eq!(blit_net_tunnel(TUNNEL, &raw mut stream), 0);
        assert_eq!(blit_net_bind(stream, terms.as_ptr(), 47), usage);
        assert_eq!(blit_net_bind(stream, terms.as_ptr(), 48), 0);
        assert_eq!(blit_net_bind(stream, terms.as_ptr(), 48), usage);
        // Credit for more than was given out is a lie: the tunnel is cut.
        assert_eq!(blit_net_feed(stream, terms.as_ptr(), 0, 1 << 40), mismatch);
        let mut frames = vec![0u8; 1 << 16];
        let mut length = 0u64;
        let mut is_closed = false;
        while !is_closed {
            let code =
                blit_pool_collect(frames.as_mut_ptr(), frames.len(), 10_000, &raw mut length);
            assert_eq!(code, 0);
            assert_ne!(length, 0, "nothing more came");
            let mut at = 0;
            while at < length as usize {
                is_closed |= u64_at(&frames, at) == BOUND && frames[at + 12] == 7;
                at += u32_at(&frames, at + 8) as usize;
            }
        }
    }
    assert_eq!(blit_net_close(stream), gone);
}
