//! Making one entry from what requests carry: content in pieces, in order; other kinds at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::attributes;
use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::dirs::{Dir, DirCache, creating};
use crate::finish::{Age, Look, finish_file};
use crate::holes;
use crate::in_place::{IN_PLACE_MOST, InPlace};
use crate::names;
use crate::node::Node;
use crate::request::{action, flag};
use crate::results::{ItemResult, Results, method};
use crate::staging::{Publish, StagedFile};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Metadata};
use crate::xattr::Xattrs;

/// Parameter 1: the first piece of the content.
const FIRST: u64 = 1;
/// Parameter 1: the last piece.
const LAST: u64 = 2;
/// Parameter 1: there will be no more pieces.
const ABANDON: u64 = 4;

/// A file some pieces of which have come.
struct Pending {
    file: StagedFile,
    dir: Arc<Dir>,
    /// Where the next piece goes.
    at: u64,
    widened: bool,
    /// Some of it was left out: a hole.
    has_gaps: bool,
}

/// Root handle, run and path of an unfinished file.
type Key = (u32, u64, Vec<u8>);

/// Taken out while a piece is written: of two pieces that come at once one finds nothing.
static PENDING: Mutex<Option<HashMap<Key, Pending>>> = Mutex::new(None);

fn pending() -> MutexGuard<'static, Option<HashMap<Key, Pending>>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops the unfinished files below a root that was closed.
pub fn forget_root(handle: u32) {
    let gone: Vec<Pending> = match pending().as_mut() {
        Some(all) => all
            .extract_if(|(root, _, _), _| *root == handle)
            .map(|(_, file)| file)
            .collect(),
        None => Vec::new(),
    };
    // Removing files may wait for a disk: not under the lock.
    drop(gone);
}

/// Takes one piece of the file that item 0 describes.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let item = request.need_item(0)?;
    let path = request.path(0);
    let key = (request.destination, request.run, path.to_vec());
    let before = pending().as_mut().and_then(|all| all.remove(&key));
    if request.p1 & ABANDON != 0 {
        drop(before);
        return Ok(());
    }
    job.at(0, Step::Write);
    let done = job.check().and_then(|()| {
        let (result, rest) = piece(job, &path, &item, before)?;
        if let Some(rest) = rest {
            pending().get_or_insert_default().insert(key, rest);
        }
        Ok(result)
    });
    match done {
        Ok(result) => results.set(0, result),
        Err(fail) => results.fail(0, fail),
    }
    if request.p1 & LAST != 0 {
        job.add_entry();
    }
    Ok(())
}

/// The attributes that come with the last piece, and the piece.
fn carried<'a>(job: &'a JobContext) -> Outcome<(Option<Xattrs>, &'a [u8])> {
    let request = job.request;
    let mut bytes = request.trailing();
    if request.p1 & LAST == 0 || !request.has(flag::XATTRS) {
        return Ok((None, bytes));
    }
    let xattrs = attributes::take(&mut bytes)?;
    Ok((xattrs, bytes))
}

fn piece(
    job: &JobContext,
    path: &[u8],
    item: &Item,
    before: Option<Pending>,
) -> Outcome<(ItemResult, Option<Pending>)> {
    let request = job.request;
    let (xattrs, content) = carried(job)?;
    let xattrs = xattrs.as_deref();
    let (first, last) = (request.p1 & FIRST != 0, request.p1 & LAST != 0);
    let (above, own_name) = names::split(path);
    let renamed = !item.target.is_empty() && item.kind != Kind::Symlink;
    let name = if renamed { item.target } else { own_name };
    names::check_name(name, Step::Create)?;
    let how = match item.action {
        action::CREATE => Publish::New,
        action::REPLACE => Publish::Replace,
        _ => return Err(Fail::usage()),
    };
    let mut pending = if first {
        let dir = DirCache::new(job.destination()?).open(above)?;
        if item.kind != Kind::File {
            return node(job, &dir, name, item, how, xattrs).map(|result| (result, None));
        }
        if last && how == Publish::New && item.size <= IN_PLACE_MOST {
            return in_place(job, &dir, name, item, content, xattrs).map(|result| (result, None));
        }
        let ((file, metadata), widened) = creating(&dir, || StagedFile::create(&dir, request.run))?;
        dir.learn(&metadata);
        Pending {
            file,
            dir,
            at: 0,
            widened,
            has_gaps: false,
        }
    } else {
        before.ok_or(Fail::usage())?
    };
    let end = request.p0.checked_add(content.len() as u64);
    let Some(end) = end.filter(|&end| request.p0 >= pending.at && end <= item.size) else {
        return Err(Fail::usage());
    };
    if request.p0 > pending.at {
        pending.has_gaps = true;
        sys::allow_holes(pending.file.as_fd());
    }
    holes::write(
        pending.file.as_fd(),
        content,
        request.p0,
        item.may_have_holes(),
    )?;
    pending.at = end;
    job.add_bytes(content.len() as u64);
    if !last {
        let result = ItemResult {
            bytes: content.len() as u64,
            ..ItemResult::default()
        };
        return Ok((result, Some(pending)));
    }
    let result = complete(
        job,
        pending.file.as_fd(),
        &pending.dir,
        item,
        &Content {
            bytes: pending.at,
            sparse: item.may_have_holes() || pending.has_gaps,
            xattrs,
        },
    )?;
    pending.file.publish(name, how)?;
    sync_directory(job, &pending.dir)?;
    Ok((result.widened(pending.widened), None))
}

fn in_place(
    job: &JobContext,
    dir: &Dir,
    name: &[u8],
    item: &Item,
    content: &[u8],
    xattrs: Option<&[(Vec<u8>, Vec<u8>)]>,
) -> Outcome<ItemResult> {
    // Looked at before anything is made: what came is whole or nothing.
    if job.request.p0 != 0 || content.len() as u64 != item.size {
        return Err(Fail::new(Status::Corrupt, Step::Write));
    }
    let (file, widened) = creating(dir, || sys::create_file(dir.as_fd(), name).at(Step::Create))?;
    let file = InPlace::new(dir, name, file);
    holes::write(file.as_fd(), content, 0, item.may_have_holes())?;
    job.add_bytes(item.size);
    let whole = Content {
        bytes: item.size,
        sparse: item.may_have_holes(),
        xattrs,
    };
    let result = complete(job, file.as_fd(), dir, item, &whole)?;
    file.finish();
    sync_directory(job, dir)?;
    Ok(result.widened(widened))
}

/// What came of a file.
struct Content<'a> {
    bytes: u64,
    sparse: bool,
    xattrs: Option<&'a [(Vec<u8>, Vec<u8>)]>,
}

fn complete(
    job: &JobContext,
    file: BorrowedFd,
    dir: &Dir,
    item: &Item,
    content: &Content,
) -> Outcome<ItemResult> {
    if content.bytes != item.size {
        return Err(Fail::new(Status::Corrupt, Step::Write));
    }
    if content.sparse {
        sys::truncate(file, item.size).at(Step::Write)?;
    }
    let look = Look {
        uid: item.uid,
        gid: item.gid,
        mode: Some(item.mode),
        mtime_ns: item.mtime_ns,
        set_owner: job.request.has(flag::OWNER),
        xattrs: content.xattrs,
    };
    let flush = content.sparse || dir.reports_late();
    let result = finish_file(job, 0, file, &look, Age::New(dir), flush)?;
    Ok(ItemResult {
        bytes: content.bytes,
        method: method::STREAM,
        ..result
    })
}

fn node(
    job: &JobContext,
    dir: &Arc<Dir>,
    name: &[u8],
    item: &Item,
    how: Publish,
    xattrs: Option<&[(Vec<u8>, Vec<u8>)]>,
) -> Outcome<ItemResult> {
    let known = [
        Kind::Symlink,
        Kind::Fifo,
        Kind::Socket,
        Kind::CharDevice,
        Kind::BlockDevice,
    ];
    if !known.contains(&item.kind) {
        return Err(Fail::usage());
    }
    let node = Node {
        metadata: Metadata {
            kind: item.kind,
            rdev: item.rdev,
            uid: item.uid,
            gid: item.gid,
            mode: item.mode,
            mtime_ns: item.mtime_ns,
            ..Metadata::default()
        },
        target: if item.kind == Kind::Symlink {
            item.target.to_vec()
        } else {
            Vec::new()
        },
        xattrs: xattrs.map(<[_]>::to_vec),
        set_owner: job.request.has(flag::OWNER),
    };
    let run = job.request.run;
    let result = match how {
        Publish::New => node.create(dir, name, run)?,
        Publish::Replace => node.replace(dir, name, run)?,
    };
    sync_directory(job, dir)?;
    Ok(result)
}

fn sync_directory(job: &JobContext, dir: &Dir) -> Outcome<()> {
    if job.request.has(flag::FSYNC) {
        dir.sync()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
