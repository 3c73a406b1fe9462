//! What the items of one batch share: where they come from and go to, what is known of their file systems.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::ladder::{Pair, Pairs};
use super::{discard, file};
use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::destination::{Destination, Spot};
use crate::dirs::Dir;
use crate::request::{action, flag};
use crate::results::{ItemResult, Results};
use crate::source::Source;
use crate::status::{Fail, Outcome};

/// One batch on its way.
pub(super) struct Batch<'a> {
    pub job: &'a JobContext<'a>,
    /// None where the batch only makes directories.
    source: Option<Source<'a>>,
    /// None where everything is read and nothing written.
    destination: Option<Destination<'a>>,
    pairs: Pairs,
    /// Nanoseconds since 1970, when the batch began.
    pub began_ns: i64,
}

/// Where one item comes from and goes to.
pub(super) struct Place<'a> {
    pub item: Item<'a>,
    pub from: Arc<Dir>,
    /// Name in the source directory.
    pub name: &'a [u8],
    pub to: Spot<'a>,
}

impl<'a> Batch<'a> {
    pub fn new(job: &'a JobContext<'a>) -> Outcome<Self> {
        Ok(Self {
            job,
            source: match job.request.source {
                0 => None,
                _ => Some(Source::new(job, job.source()?)),
            },
            destination: if job.request.has(flag::DISCARD) {
                None
            } else {
                Some(Destination::new(job)?)
            },
            pairs: Pairs::default(),
            began_ns: now_ns(),
        })
    }

    /// Checks or makes a parent directory.
    pub fn directory(&mut self, index: usize, item: &Item) -> Outcome<ItemResult> {
        match &mut self.destination {
            Some(destination) => destination.directory(index, item),
            None => Ok(ItemResult::default()),
        }
    }

    /// Copies anything but a directory.
    pub fn entry(&mut self, index: usize, item: &Item<'a>) -> Outcome<ItemResult> {
        let item = *item;
        if !matches!(
            item.action,
            action::CREATE | action::REPLACE | action::RESUME
        ) {
            return Err(Fail::usage());
        }
        let (above, name) = self.job.request.located(index)?;
        let from = self.source()?.dir(above)?;
        let Some(destination) = &mut self.destination else {
            return discard::read(self.job, &from, name, &item);
        };
        let place = Place {
            item,
            from,
            name,
            to: destination.spot(index, &item)?,
        };
        let copied = match item.kind {
            Kind::File => file::copy(self, &place),
            Kind::Unknown | Kind::Directory => Err(Fail::usage()),
            _ => self.node(&place),
        }?;
        self.destination()?.named(&place.to);
        Ok(copied)
    }

    /// Copies what has no content: a symlink, FIFO, socket or device.
    fn node(&mut self, place: &Place<'a>) -> Outcome<ItemResult> {
        let node = self.source()?.node(&place.from, place.name, &place.item)?;
        self.destination()?
            .node(&place.to, &node, place.item.action)
    }

    /// What this pair of file systems is known to do.
    pub fn pair(&mut self, from: u64, to: u64) -> Arc<Pair> {
        self.pairs.get(from, to)
    }

    /// Where entries come from.
    pub fn source(&mut self) -> Outcome<&mut Source<'a>> {
        self.source.as_mut().ok_or(Fail::usage())
    }

    /// Where entries go to.
    pub fn destination(&mut self) -> Outcome<&mut Destination<'a>> {
        self.destination.as_mut().ok_or(Fail::usage())
    }

    /// Puts directories on disk and hands over what was noted about them.
    pub fn close(self, results: &mut Results) {
        if let Some(destination) = self.destination {
            destination.close(results);
        }
    }
}

fn now_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
        })
}
