//! Making what came: the part of a receiver that touches the file system.

mod large;
mod shared;

pub use large::Large;

use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::destination::{Destination, Spot};
use crate::draft::Draft;
use crate::finish::{Age, Look, finish_file};
use crate::holes::{write, write_data};
use crate::node::Node;
use crate::request::{action, flag};
use crate::results::{ItemResult, Results, method, result_flag};
use crate::staging::Publish;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Metadata};
use crate::xattr::{ACCESS_ACL, DEFAULT_ACL, Xattrs};

use super::entry::{Entry, WholeFile};
use super::wire::Line;

/// What a peer may decide about the entries that it sends.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    /// Owner, set-id bits, devices, attributes of the system.
    pub metadata: bool,
    /// It asked for owners and doesn't get them.
    pub owner_refused: bool,
}

/// How content comes over a line, as the results say it.
pub fn method_of(line: &Line) -> u8 {
    if line.is_tunnel() {
        method::CONTROL_PLANE
    } else {
        method::DATA_PLANE
    }
}

/// Makes the entries of one batch.
pub struct Maker<'a> {
    job: &'a JobContext<'a>,
    /// None where everything is received and nothing written.
    destination: Option<Destination<'a>>,
    trust: Trust,
    method: u8,
}

impl<'a> Maker<'a> {
    /// A maker beneath the request's destination.
    pub fn new(job: &'a JobContext<'a>, trust: Trust, method: u8) -> Outcome<Self> {
        Ok(Self {
            job,
            destination: if job.request.has(flag::DISCARD) {
                None
            } else {
                Some(Destination::new(job)?)
            },
            trust,
            method,
        })
    }

    /// Checks or makes a parent directory.
    pub fn directory(&mut self, index: usize, item: &Item) -> Outcome<ItemResult> {
        match &mut self.destination {
            Some(destination) => destination.directory(index, item),
            None => Ok(ItemResult::default()),
        }
    }

    /// Puts directories on disk and hands over what was noted about them.
    pub fn close(self, results: &mut Results) {
        if let Some(destination) = self.destination {
            destination.close(results);
        }
    }

    /// Makes an entry that came as a whole, if it is intact.
    pub fn whole(&mut self, index: usize, file: WholeFile) -> Outcome<ItemResult> {
        let item = self.job.request.item(index);
        if !file.is_intact {
            return Err(Fail::new(Status::Corrupt, Step::Write));
        }
        let how = publish_of(item.action)?;
        let WholeFile { entry, content, .. } = file;
        let bytes = content.len() as u64;
        let carried = self.carried(bytes);
        if self.destination.is_none() {
            self.job.add_bytes(bytes);
            return Ok(carried);
        }
        if is_device(entry.look.kind) && !self.trust.metadata {
            return Err(Fail::new(Status::Unsupported, Step::Create));
        }
        let Entry {
            look,
            target,
            xattrs,
        } = entry;
        let (xattrs, mut flags) = self.taken(xattrs);
        let destination = self.destination.as_mut().ok_or(Fail::usage())?;
        let spot = destination.spot(index, &item)?;
        self.job.at(index as u32, Step::Write);
        let made = if look.kind == Kind::File {
            let made = self.small(&spot, &look, xattrs.as_ref(), content, how)?;
            self.job.add_bytes(bytes);
            made
        } else {
            let node = Node {
                metadata: look,
                target: target.to_vec(),
                xattrs,
                set_owner: self.job.request.has(flag::OWNER),
            };
            destination.node(&spot, &node, item.action)?
        };
        flags |= made.flags | self.owner_flag(&spot, &look);
        self.named(&spot);
        Ok(ItemResult {
            bytes,
            method: carried.method,
            flags,
            ..made
        })
    }

    fn small(
        &mut self,
        spot: &Spot<'a>,
        look: &Metadata,
        xattrs: Option<&Xattrs>,
        content: &[u8],
        how: Publish,
    ) -> Outcome<ItemResult> {
        let destination = self.destination.as_mut().ok_or(Fail::usage())?;
        if how == Publish::New {
            let mode = destination.lasting_mode(&spot.dir, look, xattrs);
            let file = destination.in_place(spot, mode)?;
            let age = match mode {
                Some(mode) => Age::NewWithMode(&spot.dir, mode),
                None => Age::New(&spot.dir),
            };
            let made = self.fill_small((spot, age), look, xattrs, content, file.as_fd())?;
            file.finish();
            return Ok(made);
        }
        let file = destination.staged(spot)?;
        let draft = Draft::begin(destination, spot, file, look, 0)?;
        let age = Age::New(&spot.dir);
        let made = self.fill_small((spot, age), look, xattrs, content, draft.as_fd());
        draft.settle(made, spot.name, how)
    }

    fn fill_small(
        &self,
        (spot, age): (&Spot, Age),
        look: &Metadata,
        xattrs: Option<&Xattrs>,
        content: &[u8],
        file: BorrowedFd,
    ) -> Outcome<ItemResult> {
        let mut length_ahead = false;
        if look.may_have_holes() {
            sys::allow_holes(file);
            // Only what was left out makes a hole.
            length_ahead = write_data(file, content, 0)? < look.size;
            if length_ahead {
                sys::truncate(file, look.size).at(Step::Write)?;
            }
        } else {
            write(file, content, 0, false)?;
        }
        let look = self.look(look, xattrs);
        let flush = length_ahead || spot.dir.reports_late();
        finish_file(self.job, spot.index, file, &look, age, flush)
    }

    /// The result of content that came, and was kept or not.
    fn carried(&self, bytes: u64) -> ItemResult {
        ItemResult {
            bytes,
            method: if bytes > 0 { self.method } else { method::NONE },
            ..ItemResult::default()
        }
    }

    fn look<'l>(&self, look: &Metadata, xattrs: Option<&'l Xattrs>) -> Look<'l> {
        Look {
            uid: look.uid,
            gid: look.gid,
            mode: Some(look.mode),
            mtime_ns: look.mtime_ns,
            set_owner: self.job.request.has(flag::OWNER),
            xattrs: xattrs.map(|all| &all[..]),
        }
    }

    /// The attributes that are taken from the peer, and the flag that says whether some are not.
    fn taken(&self, mut xattrs: Xattrs) -> (Option<Xattrs>, u8) {
        if !self.job.request.has(flag::XATTRS) {
            return (None, 0);
        }
        let came = xattrs.len();
        if !self.trust.metadata {
            xattrs.retain(|(name, _)| {
                name.starts_with(b"user.") || name == ACCESS_ACL || name == DEFAULT_ACL
            });
        }
        let dropped = xattrs.len() < came;
        let flags = u8::from(dropped) * result_flag::XATTRS_DROPPED;
        (Some(xattrs), flags)
    }

    /// Says that an owner which was asked for was not given, where it is another than what came of itself.
    fn owner_flag(&self, spot: &Spot, look: &Metadata) -> u8 {
        let other = spot.dir.fresh_owner() != Some((look.uid, look.gid));
        u8::from(self.trust.owner_refused && other) * result_flag::OWNER_DROPPED
    }

    fn named(&mut self, spot: &Spot) {
        if let Some(destination) = &mut self.destination {
            destination.named(spot);
        }
    }
}

fn is_device(kind: Kind) -> bool {
    matches!(kind, Kind::CharDevice | Kind::BlockDevice)
}

/// How the action gives an entry its name.
fn publish_of(action: u16) -> Outcome<Publish> {
    match action {
        action::CREATE => Ok(Publish::New),
        action::REPLACE | action::RESUME => Ok(Publish::Replace),
        _ => Err(Fail::usage()),
    }
}
