//! Going on with what an earlier run left of a large file.

use super::batch::Place;
use super::file::Source;
use crate::buffer::with_buffer;
use crate::control::JobContext;
use crate::names;
use crate::staging::StagedFile;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Held, Metadata};
use crate::xattr;

/// Files below this are faster copied again than found again.
pub(super) const LEAST_BYTES: u64 = 16 << 20;

/// What was verified is rounded down to this, so that the rest is copied in whole blocks.
const GRAIN_BYTES: u64 = 1 << 20;

/// A partial file whose start is known to be right.
pub(super) struct Adopted {
    pub file: StagedFile,
    pub metadata: Metadata,
    /// Content up to here equals the source's; the file has this length.
    pub verified: u64,
}

/// Whether what was copied is of use to a later run, after this failure.
pub(super) fn is_worth_keeping(fail: Fail) -> bool {
    // On a full volume the partial file would stand in its own way; a changed source makes it worthless.
    !matches!(fail.status, Status::NoSpace | Status::Changed)
}

/// Takes over the staged file that the item names, if it is usable, and keeps of it what equals the source.
///
/// # Errors
///
/// `busy` where another run is at it.
pub(super) fn adopt(job: &JobContext, place: &Place, source: &Source) -> Outcome<Option<Adopted>> {
    let (directory, name) = names::split(place.item.target);
    // A staged file elsewhere could not be renamed within its directory.
    if !directory.is_empty() && directory != place.to_path {
        return Ok(None);
    }
    let Some((file, metadata)) = StagedFile::adopt(&place.to, name, source.before.uid)? else {
        return Ok(None);
    };
    let most = metadata.size.min(source.before.size);
    let verified = equal_bytes(job, source.file, file.as_fd(), most)? / GRAIN_BYTES * GRAIN_BYTES;
    sys::truncate(&file, verified).at(Step::Write)?;
    xattr::drop_acl(Held::open(file.as_fd()), xattr::ACCESS_ACL)?;
    Ok(Some(Adopted {
        file,
        metadata,
        verified,
    }))
}

/// How many bytes both files have in common, up to the first buffer that differs.
fn equal_bytes(job: &JobContext, one: BorrowedFd, other: BorrowedFd, most: u64) -> Outcome<u64> {
    let mut at = 0;
    with_buffer(|ours| {
        with_buffer(|theirs| {
            while at < most {
                let wanted = (most - at).min(ours.len() as u64) as usize;
                let got = sys::read_at(one, &mut ours[..wanted], at).at(Step::Read)?;
                // What can't be read of the partial file is copied again.
                let Ok(there) = sys::read_at(other, &mut theirs[..got], at) else {
                    break;
                };
                if there == 0 || ours[..there] != theirs[..there] {
                    break;
                }
                at += there as u64;
                job.add_bytes(there as u64);
                job.check()?;
            }
            Ok(at)
        })
    })
}
