//! The parts of a file that several streams share: see [`crate::net::part`].

use super::large::{Large, To};
use super::{Maker, publish_of};
use crate::finish::{Age, finish_file};
use crate::holes::grow;
use crate::net::entry::Entry;
use crate::net::part::{self, OpenFile};
use crate::results::ItemResult;
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, Metadata};

impl<'a> Maker<'a> {
    /// Makes the staged file and holds it for the other parts.
    pub fn open(&mut self, index: usize, entry: Entry) -> Outcome<ItemResult> {
        let item = self.job.request.item(index);
        publish_of(item.action)?;
        if let Some(destination) = &mut self.destination {
            let spot = destination.spot(index, &item)?;
            self.job.at(index as u32, Step::Create);
            let file = destination.staged(&spot)?;
            // Others will write behind what isn't there yet.
            sys::allow_holes(file.as_fd());
            if entry.look.may_have_holes() {
                grow(file.as_fd(), entry.look.size)?;
            }
            let open = OpenFile::new(file, spot.dir, &entry.look);
            part::hold(part::key_of(self.job.request, index), open)?;
        }
        Ok(ItemResult::default())
    }

    /// Begins the stretch from `first` to `end`, or to the file's end.
    pub fn stretch(
        &mut self,
        index: usize,
        look: &Metadata,
        first: u64,
        end: u64,
    ) -> Outcome<Large<'a>> {
        let item = self.job.request.item(index);
        let to = match self.destination {
            None => To::Nowhere,
            Some(_) => {
                let file = part::get(&part::key_of(self.job.request, index))?;
                file.expect(look)?;
                To::Shared(file)
            }
        };
        let mut stretch = Large::new(index, to, *look, publish_of(item.action)?);
        stretch.limit(first, end);
        Ok(stretch)
    }

    /// Notes that a stretch is there.
    pub fn end_stretch(&self, mut stretch: Large) -> ItemResult {
        let (first, end) = stretch.stretch();
        self.count(&mut stretch, end);
        if let To::Shared(file) = &stretch.to {
            file.add(first, end);
        }
        self.carried(stretch.bytes)
    }

    /// Ends a file that is void.
    pub fn drop_open(&mut self, index: usize) {
        // Where another part is on its way, the file goes when that ends.
        drop(part::take(&part::key_of(self.job.request, index)));
    }

    /// Finishes a file whose parts are all there, and gives it its name.
    pub fn close_open(&mut self, index: usize, entry: Entry) -> Outcome<ItemResult> {
        let item = self.job.request.item(index);
        let how = publish_of(item.action)?;
        let (xattrs, flags) = self.taken(entry.xattrs);
        let Some(destination) = &mut self.destination else {
            return Ok(ItemResult::default());
        };
        let spot = destination.spot(index, &item)?;
        let open = part::take(&part::key_of(self.job.request, index))?;
        open.expect(&entry.look)?;
        if !open.is_whole() {
            return Err(Fail::new(Status::Corrupt, Step::Write));
        }
        let size = entry.look.size;
        sys::truncate(&open, size).at(Step::Write)?;
        let look = self.look(&entry.look, xattrs.as_ref());
        let age = Age::New(&open.dir);
        // Whoever wrote the file's end first set its length ahead of the rest.
        let made = finish_file(self.job, index, open.as_fd(), &look, age, true)?;
        let OpenFile { file, .. } = open;
        file.publish(spot.name, how)?;
        let flags = flags | made.flags | self.owner_flag(&spot, &entry.look);
        self.named(&spot);
        Ok(ItemResult {
            flags,
            method: self.method,
            ..made
        })
    }
}
