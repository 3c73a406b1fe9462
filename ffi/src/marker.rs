//! Run markers: `.blit-<run>-0` in the destination's root, locked while the run lives.
//!
//! A marker's first line says under which mount it was made. Where a leftover has another one, or lost its own, the file
//! system was taken away under its run, and what the kernel hadn't written yet is lost, whatever size and time say:
//! ext4 may put those on disk first.

use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use crate::control::JobContext;
use crate::results::{ItemResult, Results};
use crate::root::Root;
use crate::staging::{MARKER_NUMBER, name_of, parse_name};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, DirReader, Errno, OwnedFd};

/// Parameter 0: release the marker and remove it.
const REMOVE: u64 = 0;
/// Parameter 0: create and lock it.
const CREATE: u64 = 1;
/// Parameter 0: release it and leave the file, for the next run to find.
const LEAVE: u64 = 2;

const LOCK_TRIES: u32 = 100;
/// Bits of a run's number below the time at which it began, ms.
const TIME_SHIFT: u32 = 20;
/// More than the line of a mount takes.
const MOUNT_LINE_MOST: usize = 128;

/// Creates or releases the run's marker. Always one result, with or without an item.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let root = job.destination()?;
    let name = name_of(job.request.run, MARKER_NUMBER);
    job.at(0, Step::Lock);
    let outcome = match job.request.p0 {
        CREATE => create(job, &root, &name),
        REMOVE => release(&root, &name, true).map(|()| 0),
        LEAVE => release(&root, &name, false).map(|()| 0),
        _ => Err(Fail::usage()),
    };
    if results.is_empty() {
        *results = Results::new(1);
    }
    match outcome {
        Ok(mtime_ns) => results.set(
            0,
            ItemResult {
                mtime_ns,
                ..ItemResult::default()
            },
        ),
        Err(fail) => results.fail(0, fail),
    }
    Ok(())
}

/// Makes and locks the marker; the time since when bytes may be lost, ns since 1970, or 0.
fn create(job: &JobContext, root: &Root, name: &[u8]) -> Outcome<i64> {
    let mount = sys::mount_line(root.as_fd());
    let lost = look_at_others(root, name, &mount, job.request.p1 == 1)?;
    let marker = match sys::create_file(root.as_fd(), name) {
        // This run's own: the connection over which it was made broke. Partial files will be noted in it.
        Err(Errno::EXIST) => {
            let marker = sys::open_file_to_write(root.as_fd(), name).at(Step::Open)?;
            lock(&marker)?;
            marker
        }
        made => {
            let marker = made.at(Step::Create)?;
            let content = [&mount, job.request.trailing()].concat();
            let written = lock(&marker)
                .and_then(|()| sys::write_all_at(marker.as_fd(), &content, 0).at(Step::Write));
            if let Err(fail) = written {
                let _ = sys::remove_file(root.as_fd(), name);
                return Err(fail);
            }
            marker
        }
    };
    root.held
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(name.to_vec(), marker);
    if job.request.p1 != 1 {
        return Ok(lost);
    }
    // Two runs that began at once may each have seen no other: now at least one of them does.
    look_at_others(root, name, &mount, true).or_else(|busy| {
        release(root, name, true)?;
        Err(busy)
    })
}

/// Locks a new marker. Another run that asks about it holds it for a moment.
fn lock(marker: &OwnedFd) -> Outcome<()> {
    for _ in 0..LOCK_TRIES {
        if sys::try_lock(marker).at(Step::Lock)? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(Fail::new(Status::Busy, Step::Lock))
}

fn release(root: &Root, name: &[u8], remove: bool) -> Outcome<()> {
    let held = root
        .held
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(name);
    match held {
        // Removed while it is still locked: no other run can have taken it for a leftover.
        Some(marker) if remove => {
            let removed = match sys::remove_file(root.as_fd(), name) {
                Err(Errno::NOENT) => Ok(()),
                other => other.at(Step::Remove),
            };
            drop(marker);
            removed
        }
        _ => Ok(()),
    }
}

/// Looks at the markers of other runs in this root.
///
/// # Errors
///
/// `busy` where one is locked and this run has to be `alone`.
fn look_at_others(root: &Root, own: &[u8], mount: &[u8], alone: bool) -> Outcome<i64> {
    let mut since = 0;
    for name in markers(root)? {
        if name == own {
            continue;
        }
        let Ok(marker) = sys::open_file(root.as_fd(), &name) else {
            continue;
        };
        if sys::is_locked(&marker).at(Step::Lock)? {
            if alone {
                return Err(Fail::new(Status::Busy, Step::Lock));
            }
        } else if !mount.is_empty() && !is_of_mount(&marker, mount) {
            let began = began_ns(&name).min(sys::stat_fd(&marker).at(Step::Stat)?.mtime_ns);
            since = if since == 0 { began } else { began.min(since) };
        }
    }
    Ok(since)
}

fn is_of_mount(marker: &OwnedFd, mount: &[u8]) -> bool {
    let mut line = [0; MOUNT_LINE_MOST];
    sys::read_at(marker.as_fd(), &mut line, 0).is_ok_and(|read| line[..read].starts_with(mount))
}

/// When the run of a marker began.
fn began_ns(name: &[u8]) -> i64 {
    let run = parse_name(name).map_or(0, |(run, _)| run);
    ((run >> TIME_SHIFT) as i64).saturating_mul(1_000_000)
}

fn markers(root: &Root) -> Outcome<Vec<Vec<u8>>> {
    let listed = sys::reopen_directory(root.as_fd()).at(Step::List)?;
    let mut found = Vec::new();
    let mut reader = DirReader::new();
    let note = |name: &[u8]| parse_name(name).is_some_and(|(_, number)| number == MARKER_NUMBER);
    while reader
        .fill(listed.as_fd(), |name, _, _| {
            if note(name.to_bytes()) {
                found.push(name.to_bytes().to_vec());
            }
        })
        .at(Step::List)?
    {}
    Ok(found)
}

#[cfg(test)]
mod tests;
