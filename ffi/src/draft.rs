//! A file on its way to its name: staged, noted for a later run to go on with, published or kept.

use std::sync::Arc;

use crate::destination::{Destination, Spot};
use crate::journal::{self, Partial};
use crate::names;
use crate::request::flag;
use crate::results::ItemResult;
use crate::root::Root;
use crate::staging::{Publish, StagedFile};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Held, Metadata};
use crate::xattr;

/// Files below this are faster copied again than found again.
pub const KEPT_LEAST: u64 = 16 << 20;

/// What was verified is rounded down to this, so that the rest is copied in whole blocks.
pub const GRAIN_BYTES: u64 = 1 << 20;

/// A staged file that is being filled.
#[derive(Debug)]
pub struct Draft<'a> {
    file: StagedFile,
    root: Arc<Root>,
    run: u64,
    /// Whether a later run may go on with what is there: then this is its path and its target's name.
    kept: Option<Kept<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Kept<'a> {
    directory: &'a [u8],
    target: &'a [u8],
    size: u64,
    mtime_ns: i64,
}

impl<'a> Draft<'a> {
    /// Takes charge of a staged file whose content is right up to `start`; `source` is what it will be like.
    pub fn begin(
        destination: &Destination<'a>,
        spot: &Spot<'a>,
        file: StagedFile,
        source: &Metadata,
        start: u64,
    ) -> Outcome<Draft<'a>> {
        let mut draft = Draft {
            file,
            root: Arc::clone(destination.root()),
            run: destination.job().request.run,
            kept: None,
        };
        if destination.job().request.has(flag::KEEP_PARTIAL) && source.size >= KEPT_LEAST {
            let kept = Kept {
                directory: spot.path,
                target: spot.name,
                size: source.size,
                mtime_ns: source.mtime_ns,
            };
            // Noted before the first byte: a kill leaves no time for it. Without a note nobody finds the file.
            if draft.note(&kept, start)? {
                draft.kept = Some(kept);
            }
        }
        Ok(draft)
    }

    /// Gives a filled file its name. One that failed is removed, unless a later run may go on with it.
    pub fn settle(
        self,
        filled: Outcome<ItemResult>,
        name: &[u8],
        how: Publish,
    ) -> Outcome<ItemResult> {
        match filled {
            Ok(result) => {
                self.file.publish(name, how)?;
                Ok(result)
            }
            Err(fail) => {
                if let Some(kept) = self.kept
                    && is_worth_keeping(fail)
                {
                    let reached = sys::stat_fd(&self.file).map_or(0, |now| now.size);
                    // The first note is enough to find the file.
                    let _ = self.note(&kept, reached);
                    self.file.keep();
                }
                Err(fail)
            }
        }
    }

    fn note(&self, kept: &Kept, reached: u64) -> Outcome<bool> {
        let partial = Partial {
            directory: kept.directory,
            staged: self.file.name(),
            target: kept.target,
            size: kept.size,
            mtime_ns: kept.mtime_ns,
        };
        journal::add(&self.root, self.run, &partial, reached)
    }
}

impl AsFd for Draft<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether what was copied is of use to a later run, after this failure.
fn is_worth_keeping(fail: Fail) -> bool {
    // On a full volume the partial file would stand in its own way; a changed source makes it worthless.
    !matches!(fail.status, Status::NoSpace | Status::Changed)
}

/// Takes over the staged file at `path` that an earlier run left for this spot, if it is usable.
///
/// # Errors
///
/// `busy` where another run is at it.
pub fn adopt(spot: &Spot, path: &[u8], owner: u32) -> Outcome<Option<(StagedFile, Metadata)>> {
    let (directory, name) = names::split(path);
    // A staged file elsewhere could not be renamed within its directory.
    if !directory.is_empty() && directory != spot.path {
        return Ok(None);
    }
    StagedFile::adopt(&spot.dir, name, owner)
}

/// Keeps of an adopted file what was found right, and nothing that could hinder the rest.
pub fn cut(file: impl AsFd, verified: u64) -> Outcome<()> {
    sys::truncate(&file, verified).at(Step::Write)?;
    xattr::drop_acl(Held::open(file.as_fd()), xattr::ACCESS_ACL)
}
