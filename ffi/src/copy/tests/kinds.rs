//! What comes with content: kinds, owner, modes, times, attributes, ACLs.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use rustix::fs::XattrFlags;

use super::*;
use crate::block::ENTRY_RENAMED;
use crate::dirs::{Dir, creating};
use crate::finish::{Age, Look, finish};
use crate::request::flag;
use crate::results::result_flag;
use crate::status::{AtStep, Step};
use crate::sys::{AsFd, Held};
use crate::xattr;

/// An ACL as the kernel takes it: owner rwx, user 12345 r--, group r-x, mask r-x, others ---.
const ACL: [u8; 44] = {
    let entries: [(u8, u8, u32); 5] = [
        (1, 7, u32::MAX),
        (2, 4, 12345),
        (4, 5, u32::MAX),
        (16, 5, u32::MAX),
        (32, 0, u32::MAX),
    ];
    let mut acl = [0; 44];
    acl[0] = 2;
    let mut i = 0;
    while i < 5 {
        let (tag, permissions, id) = entries[i];
        let at = 4 + i * 8;
        acl[at] = tag;
        acl[at + 2] = permissions;
        let id = id.to_le_bytes();
        let mut k = 0;
        while k < 4 {
            acl[at + 4 + k] = id[k];
            k += 1;
        }
        i += 1;
    }
    acl
};

/// Sets an attribute; false where this file system keeps none.
fn set_xattr(path: &Path, name: &[u8], value: &[u8]) -> bool {
    let kept = rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).is_ok();
    if !kept {
        testing::skip(format_args!(
            "this file system keeps no {}",
            name.escape_ascii()
        ));
    }
    kept
}

fn get_xattr(path: &Path, name: &[u8]) -> Option<Vec<u8>> {
    let mut value = vec![0; 4096];
    let n = rustix::fs::lgetxattr(path, name, &mut value[..]).ok()?;
    value.truncate(n);
    Some(value)
}

fn root() -> bool {
    let is_root = sys::effective_uid() == 0;
    if !is_root {
        testing::skip("only root may do this");
    }
    is_root
}

#[test]
fn mode_and_mtime_are_kept_to_the_nanosecond() {
    let pair = Pair::new();
    for (name, size, mode, mtime_ns) in [
        ("a", 5, 0o640, 1_234_567_890_123_456_789_i64),
        ("before", 5, 0o604, -1_000_000_001),
        ("large", 2 << 20, 0o400, 1_700_000_000_000_000_001),
    ] {
        let file = File::create(pair.write(name, noise(size))).unwrap();
        std::io::Write::write_all(&mut &file, &noise(size)).unwrap();
        Held::open(file.as_fd()).set_mtime(mtime_ns).unwrap();
        Held::open(file.as_fd()).set_mode(mode).unwrap();
        assert_eq!(pair.copy_one(0, name, CREATE).0, Status::Ok);
        let copy = sys::stat_fd(File::open(pair.to.join(name)).unwrap()).unwrap();
        assert_eq!((copy.mode, copy.mtime_ns), (mode, mtime_ns), "{name}");
    }
}

#[test]
fn a_mode_that_the_umask_would_cut_is_kept() {
    let pair = Pair::new();
    // The first file of a directory teaches who owns what is made there; the others get their mode at once.
    let modes = [0o644, 0o666, 0o777, 0o600, 0o444, 0o1755];
    let names: Vec<String> = (0..modes.len()).map(|i| format!("f{i}")).collect();
    for (name, mode) in names.iter().zip(modes) {
        let path = pair.write(name, name);
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let items: Vec<Item> = names.iter().map(|name| pair.item(name, CREATE)).collect();
    let results = pair.copy(flag::OWNER, &items);
    for (i, (name, mode)) in names.iter().zip(modes).enumerate() {
        assert_eq!(status(&results, i), Status::Ok);
        let copy = testing::stat(&pair.to.join(name));
        assert_eq!(
            (copy.mode, copy.inode),
            (mode, inode(&results, i)),
            "{name}"
        );
        assert_eq!(copy.mtime_ns, testing::stat(&pair.from.join(name)).mtime_ns);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn reading_ones_own_files_leaves_their_access_times() {
    let pair = Pair::new();
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for (name, size) in [("small", 10), ("large", 2 << 20)] {
        let file = File::options()
            .write(true)
            .open(pair.write(name, noise(size)));
        file.unwrap()
            .set_times(fs::FileTimes::new().set_accessed(old))
            .unwrap();
        assert_eq!(pair.copy_one(0, name, CREATE).0, Status::Ok);
        let after = fs::metadata(pair.from.join(name)).unwrap();
        assert_eq!(after.accessed().unwrap(), old, "{name}");
    }
}

#[test]
fn set_id_bits_come_only_with_their_owner() {
    if !root() {
        return;
    }
    let pair = Pair::new();
    let path = pair.write("f", "x");
    std::os::unix::fs::chown(&path, Some(1234), Some(4321)).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o6755)).unwrap();
    let (done, results) = pair.copy_one(0, "f", CREATE);
    let copy = fs::metadata(pair.to.join("f")).unwrap();
    assert_eq!(
        (done, copy.mode() & 0o7777, copy.uid()),
        (Status::Ok, 0o755, 0)
    );
    assert_eq!(flags(&results, 0), result_flag::OWNER_DROPPED);

    let (done, results) = pair.copy_one(flag::OWNER, "f", REPLACE);
    let copy = fs::metadata(pair.to.join("f")).unwrap();
    assert_eq!((done, copy.mode() & 0o7777), (Status::Ok, 0o6755));
    assert_eq!(
        (copy.uid(), copy.gid(), flags(&results, 0)),
        (1234, 4321, 0)
    );
}

#[test]
fn attributes_and_acls_are_kept_when_asked_for() {
    let pair = Pair::new();
    let path = pair.write("f", "x");
    let large = noise(3000);
    if !set_xattr(&path, b"user.small", b"value") || !set_xattr(&path, b"user.large", &large) {
        return;
    }
    let acl = set_xattr(&path, xattr::ACCESS_ACL, &ACL);
    let (done, results) = pair.copy_one(flag::XATTRS, "f", CREATE);
    assert_eq!((done, flags(&results, 0)), (Status::Ok, 0));
    let copy = pair.to.join("f");
    assert_eq!(get_xattr(&copy, b"user.small").unwrap(), b"value");
    assert_eq!(get_xattr(&copy, b"user.large").unwrap(), large);
    if acl {
        assert_eq!(get_xattr(&copy, xattr::ACCESS_ACL).unwrap(), ACL);
    }
    assert_eq!(pair.copy_one(0, "f", REPLACE).0, Status::Ok);
    assert_eq!(get_xattr(&copy, b"user.small"), None);
}

#[test]
fn an_acl_is_dropped_that_was_inherited_before_another_job_cleaned_the_directory() {
    let pair = Pair::new();
    if !set_xattr(&pair.to, xattr::DEFAULT_ACL, &ACL) {
        return;
    }
    let root = testing::root_at(&pair.to);
    let dir = Dir::new(root.open_dir(b"").unwrap());
    let (file, _) = creating(&dir, || {
        sys::create_file(dir.as_fd(), b"f").at(Step::Create)
    })
    .unwrap();
    rustix::fs::lremovexattr(&pair.to, xattr::DEFAULT_ACL).unwrap();
    let look = Look {
        uid: 0,
        gid: 0,
        mode: Some(0o644),
        mtime_ns: 0,
        set_owner: false,
        xattrs: None,
    };
    finish(Held::any(file.as_fd()), &look, Age::New(&dir)).unwrap();
    assert_eq!(get_xattr(&pair.to.join("f"), xattr::ACCESS_ACL), None);
}

#[test]
fn an_inherited_acl_is_dropped_from_files_and_new_directories() {
    let pair = Pair::new();
    if !set_xattr(&pair.to, xattr::DEFAULT_ACL, &ACL) {
        return;
    }
    pair.write("small", "x");
    pair.write("large", noise(2 << 20));
    fs::create_dir(pair.from.join("d")).unwrap();
    pair.write("d/below", "x");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        pair.from.join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let below = Item {
        name: b"below",
        parent: 3,
        ..pair.item("d/below", CREATE)
    };
    let items = [
        pair.item("small", CREATE),
        pair.item("large", CREATE),
        pair.item("fifo", CREATE),
        parent("d", action::PARENT_CREATE),
        below,
    ];
    let results = pair.copy(flag::XATTRS, &items);
    for (i, name) in ["small", "large", "fifo", "d", "d/below"]
        .iter()
        .enumerate()
    {
        assert_eq!(status(&results, i), Status::Ok, "{name}");
        let copy = pair.to.join(name);
        assert_eq!(get_xattr(&copy, xattr::ACCESS_ACL), None, "{name}");
        let same = fs::symlink_metadata(&copy).unwrap().mode() & 0o777;
        let expected = fs::symlink_metadata(pair.from.join(name)).unwrap().mode() & 0o777;
        assert_eq!(same, if *name == "d" { 0o700 } else { expected }, "{name}");
    }
    assert_eq!(get_xattr(&pair.to.join("d"), xattr::DEFAULT_ACL), None);
}

#[test]
fn symlinks_keep_target_and_time_whatever_the_scan_saw() {
    let pair = Pair::new();
    let long = "x/".repeat(500);
    for (name, target) in [
        ("dangling", "nowhere"),
        ("up", "../../etc"),
        ("long", long.as_str()),
    ] {
        symlink(target, pair.from.join(name)).unwrap();
        let holder = crate::sys::Holder::open(
            File::open(&pair.from).unwrap().as_fd(),
            name.as_bytes(),
            Kind::Symlink,
        );
        holder
            .unwrap()
            .held()
            .set_mtime(1_000_000_000_000_000_007)
            .unwrap();
        let item = Item {
            target: b"what it was",
            ..pair.item(name, CREATE)
        };
        let results = pair.copy(flag::XATTRS | flag::OWNER, &[item]);
        assert_eq!(status(&results, 0), Status::Ok);
        let copy = pair.to.join(name);
        assert_eq!(fs::read_link(&copy).unwrap(), Path::new(target));
        let metadata = fs::symlink_metadata(&copy).unwrap();
        assert_eq!(
            (metadata.mtime(), metadata.mtime_nsec()),
            (1_000_000_000, 7)
        );
    }
    assert_eq!(pair.copy_one(0, "up", CREATE).0, Status::Exists);
    let item = Item {
        target: b"renamed",
        flags: ENTRY_RENAMED,
        ..pair.item("up", CREATE)
    };
    assert_eq!(status(&pair.copy(0, &[item]), 0), Status::Ok);
    let renamed = pair.to.join("renamed");
    assert_eq!(fs::read_link(&renamed).unwrap(), Path::new("../../etc"));
    fs::remove_file(renamed).unwrap();
    fs::remove_file(pair.to.join("up")).unwrap();
    fs::write(pair.to.join("up"), "a file").unwrap();
    assert_eq!(pair.copy_one(0, "up", REPLACE).0, Status::Ok);
    assert_eq!(
        fs::read_link(pair.to.join("up")).unwrap(),
        Path::new("../../etc")
    );
    assert_eq!(pair.names(), ["dangling", "long", "up"]);
}

#[test]
fn fifos_sockets_and_devices_are_made_anew() {
    let pair = Pair::new();
    let node = |name: &str, kind, device| {
        let mode = rustix::fs::Mode::from_raw_mode(0o640);
        rustix::fs::mknodat(rustix::fs::CWD, pair.from.join(name), kind, mode, device)
    };
    node("fifo", rustix::fs::FileType::Fifo, 0).unwrap();
    let listener = UnixListener::bind(pair.from.join("socket")).unwrap();
    drop(listener);
    let mut names = vec!["fifo", "socket"];
    let null = rustix::fs::makedev(1, 3);
    if root() && node("null", rustix::fs::FileType::CharacterDevice, null).is_ok() {
        names.push("null");
    }
    for action in [CREATE, REPLACE] {
        let items: Vec<Item> = names.iter().map(|name| pair.item(name, action)).collect();
        let results = pair.copy(flag::XATTRS | flag::OWNER, &items);
        for (i, name) in names.iter().enumerate() {
            assert_eq!(status(&results, i), Status::Ok, "{name}");
            let (old, new) = (
                fs::symlink_metadata(pair.from.join(name)).unwrap(),
                fs::symlink_metadata(pair.to.join(name)).unwrap(),
            );
            assert_eq!(old.mode(), new.mode(), "{name}");
            assert_eq!(old.rdev(), new.rdev(), "{name}");
            assert_eq!(
                (old.mtime(), old.mtime_nsec()),
                (new.mtime(), new.mtime_nsec()),
                "{name}"
            );
        }
    }
    assert!(
        fs::symlink_metadata(pair.to.join("fifo"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
    assert_eq!(pair.names().len(), names.len());
}

#[test]
fn names_that_are_no_text_are_copied() {
    let pair = Pair::new();
    let name = OsStr::from_bytes(b"\xff\n\\ \x01");
    fs::write(pair.from.join(name), "x").unwrap();
    let metadata = sys::stat_name(File::open(&pair.from).unwrap(), name.as_bytes()).unwrap();
    let item = Item {
        name: name.as_bytes(),
        action: CREATE,
        parent: NO_PARENT,
        ..Item::of(&metadata)
    };
    assert_eq!(status(&pair.copy(0, &[item]), 0), Status::Ok);
    assert_eq!(fs::read(pair.to.join(name)).unwrap(), b"x");
}
