//! Finishing an entry: owner, extended attributes, mode, mtime, in that order.

use crate::block::Kind;
use crate::control::JobContext;
use crate::dirs::Dir;
use crate::request::flag;
use crate::results::{ItemResult, result_flag};
use crate::status::{AtStep, Outcome, Status, Step};
use crate::sys::{self, BorrowedFd, Errno, Held, Metadata};
use crate::xattr;

const SET_ID: u32 = 0o6000;
/// Steps of file systems' times, as `src/engine/compare.ts` has them: NTFS, ..., seconds, FAT.
const STEPS_NS: [i64; 6] = [
    100,
    1_000,
    1_000_000,
    10_000_000,
    1_000_000_000,
    2_000_000_000,
];

/// What a finished entry is to look like.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Owner; set only with `set_owner`.
    pub uid: u32,
    /// Group; set only with `set_owner`.
    pub gid: u32,
    /// Permission and set-id bits; `None` for a symlink, which has none.
    pub mode: Option<u32>,
    /// Modification time.
    pub mtime_ns: i64,
    /// Whether to set owner and group.
    pub set_owner: bool,
    /// Extended attributes and ACLs; `None`: not asked for.
    pub xattrs: Option<&'a [(Vec<u8>, Vec<u8>)]>,
}

/// Whether the entry was just made by this job, or was there.
#[derive(Clone, Copy, Debug)]
pub enum Age<'a> {
    /// Made by this job in this directory: has no attributes but an inherited ACL.
    New(&'a Dir),
    /// As [`Age::New`], with the mode that it is to keep.
    NewWithMode(&'a Dir, u32),
    /// Was there, and looked like this.
    Known(&'a Metadata),
}

/// Gives an entry its looks and returns flags, inode and times of the outcome.
///
/// Order matters: a change of owner clears set-id bits and capabilities, an ACL changes the mode, and
/// whatever touches content or attributes changes the mtime of some file systems.
pub fn finish(entry: Held, look: &Look, age: Age) -> Outcome<ItemResult> {
    let is_new = !matches!(age, Age::Known(_));
    apply(entry, look, age, is_new)
}

fn apply(entry: Held, look: &Look, age: Age, is_new: bool) -> Outcome<ItemResult> {
    let mut flags = 0;
    let present = match age {
        Age::New(dir) | Age::NewWithMode(dir, _) => match dir.fresh_owner() {
            Some(owner) => owner,
            None => {
                let now = sys::stat_fd(entry.fd()).at(Step::Stat)?;
                dir.learn_fresh_owner(now.uid, now.gid);
                (now.uid, now.gid)
            }
        },
        Age::Known(now) => (now.uid, now.gid),
    };
    let owner = set_owner(entry, look, present, &mut flags)?;
    set_xattrs(entry, look, age, &mut flags)?;
    let mode = wanted_mode(look, age, owner, &mut flags);
    set_mode(entry, mode, age, is_new)?;
    let written = stamp(entry, look.mtime_ns, is_new, &mut flags)?;
    let unlike = match age {
        Age::New(dir) if (written.uid, written.gid) != owner => Some(dir),
        // The umask, or the file system, took something from it.
        Age::NewWithMode(dir, _) if Some(written.mode) != mode => {
            dir.learn_changes_modes();
            Some(dir)
        }
        Age::NewWithMode(dir, _) if (written.uid, written.gid) != owner => Some(dir),
        _ => None,
    };
    if let Some(dir) = unlike {
        // The directory gained or lost its set-group-id bit since its owner was learned.
        dir.learn_fresh_owner(written.uid, written.gid);
        return apply(entry, look, Age::Known(&written), is_new).map(|result| ItemResult {
            flags: result.flags | flags & result_flag::XATTRS_DROPPED,
            ..result
        });
    }
    if sys::KEEPS_MODES && mode.is_some_and(|mode| mode != written.mode) {
        flags |= result_flag::MODE_DROPPED;
    }
    Ok(ItemResult {
        flags,
        inode: written.inode,
        ctime_ns: written.ctime_ns,
        mtime_ns: written.mtime_ns,
        ..ItemResult::default()
    })
}

/// Finishes a file whose content is written; `flush` where its length may be there before its data.
///
/// Length without data must never get the final time: see promise 6 in the design. A network file system
/// says only at a flush, or at a close, whether there was room. What is to be durable is waited for anyway: then no file system
/// may have the time before the data.
pub fn finish_file(
    job: &JobContext,
    index: usize,
    file: BorrowedFd,
    look: &Look,
    age: Age,
    flush: bool,
) -> Outcome<ItemResult> {
    let durable = job.request.has(flag::FSYNC);
    if flush {
        job.at(index as u32, Step::Flush);
        match sys::fdatasync(file) {
            // There is nothing to wait for. Who is promised more finds out below.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
            other => other.at(Step::Flush)?,
        }
        sys::close_copy(file).at(Step::Flush)?;
    } else if durable {
        job.at(index as u32, Step::Flush);
        sys::write_out(file).at(Step::Flush)?;
    }
    let result = finish(Held::open(file), look, age)?;
    if durable {
        job.at(index as u32, Step::Flush);
        sys::fsync(file).at(Step::Flush)?;
    }
    Ok(result)
}

/// Returns the owner and group that the entry has afterwards.
fn set_owner(entry: Held, look: &Look, present: (u32, u32), flags: &mut u8) -> Outcome<(u32, u32)> {
    let wanted = (look.uid, look.gid);
    if !look.set_owner || wanted == present {
        return Ok(present);
    }
    match entry.set_owner(Some(look.uid), Some(look.gid)) {
        Ok(()) => Ok(wanted),
        // No right to, here or at a server; or an id that this namespace doesn't map.
        Err(errno) if is_lacking(errno) || is_refusal(errno) || errno == Errno::INVAL => {
            *flags |= result_flag::OWNER_DROPPED;
            Ok(present)
        }
        Err(errno) => Err(errno).at(Step::SetOwner),
    }
}

fn set_xattrs(entry: Held, look: &Look, age: Age, flags: &mut u8) -> Outcome<()> {
    let whole = match (age, look.xattrs) {
        (Age::New(dir) | Age::NewWithMode(dir, _), wanted) => {
            let wanted = wanted.unwrap_or(&[]);
            let has_acl = wanted.iter().any(|(name, _)| name == xattr::ACCESS_ACL);
            if !has_acl && look.mode.is_some() && dir.has_default_acl() {
                xattr::drop_acl(entry, xattr::ACCESS_ACL)?;
            }
            wanted.is_empty() || xattr::set_all(entry, wanted)?
        }
        (Age::Known(now), Some(wanted)) => mirror_xattrs(entry, now, wanted)?,
        (Age::Known(_), None) => true,
    };
    if !whole {
        *flags |= result_flag::XATTRS_DROPPED;
    }
    Ok(())
}

/// Changing what a user gave an entry takes the right to write it, which its owner may lack: until the mode is set.
fn mirror_xattrs(entry: Held, now: &Metadata, wanted: &[(Vec<u8>, Vec<u8>)]) -> Outcome<bool> {
    let mirrored = xattr::mirror(entry, wanted);
    let refused = match mirrored {
        Ok(whole) => !whole,
        Err(fail) => fail.status == Status::Permission,
    };
    let lacks_right = now.mode & 0o200 == 0 && now.uid == sys::effective_uid();
    if !refused || now.kind == Kind::Symlink || !lacks_right {
        return mirrored;
    }
    entry.set_mode(now.mode | 0o200).at(Step::SetMode)?;
    xattr::mirror(entry, wanted).inspect_err(|_| {
        let _ = entry.set_mode(now.mode);
    })
}

/// Returns the mode that the entry is to have afterwards.
fn wanted_mode(look: &Look, age: Age, owner: (u32, u32), flags: &mut u8) -> Option<u32> {
    let mut mode = look.mode?;
    // A program must not run with the rights of whoever happened to copy it. On a directory the
    // set-group-id bit grants nothing.
    let lost = if is_directory(age) {
        0
    } else if !look.set_owner {
        SET_ID
    } else {
        let uid = if owner.0 == look.uid { 0 } else { 0o4000 };
        let gid = if owner.1 == look.gid { 0 } else { 0o2000 };
        uid | gid
    };
    if mode & lost & SET_ID != 0 {
        mode &= !lost;
        *flags |= result_flag::OWNER_DROPPED;
    }
    Some(mode)
}

/// Sets the mode, unless the entry was made with it. Whether it was taken is seen afterwards.
fn set_mode(entry: Held, mode: Option<u32>, age: Age, is_new: bool) -> Outcome<()> {
    let made_with = match age {
        Age::NewWithMode(_, made) => Some(made),
        _ => None,
    };
    let Some(mode) = mode.filter(|_| mode != made_with) else {
        return Ok(());
    };
    match entry.set_mode(mode) {
        Err(errno) if is_lacking(errno) || (is_new && is_refusal(errno)) => Ok(()),
        other => other.at(Step::SetMode),
    }
}

/// Sets the mtime, last, and returns what stands there then.
fn stamp(entry: Held, mtime_ns: i64, is_new: bool, flags: &mut u8) -> Outcome<Metadata> {
    match entry.set_mtime(mtime_ns) {
        Err(errno) if is_lacking(errno) || (is_new && is_refusal(errno)) => {}
        other => other.at(Step::SetTime)?,
    }
    let written = sys::stat_fd(entry.fd()).at(Step::Stat)?;
    if is_taken(&written, mtime_ns) {
        return Ok(written);
    }
    // Many FUSE servers take both times or neither, without a word.
    let again = entry.set_both_times(mtime_ns);
    let written = sys::stat_fd(entry.fd()).at(Step::Stat)?;
    if again.is_err() || !is_taken(&written, mtime_ns) {
        *flags |= result_flag::TIME_DROPPED;
    }
    Ok(written)
}

/// Whether a time was taken, be it in a coarser step: then what is written is a whole one.
fn is_taken(written: &Metadata, mtime_ns: i64) -> bool {
    let apart = written.mtime_ns.abs_diff(mtime_ns);
    let step = STEPS_NS.iter().find(|&&step| apart < step.unsigned_abs());
    apart == 0 || step.is_some_and(|step| written.mtime_ns % step == 0)
}

/// A file system without such a thing.
fn is_lacking(errno: Errno) -> bool {
    matches!(errno, Errno::OPNOTSUPP | Errno::NOSYS)
}

/// Of what was just made, and so is one's own, it is the file system that refuses something.
fn is_refusal(errno: Errno) -> bool {
    matches!(errno, Errno::PERM | Errno::ACCESS)
}

fn is_directory(age: Age) -> bool {
    matches!(age, Age::Known(now) if now.kind == Kind::Directory)
}
