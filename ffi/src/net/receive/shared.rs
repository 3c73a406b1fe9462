//! Receiving one part of a file that several streams share.

use super::Receiver;
use super::large::{Ended, Stop};
use crate::net::entry::Entry;
use crate::net::part::Part;
use crate::net::record::{Type, VOID};
use crate::results::ItemResult;
use crate::status::Outcome;

impl Receiver<'_, '_, '_> {
    /// Receives one part.
    ///
    /// # Errors
    ///
    /// What ends the batch.
    pub(super) fn part(&mut self, index: usize, entry: Entry, part: Part) -> Outcome<Ended> {
        let done = match part {
            Part::Open => return Ok(Ended::Concluded(self.maker.open(index, entry))),
            Part::Ranges { first, end } => self.stretch(index, &entry, first, end),
            Part::Finish | Part::Whole => self.last(index, entry),
        };
        match done {
            Ok(result) => Ok(Ended::Concluded(Ok(result))),
            Err(Stop::There(fail)) => Ok(Ended::Concluded(Err(fail))),
            Err(Stop::Here(fail)) => Ok(Ended::Refused(fail)),
            Err(Stop::Void) => {
                self.maker.drop_open(index);
                Ok(Ended::Void)
            }
            Err(Stop::Stream(fail)) => {
                self.conclude(index, Err(fail));
                Err(fail)
            }
        }
    }

    fn stretch(
        &mut self,
        index: usize,
        entry: &Entry,
        first: u64,
        end: u64,
    ) -> Result<ItemResult, Stop> {
        let mut stretch = self
            .maker
            .stretch(index, &entry.look, first, end)
            .map_err(Stop::Here)?;
        loop {
            match self.next_about(index)? {
                (Type::Range, _) => self.range(&mut stretch)?,
                (Type::Done, VOID) => return Err(Stop::Void),
                (Type::Done, _) if stretch.is_complete() => {
                    return Ok(self.maker.end_stretch(stretch));
                }
                (Type::Fail, _) => return Err(self.failed_there()),
                _ => return self.stop(),
            }
        }
    }

    fn last(&mut self, index: usize, entry: Entry) -> Result<ItemResult, Stop> {
        match self.next_about(index)? {
            (Type::Done, VOID) => Err(Stop::Void),
            // The item is concluded on both sides: only the result says how.
            (Type::Done, _) => self.maker.close_open(index, entry).map_err(Stop::There),
            (Type::Fail, _) => Err(self.failed_there()),
            _ => self.stop(),
        }
    }
}
