//! Going on with what an earlier run left of a large file.

use super::batch::Place;
use super::file::Opened;
use crate::buffer::with_buffer;
use crate::control::JobContext;
use crate::draft::{self, GRAIN_BYTES};
use crate::staging::StagedFile;
use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, AsFd, BorrowedFd, Metadata};

/// A partial file whose start is known to be right.
pub(super) struct Adopted {
    pub file: StagedFile,
    pub metadata: Metadata,
    /// Content up to here equals the source's; the file has this length.
    pub verified: u64,
}

/// Takes over the staged file that the item names, if it is usable, and keeps of it what equals the source.
///
/// # Errors
///
/// `busy` where another run is at it.
pub(super) fn adopt(job: &JobContext, place: &Place, source: &Opened) -> Outcome<Option<Adopted>> {
    let owner = source.before.uid;
    let Some((file, metadata)) = draft::adopt(&place.to, place.item.target, owner)? else {
        return Ok(None);
    };
    let most = metadata.size.min(source.before.size);
    let verified = equal_bytes(job, source.file, file.as_fd(), most)? / GRAIN_BYTES * GRAIN_BYTES;
    draft::cut(&file, verified)?;
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
