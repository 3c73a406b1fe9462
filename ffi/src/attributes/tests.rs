use super::*;

fn some() -> Xattrs {
    vec![
        (b"user.a".to_vec(), b"1".to_vec()),
        (b"user.empty".to_vec(), Vec::new()),
    ]
}

fn packed(all: &Xattrs) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(pack(all, &mut bytes));
    bytes
}

#[test]
fn what_is_packed_is_read_again() {
    assert_eq!(unpack(&packed(&some())), Some(some()));
    assert_eq!(unpack(b""), Some(Xattrs::new()));
}

#[test]
fn what_is_cut_off_or_has_no_name_is_nothing() {
    let bytes = packed(&some());
    let whole = packed(&some()[..1].to_vec()).len();
    for end in 1..bytes.len() {
        assert_eq!(unpack(&bytes[..end]).is_some(), end == whole, "{end} bytes");
    }
    assert_eq!(unpack(&[0, 0, 0, 0, 0, 0]), None);
    assert_eq!(unpack(&[1, 0, 0, 0, 0, 0, 0]), None);
    let mut short: &[u8] = &[9, 0, 0, 0, 1];
    assert_eq!(take(&mut short).unwrap_err().status, Status::Usage);
}

#[test]
fn attributes_beyond_the_limit_are_left_out_and_said_so() {
    let large = (b"user.large".to_vec(), vec![1; MOST_BYTES]);
    let mut out = Vec::new();
    assert!(!pack(&[large, some()[0].clone()], &mut out));
    assert_eq!(unpack(&out), Some(some()[..1].to_vec()));
}

#[cfg(target_os = "linux")]
mod on_disk {
    use super::*;
    use crate::block::{Item, Kind, NO_PARENT};
    use crate::request::Op;
    use crate::testing::{self, Head, handle_at};
    use rustix::fs::{XattrFlags, setxattr};
    use std::fs;

    #[test]
    fn the_attributes_of_an_entry_are_handed_up_and_a_missing_entry_fails() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("f"), "x").unwrap();
        let set = setxattr(temp.path().join("f"), "user.a", b"1", XattrFlags::empty());
        if set.is_err() {
            return testing::skip("no user attributes here");
        }
        let head = Head {
            source: handle_at(temp.path()),
            ..Head::new(Op::Xattrs)
        };
        let ask = |name: &'static [u8], kind| {
            let item = Item {
                name,
                kind,
                parent: NO_PARENT,
                ..Item::default()
            };
            let (outcome, results, frames) = testing::run(run, &head.request(&[item]));
            outcome.unwrap();
            let payload = frames.first().map(|frame| frame.payload.clone());
            (testing::status_of(&results, 0), payload)
        };
        let (status, payload) = ask(b"f", Kind::Unknown);
        assert_eq!(status, 0);
        assert_eq!(unpack(&payload.unwrap()).unwrap(), some()[..1]);
        assert_eq!(ask(b"gone", Kind::Unknown).0, Status::NotFound as u32);
        assert_eq!(ask(b"f", Kind::Symlink).0, Status::Changed as u32);
    }
}
