//! Owner, set-id bits, devices, attributes and ACLs: with the module's trust and without.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use rustix::fs::{FileType, Mode, XattrFlags, getxattr, makedev, mknodat, setxattr};

use super::{WAYS, Way, World, flags, names, recorded, statuses};
use crate::request::{action, flag};
use crate::results::result_flag;
use crate::status::Status;
use crate::sys::effective_uid;
use crate::testing::{skip, stat};

/// Skips aloud where the tests don't run as root.
fn root() -> bool {
    let root = effective_uid() == 0;
    if !root {
        skip("needs root");
    }
    root
}

fn value(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut buffer = [0; 256];
    let length = getxattr(path, name, &mut buffer).ok()?;
    Some(buffer[..length].to_vec())
}

fn set(path: &Path, name: &str, value: &[u8]) -> bool {
    let done = setxattr(path, name, value, XattrFlags::empty());
    if let Err(errno) = done {
        skip(format!("{name}: {errno}"));
    }
    done.is_ok()
}

/// `u::rw-,u:1:r--,g::r--,m::r--,o::---`, as the kernel takes it.
fn acl() -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, rights, id) in [
        (1u16, 6u16, u32::MAX),
        (2, 4, 1),
        (4, 4, u32::MAX),
        (16, 4, u32::MAX),
        (32, 0, u32::MAX),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[test]
fn attributes_and_acls_arrive_where_they_are_asked_for() {
    for way in WAYS {
        for size in [3, 2 << 20] {
            let world = World::new();
            let (from, to) = world.ends(way);
            fs::write(from.join("f"), vec![7; size]).unwrap();
            if !set(&from.join("f"), "user.note", b"kept")
                || !set(&from.join("f"), "system.posix_acl_access", &acl())
            {
                return;
            }
            let item = recorded(from, "f", action::CREATE);
            let results = world.carry(way, flag::XATTRS, &[item]);
            assert_eq!((statuses(&results)[0], flags(&results, 0)), (Status::Ok, 0));
            assert_eq!(value(&to.join("f"), "user.note").unwrap(), b"kept");
            let there = value(&to.join("f"), "system.posix_acl_access");
            assert_eq!(there.unwrap(), acl());
            fs::remove_file(to.join("f")).unwrap();
            let results = world.carry(way, 0, &[item]);
            assert_eq!(statuses(&results), [Status::Ok]);
            assert_eq!(value(&to.join("f"), "user.note"), None);
        }
    }
}

#[test]
fn attributes_that_no_record_has_room_for_are_missed_aloud() {
    for way in WAYS {
        for size in [3, 2 << 20] {
            let Ok(temp) = tempfile::tempdir_in("/dev/shm") else {
                return skip("no /dev/shm");
            };
            let world = World::within(temp);
            let (from, to) = world.ends(way);
            fs::write(from.join("f"), vec![7; size]).unwrap();
            // tmpfs takes what ext4 has no block for.
            for i in 0..20 {
                if !set(&from.join("f"), &format!("user.{i}"), &[1; 60_000]) {
                    return;
                }
            }
            let item = recorded(from, "f", action::CREATE);
            let results = world.carry(way, flag::XATTRS, &[item]);
            assert_eq!(statuses(&results), [Status::Ok]);
            assert_eq!(flags(&results, 0), result_flag::XATTRS_DROPPED);
            let mut list = vec![0; 4096];
            let length = rustix::fs::listxattr(to.join("f"), &mut list).unwrap();
            let kept = list[..length].iter().filter(|&&byte| byte == 0).count();
            assert_eq!(kept, 17);
        }
    }
}

#[test]
fn without_trust_no_attribute_of_the_system_is_taken() {
    if !root() {
        return;
    }
    for (trust, arrives) in [(0, false), (1, true)] {
        for size in [3, 2 << 20] {
            let mut world = World::new();
            world.terms.trust = trust;
            let path = world.client.join("f");
            fs::write(&path, vec![7; size]).unwrap();
            // cap_net_raw, version 2.
            let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            if !set(&path, "security.capability", &capability)
                || !set(&path, "trusted.blit", b"x")
                || !set(&path, "user.note", b"kept")
            {
                return;
            }
            let item = recorded(&world.client, "f", action::CREATE);
            let results = world.carry(Way::Put, flag::XATTRS, &[item]);
            assert_eq!(statuses(&results), [Status::Ok]);
            let there = world.daemon.join("f");
            assert_eq!(value(&there, "security.capability").is_some(), arrives);
            assert_eq!(value(&there, "trusted.blit").is_some(), arrives);
            assert_eq!(value(&there, "user.note").unwrap(), b"kept");
            let expected = if arrives {
                0
            } else {
                result_flag::XATTRS_DROPPED
            };
            assert_eq!(flags(&results, 0), expected);
        }
    }
}

#[test]
fn without_trust_neither_owner_nor_set_id_bits_are_taken() {
    if !root() {
        return;
    }
    for (trust, owner, mode) in [(0, 0, 0o755), (1, 1234, 0o6755)] {
        let mut world = World::new();
        world.terms.trust = trust;
        for (name, size) in [("small", 3), ("large", 2 << 20)] {
            let path = world.client.join(name);
            fs::write(&path, vec![7; size]).unwrap();
            chown(&path, Some(1234), Some(1234)).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o6755)).unwrap();
        }
        rustix::fs::symlinkat("x", rustix::fs::CWD, world.client.join("link")).unwrap();
        std::os::unix::fs::lchown(world.client.join("link"), Some(1234), Some(1234)).unwrap();
        let items =
            ["small", "large", "link"].map(|name| recorded(&world.client, name, action::CREATE));
        let results = world.carry(Way::Put, flag::OWNER, &items);
        assert_eq!(statuses(&results), [Status::Ok; 3]);
        for (i, name) in ["small", "large", "link"].into_iter().enumerate() {
            let there = stat(&world.daemon.join(name));
            assert_eq!((there.uid, there.gid), (owner, owner), "{name}");
            if name != "link" {
                assert_eq!(there.mode, mode, "{name}");
            }
            let expected = if trust == 1 {
                0
            } else {
                result_flag::OWNER_DROPPED
            };
            assert_eq!(flags(&results, i), expected, "{name}");
        }
    }
}

#[test]
fn an_owner_that_is_the_daemons_own_is_not_missed() {
    let mut world = World::new();
    world.terms.trust = 0;
    fs::write(world.client.join("f"), "x").unwrap();
    let item = recorded(&world.client, "f", action::CREATE);
    let results = world.carry(Way::Put, flag::OWNER, &[item]);
    assert_eq!((statuses(&results)[0], flags(&results, 0)), (Status::Ok, 0));
}

#[test]
fn devices_need_trust() {
    if !root() {
        return;
    }
    for (trust, expected) in [(0, Status::Unsupported), (1, Status::Ok)] {
        let mut world = World::new();
        world.terms.trust = trust;
        let path = world.client.join("null");
        let made = mknodat(
            rustix::fs::CWD,
            &path,
            FileType::CharacterDevice,
            Mode::RUSR,
            makedev(1, 3),
        );
        if let Err(errno) = made {
            return skip(errno);
        }
        let item = recorded(&world.client, "null", action::CREATE);
        let results = world.carry(Way::Put, 0, &[item]);
        assert_eq!(statuses(&results), [expected]);
        assert_eq!(names(&world.daemon).len(), trust as usize);
        if trust == 1 {
            assert_eq!(stat(&world.daemon.join("null")).rdev, 1 << 32 | 3);
        }
    }
}

#[test]
fn flags_outside_of_the_terms_are_taken_off() {
    let mut world = World::new();
    world.terms.flags = 0;
    fs::write(world.client.join("f"), "x").unwrap();
    if !set(&world.client.join("f"), "user.note", b"kept") {
        return;
    }
    let item = recorded(&world.client, "f", action::CREATE);
    let results = world.carry(Way::Put, flag::XATTRS, &[item]);
    assert_eq!(statuses(&results), [Status::Ok]);
    assert_eq!(value(&world.daemon.join("f"), "user.note"), None);
}
