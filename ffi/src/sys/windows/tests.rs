//! What only Windows has: its names, attributes, streams and links.

use std::fs;
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::FILE_ATTRIBUTE_HIDDEN;

use super::{
    AsFd, Errno, Held, Holder, OwnedFd, attributes, metadata, names, open_followed, stream,
};
use crate::block::{Item, Kind, NO_PARENT};
use crate::request::{Op, action, flag};
use crate::results::Results;
use crate::root;
use crate::status::Status;
use crate::sys::{self, DirReader};
use crate::testing::{self, Head, handle_at, stat};

fn open_dir(path: &Path) -> OwnedFd {
    open_followed(path.as_os_str().as_encoded_bytes()).unwrap()
}

/// Names in a directory as they are, sorted.
fn names_in(path: &Path) -> Vec<String> {
    let dir = open_dir(path);
    let mut found = Vec::new();
    let mut reader = DirReader::new();
    let note = |name: &std::ffi::CStr, _, _| found.push(name.to_str().unwrap().to_owned());
    let mut note = note;
    while reader.fill(dir.as_fd(), &mut note).unwrap() {}
    found.sort();
    found
}

fn item(name: &[u8], kind: Kind, action: u16) -> Item<'_> {
    Item {
        name,
        kind,
        action,
        parent: NO_PARENT,
        ..Item::default()
    }
}

/// Runs an operation on roots that are closed afterwards: wine keeps the names of what is open.
fn done(
    module: fn(&crate::control::JobContext, &mut Results) -> crate::status::Outcome<()>,
    head: Head,
    (from, to): (&Path, &Path),
    items: &[Item],
) -> Vec<Status> {
    let head = Head {
        source: handle_at(from),
        destination: handle_at(to),
        ..head
    };
    let (outcome, results, _) = testing::run(module, &head.request(items));
    outcome.unwrap();
    root::close(head.source).unwrap();
    root::close(head.destination).unwrap();
    let all = [
        Status::Ok,
        Status::Exists,
        Status::Unsupported,
        Status::Escaped,
        Status::NameTooLong,
        Status::Changed,
    ];
    let status = |number| {
        all.into_iter()
            .find(|&status| status as u32 == number)
            .unwrap_or(Status::Bug)
    };
    (0..items.len())
        .map(|i| status(testing::status_of(&results, i)))
        .collect()
}

fn copy(flags: u32, places: (&Path, &Path), items: &[Item]) -> Vec<Status> {
    done(
        crate::copy::run,
        Head {
            flags,
            ..Head::new(Op::Copy)
        },
        places,
        items,
    )
}

/// Two directories in a temporary one.
fn pair() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let (from, to) = (temp.path().join("from"), temp.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    (temp, from, to)
}

#[test]
fn paths_beyond_260_characters_are_made_copied_and_removed() {
    let (_temp, from, to) = pair();
    let part = "n".repeat(100);
    let path = [part.as_str(); 5].join("/");
    let (from_deep, to_deep) = (from.join(&path), to.join(&path));
    // As roots: the whole path goes to the system at once.
    for deep in [&from_deep, &to_deep] {
        sys::make_directories(deep.as_os_str().as_encoded_bytes()).unwrap();
    }
    assert!(to_deep.as_os_str().len() > 500);
    sys::create_file(open_dir(&from_deep).as_fd(), b"f").unwrap();
    let file = item(b"f", Kind::File, action::CREATE);
    assert_eq!(copy(0, (&from_deep, &to_deep), &[file]), [Status::Ok]);
    // And as paths beneath a root.
    let name = format!("{path}/f");
    let again = Item {
        action: action::REPLACE,
        ..item(name.as_bytes(), Kind::File, action::REPLACE)
    };
    assert_eq!(copy(0, (&from, &to), &[again]), [Status::Ok]);
    let made = sys::stat_name(open_dir(&to_deep), b"f").unwrap();
    let gone = Item {
        name: name.as_bytes(),
        parent: NO_PARENT,
        ..Item::of(&made)
    };
    assert_eq!(
        done(
            crate::remove::run,
            Head::new(Op::Remove),
            (&from, &to),
            &[gone]
        ),
        [Status::Ok]
    );
    assert!(names_in(&to_deep).is_empty());
}

#[test]
fn read_only_files_are_copied_replaced_and_removed() {
    let (_temp, from, to) = pair();
    fs::write(from.join("f"), "new").unwrap();
    set_mode(&from, b"f", 0o444);
    fs::write(to.join("f"), "old").unwrap();
    set_mode(&to, b"f", 0o444);
    assert_eq!(
        copy(0, (&from, &to), &[item(b"f", Kind::File, action::CREATE)]),
        [Status::Exists]
    );
    assert_eq!(stat(&to.join("f")).mode, 0o444);
    assert_eq!(
        copy(0, (&from, &to), &[item(b"f", Kind::File, action::REPLACE)]),
        [Status::Ok]
    );
    assert_eq!(fs::read(to.join("f")).unwrap(), b"new");
    assert_eq!(stat(&to.join("f")).mode, 0o444);
    // Another name of it stays read-only.
    let dir = open_dir(&to);
    sys::hard_link(&dir, b"f", &dir, b"g").unwrap();
    sys::remove_file(&dir, b"f").unwrap();
    drop(dir);
    assert_eq!(names_in(&to), ["g"]);
    assert_eq!(stat(&to.join("g")).mode, 0o444);
    sys::remove_file(open_dir(&to), b"g").unwrap();
    assert!(names_in(&to).is_empty());
    set_mode(&from, b"f", 0o666);
}

fn set_mode(dir: &Path, name: &[u8], mode: u32) {
    let holder = Holder::open(open_dir(dir).as_fd(), name, Kind::File).unwrap();
    holder.held().set_mode(mode).unwrap();
}

#[test]
fn a_read_only_name_that_cannot_be_replaced_stays_read_only() {
    let (_temp, from, to) = pair();
    fs::write(to.join("f"), "old").unwrap();
    fs::create_dir(from.join("d")).unwrap();
    set_mode(&to, b"f", 0o444);
    assert!(sys::rename(open_dir(&from), b"gone", open_dir(&to), b"f").is_err());
    assert!(sys::rename_new(open_dir(&from), b"d", open_dir(&to), b"f").is_err());
    assert_eq!(stat(&to.join("f")).mode, 0o444);
    set_mode(&to, b"f", 0o666);
}

#[test]
fn hidden_and_system_files_stay_so() {
    let (_temp, from, to) = pair();
    fs::write(from.join("f"), "x").unwrap();
    fs::write(from.join("plain"), "x").unwrap();
    let dir = open_dir(&from);
    let holder = Holder::open(dir.as_fd(), b"f", Kind::File).unwrap();
    attributes::set_letters(holder.as_fd(), Some(b"AHS")).unwrap();
    if attributes::letters(holder.as_fd()).unwrap().as_deref() != Some(b"AHS") {
        testing::skip("this file system keeps no attributes");
        return;
    }
    drop((holder, dir));
    let items = [b"f".as_slice(), b"plain"].map(|name| item(name, Kind::File, action::CREATE));
    assert_eq!(copy(flag::XATTRS, (&from, &to), &items), [Status::Ok; 2]);
    let read = |name| {
        let holder = Holder::open(open_dir(&to).as_fd(), name, Kind::File).unwrap();
        let (now, _) = metadata::attributes_and_tag(holder.as_fd()).unwrap();
        (
            attributes::letters(holder.as_fd()).unwrap(),
            now & FILE_ATTRIBUTE_HIDDEN != 0,
        )
    };
    assert_eq!(read(b"f"), (Some(b"AHS".to_vec()), true));
    assert_eq!(read(b"plain"), (None, false));
    // And go again where the source has none.
    let mend = Item {
        mtime_ns: 0,
        mode: 0o666,
        ..item(b"f", Kind::File, 0)
    };
    fs::remove_file(from.join("f")).unwrap();
    fs::write(from.join("f"), "x").unwrap();
    let head = Head {
        flags: flag::XATTRS,
        ..Head::new(Op::Meta)
    };
    assert_eq!(
        done(crate::meta::run, head, (&from, &to), &[mend]),
        [Status::Ok]
    );
    assert_eq!(read(b"f"), (None, false));
}

#[test]
fn streams_are_copied_whatever_their_size() {
    let (_temp, from, to) = pair();
    fs::write(from.join("f"), "x").unwrap();
    let dir = open_dir(&from);
    let holder = Holder::open(dir.as_fd(), b"f", Kind::File).unwrap();
    if !stream::are_kept(holder.as_fd()) {
        testing::skip("this file system has no streams");
        return;
    }
    let (small, large) = (
        names::to_units(b"small").unwrap(),
        names::to_units(b"large").unwrap(),
    );
    stream::set(holder.as_fd(), &small, b"value").unwrap();
    stream::set(holder.as_fd(), &large, &vec![7; 3 << 20]).unwrap();
    holder.held().set_mode(0o444).unwrap();
    drop((holder, dir));
    let file = item(b"f", Kind::File, action::CREATE);
    assert_eq!(copy(flag::XATTRS, (&from, &to), &[file]), [Status::Ok]);
    let copied = Holder::open(open_dir(&to).as_fd(), b"f", Kind::File).unwrap();
    let mut value = vec![0; 4 << 20];
    assert_eq!(stream::get(copied.as_fd(), &small, &mut value), Ok(5));
    assert_eq!(stream::get(copied.as_fd(), &large, &mut value), Ok(3 << 20));
    assert_eq!(&value[..3 << 20], &vec![7; 3 << 20]);
    let found = crate::xattr::read_all(copied.held()).unwrap().unwrap();
    assert_eq!(found, [(b"user.small".to_vec(), b"value".to_vec())]);
    stream::remove(copied.as_fd(), &small).unwrap();
    assert_eq!(
        stream::get(copied.as_fd(), &small, &mut value),
        Err(Errno::NODATA)
    );
}

#[test]
fn a_rename_that_changes_case_alone_is_done() {
    let (_temp, from, _) = pair();
    fs::write(from.join("name"), "x").unwrap();
    let rename = |new, how: fn(&OwnedFd, &[u8], &OwnedFd, &[u8]) -> Result<(), Errno>| {
        how(&open_dir(&from), b"name", &open_dir(&from), new).unwrap();
        names_in(&from)
    };
    let renamed = [
        rename(b"Name".as_slice(), |a, b, c, d| sys::rename_new(a, b, c, d)),
        rename(b"NAME".as_slice(), |a, b, c, d| sys::rename(a, b, c, d)),
    ];
    if std::env::var_os("WINEPREFIX").is_some() {
        testing::skip("wine finds that both are one name, and does nothing");
    } else {
        assert_eq!(renamed, [["Name"], ["NAME"]]);
    }
    let taken = sys::create_file(open_dir(&from).as_fd(), b"namE").map(drop);
    assert_eq!(taken, Err(Errno::EXIST));
    assert_eq!(fs::read(from.join("name")).unwrap(), b"x");
}

#[test]
fn names_that_older_programs_forbid_are_copied_and_removed() {
    const NAMES: [&[u8]; 6] = [b"CON", b"aux.txt", b"COM1", b"dot.", b"space ", b" ..x.. "];
    let (_temp, from, to) = pair();
    for name in NAMES {
        let file = sys::create_file(open_dir(&from).as_fd(), name).unwrap();
        sys::write_all_at(file.as_fd(), name, 0).unwrap();
    }
    let expected: Vec<String> = {
        let mut names = NAMES.map(|name| String::from_utf8(name.to_vec()).unwrap());
        names.sort();
        names.to_vec()
    };
    assert_eq!(names_in(&from), expected);
    let items = NAMES.map(|name| item(name, Kind::File, action::CREATE));
    assert_eq!(copy(0, (&from, &to), &items), [Status::Ok; 6]);
    assert_eq!(names_in(&to), expected);
    for name in NAMES {
        sys::remove_file(open_dir(&to), name).unwrap();
        sys::remove_file(open_dir(&from), name).unwrap();
    }
    assert!(names_in(&to).is_empty());
}

#[test]
fn names_that_no_file_system_takes_are_refused() {
    let (_temp, from, to) = pair();
    fs::write(from.join("f"), "x").unwrap();
    for name in [
        &b"f:stream"[..],
        b"f::$DATA",
        b"..\\f",
        b"a\\b",
        b"C:",
        b"f?",
        b"\xff",
        b"tab\t",
    ] {
        let read = item(name, Kind::File, action::CREATE);
        let written = Item {
            target: name,
            ..item(b"f", Kind::File, action::CREATE)
        };
        let expected = [Status::Unsupported; 2];
        assert_eq!(
            copy(0, (&from, &to), &[read, written]),
            expected,
            "{}",
            name.escape_ascii()
        );
    }
    assert!(names_in(&to).is_empty());
    assert_eq!(names_in(&from), ["f"]);
}

#[test]
fn links_are_made_read_and_never_followed() {
    let (temp, from, to) = pair();
    fs::create_dir(temp.path().join("outside")).unwrap();
    fs::write(temp.path().join("outside/f"), "x").unwrap();
    let outside = temp.path().join("outside");
    let target = outside.as_os_str().as_encoded_bytes();
    for (name, rdev) in [
        (b"dir".as_slice(), metadata::DIRECTORY_LINK),
        (b"junction", metadata::JUNCTION),
    ] {
        match sys::make_symlink(target, open_dir(&from), name, rdev) {
            Err(Errno::OPNOTSUPP | Errno::PERM) => {
                testing::skip("no links here, or no right to make them");
                assert!(names_in(&from).is_empty());
                return;
            }
            other => other.unwrap(),
        }
        let now = sys::stat_name(open_dir(&from), name).unwrap();
        assert_eq!((now.kind, now.rdev), (Kind::Symlink, rdev));
        let read = sys::read_link(open_dir(&from), name).unwrap();
        assert_eq!(
            read,
            target
                .iter()
                .map(|&b| if b == b'\\' { b'/' } else { b })
                .collect::<Vec<_>>()
        );
        let through = [name, b"/f"].concat();
        let file = item(&through, Kind::File, action::CREATE);
        assert_eq!(copy(0, (&from, &to), &[file]), [Status::Escaped]);
        assert_eq!(
            copy(
                0,
                (&from, &to),
                &[item(name, Kind::Symlink, action::CREATE)]
            ),
            [Status::Ok]
        );
        assert_eq!(sys::stat_name(open_dir(&to), name).unwrap().rdev, rdev);
        sys::remove_file(open_dir(&to), name).unwrap();
    }
    assert!(outside.join("f").exists());
}

#[test]
fn what_windows_has_no_word_for_is_refused() {
    let (_temp, from, _) = pair();
    assert_eq!(
        sys::make_node(open_dir(&from), b"fifo", Kind::Fifo, 0),
        Err(Errno::OPNOTSUPP)
    );
    fs::write(from.join("f"), "x").unwrap();
    let holder = Holder::open(open_dir(&from).as_fd(), b"f", Kind::File).unwrap();
    assert_eq!(
        holder.held().set_owner(Some(1), Some(1)),
        Err(Errno::OPNOTSUPP)
    );
    assert_eq!(
        holder.held().set_xattr(b"system.x", b""),
        Err(Errno::OPNOTSUPP)
    );
}

#[test]
fn times_are_set_to_the_hundred_nanoseconds_through_any_handle() {
    let (_temp, from, _) = pair();
    fs::write(from.join("f"), "x").unwrap();
    let reading = sys::open_file(open_dir(&from).as_fd(), b"f").unwrap();
    for mtime_ns in [1_234_567_890_123_456_700, -1_000_000_000] {
        Held::any(reading.as_fd()).set_mtime(mtime_ns + 99).unwrap();
        assert_eq!(sys::stat_fd(&reading).unwrap().mtime_ns, mtime_ns);
    }
}

#[test]
fn a_probe_says_that_case_folds() {
    let (_temp, from, _) = pair();
    let facts = sys::file_system_facts(open_dir(&from).as_fd()).unwrap();
    assert!(facts.case_folds && !facts.mount_root && !facts.read_only);
    assert!(facts.free_bytes > 0 && facts.free_bytes <= facts.total_bytes);
    assert!(facts.max_name >= 255);
    assert!(
        sys::file_system_facts(open_dir(Path::new(r"C:\")).as_fd())
            .unwrap()
            .mount_root
    );
}
