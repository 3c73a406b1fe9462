//! The sending side of a batch: reads every item beneath a held root and says what it found.

mod large;

pub(in crate::net) use large::digest_of;

use super::entry::{LOOK_BYTES, pack_entry, pack_look};
use super::part::Part;
use super::record::{
    CONTENT_MOST, DIGEST_BYTES, Header, LEFT_OUT, MISMATCH, READ_AGAIN, Type, pack_fail, parse_fail,
};
use super::wire::{Wait, Wire};
use crate::block::{Item, Kind};
use crate::control::JobContext;
use crate::source::{Source, hides_content, is_recorded, open_unseen, see};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, BorrowedFd, Held, Metadata};
use crate::xattr::Xattrs;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It leads, and may give up.
    Client,
    /// It follows, and hears it.
    Daemon,
}

/// One batch on its way out.
pub struct Sender<'a, 'w, 'l> {
    job: &'a JobContext<'a>,
    wire: &'w mut Wire<'l>,
    role: Role,
    part: Part,
    source: Source<'a>,
    /// The receiver wants no more of the item that is being sent.
    refused: Option<Fail>,
    /// The client gave up.
    is_cancelled: bool,
    /// Where looks and attributes are packed before their record's length is known.
    head: Vec<u8>,
    /// Items that were concluded.
    pub files: u64,
}

impl<'a, 'w, 'l> Sender<'a, 'w, 'l> {
    /// A sender of the request's items.
    pub fn new(job: &'a JobContext<'a>, wire: &'w mut Wire<'l>, role: Role) -> Outcome<Self> {
        Ok(Self {
            job,
            wire,
            role,
            part: Part::of(job.request)?,
            source: Source::new(job, job.source()?),
            refused: None,
            is_cancelled: false,
            head: Vec::new(),
            files: 0,
        })
    }

    /// Sends every item, then `end`; or `cancel`, where the client gives up.
    ///
    /// # Errors
    ///
    /// What broke the stream. An item's failure is its own.
    pub fn run(&mut self) -> Outcome<()> {
        let request = self.job.request;
        for index in 0..request.len() {
            let item = request.item(index);
            if item.kind == Kind::Directory {
                continue;
            }
            if self.job.cancelled() {
                self.give_up()?;
                break;
            }
            self.job.at(index as u32, Step::Process);
            self.refused = None;
            let sent = self.item(index, &item);
            if let Some(fail) = self.wire.broken() {
                return Err(fail);
            }
            if self.is_cancelled {
                break;
            }
            match sent {
                Ok(()) => {}
                Err(_) if self.job.cancelled() => {
                    self.give_up()?;
                    break;
                }
                Err(fail) => {
                    self.send(Type::Fail, 0, index, &pack_fail(fail))?;
                }
            }
            self.files += 1;
            if self.role == Role::Daemon {
                self.job.add_entry();
            }
        }
        match self.role {
            Role::Daemon => self.wire.send_last(Type::End, &[]),
            Role::Client if self.is_cancelled => self.wire.flush(),
            Role::Client => {
                self.wire.send(Type::End, 0, 0, &[])?;
                self.wire.flush()
            }
        }
    }

    /// The run was cancelled here: the client says so, the daemon's session is over.
    fn give_up(&mut self) -> Outcome<()> {
        if self.role == Role::Daemon {
            return self.wire.breach(Fail::cancelled());
        }
        self.is_cancelled = true;
        self.wire.send(Type::Cancel, 0, 0, &[]).map(drop)
    }

    fn item(&mut self, index: usize, item: &Item) -> Outcome<()> {
        let (above, name) = self.job.request.located(index)?;
        let dir = self.source.dir(above)?;
        if item.kind != Kind::File {
            let node = self.source.node(&dir, name, item)?;
            return self.node(index, &node.metadata, &node.target, node.xattrs.as_ref());
        }
        let file = open_unseen(&dir, name)?;
        if item.size <= CONTENT_MOST as u64 && self.part == Part::Whole {
            // The scan's look serves as the one before the reading: one call less for most files of a tree.
            match self.small(index, file.as_fd(), Before::Recorded(item), 0) {
                Ok(None) => return Ok(()),
                Err(fail) if self.is_cancelled || self.wire.broken().is_some() => return Err(fail),
                // Seen properly, what is wrong has a name.
                Ok(Some(_)) | Err(_) => {}
            }
        }
        let mut before = see(&file, item)?;
        let file = file.as_fd();
        if self.part != Part::Whole {
            return self.part(index, item, file, &before);
        }
        for again in [0, READ_AGAIN] {
            let after = if before.size <= CONTENT_MOST as u64 {
                self.small(index, file, Before::Seen(&before), again)?
            } else {
                self.large(index, item, file, before, again)?
            };
            match after {
                None => return Ok(()),
                Some(after) => before = after,
            }
        }
        Err(Fail::new(Status::Changed, Step::Read))
    }

    fn node(
        &mut self,
        index: usize,
        metadata: &Metadata,
        target: &[u8],
        xattrs: Option<&Xattrs>,
    ) -> Outcome<()> {
        let metadata = shown(metadata, &self.job.request.item(index), sys::KEEPS_MODES);
        let left_out = self.pack_head(&metadata, target, xattrs);
        self.head.extend(blake3::hash(&[]).as_bytes());
        let sent = self
            .wire
            .send(Type::File, left_out, index as u32, &self.head)?;
        self.hear_after(sent, index)
    }

    /// Sends a small file in one record, unless it changes meanwhile: then returns what it is now.
    fn small(
        &mut self,
        index: usize,
        file: BorrowedFd,
        before: Before,
        again: u8,
    ) -> Outcome<Option<Metadata>> {
        let (device, size) = before.device_and_size();
        let xattrs = self.source.xattrs(Held::open(file), device)?;
        let flags = again | self.pack_head(&Metadata::default(), &[], xattrs.as_ref());
        let (head, size) = (self.head.len(), size as usize);
        let length = head + size + DIGEST_BYTES;
        let payload = self.wire.place(Type::File, flags, index as u32, length);
        payload[..head].copy_from_slice(&self.head);
        let content = &mut payload[head..head + size];
        let read = read_whole(file, content, 0).and_then(|is_whole| {
            let after = sys::stat_fd(file).at(Step::Stat)?;
            Ok((is_whole && before.is_still(&after), after))
        });
        let after = match read {
            Ok((true, after)) => after,
            Ok((false, after)) => {
                self.wire.retract(length);
                return Ok(Some(after));
            }
            Err(fail) => {
                self.wire.retract(length);
                return Err(fail);
            }
        };
        let digest = blake3::hash(content);
        payload[head + size..].copy_from_slice(digest.as_bytes());
        let look = shown(&after, &self.job.request.item(index), sys::KEEPS_MODES);
        payload[..LOOK_BYTES].copy_from_slice(&pack_look(&look));
        self.job.add_bytes(size as u64);
        // A receiver that takes nothing is one that flushes.
        self.job.at(index as u32, Step::Flush);
        let sent = self.wire.sent()?;
        self.hear_after(sent, index)?;
        Ok(None)
    }

    /// Packs what stands before the content; returns the record's flag where attributes don't fit.
    fn pack_head(&mut self, metadata: &Metadata, target: &[u8], xattrs: Option<&Xattrs>) -> u8 {
        self.head.clear();
        let xattrs = xattrs.map_or(&[][..], |all| all);
        match pack_entry(metadata, target, xattrs, &mut self.head) {
            true => 0,
            false => LEFT_OUT,
        }
    }

    /// Adds a record about an item, and listens where something was written.
    fn send(&mut self, kind: Type, flags: u8, index: usize, payload: &[u8]) -> Outcome<()> {
        let sent = self.wire.send(kind, flags, index as u32, payload)?;
        self.hear_after(sent, index)
    }

    fn hear_after(&mut self, written: bool, index: usize) -> Outcome<()> {
        if written { self.hear(index) } else { Ok(()) }
    }

    /// Takes in what the receiver said, without waiting for anything.
    fn hear(&mut self, index: usize) -> Outcome<()> {
        while let Some(header) = self.wire.poll(Wait::Job(self.job))? {
            self.heed(header, index)?;
        }
        Ok(())
    }

    /// Takes in one record of the receiver's that is no answer.
    fn heed(&mut self, header: Header, index: usize) -> Outcome<()> {
        match header.kind {
            Type::Fail => {
                if header.item as usize == index {
                    self.refused = Some(parse_fail(self.wire.payload()));
                }
                Ok(())
            }
            // What the receiver still had of a file that has gone its way.
            Type::Have => Ok(()),
            Type::Cancel if self.role == Role::Daemon => {
                self.is_cancelled = true;
                Err(Fail::cancelled())
            }
            _ => self.wire.breach(MISMATCH),
        }
    }
}

/// What the receiver is told of an entry. Where no modes are kept here, it is the one that the planner chose: that of what is
/// replaced there.
fn shown(now: &Metadata, item: &Item, keeps_modes: bool) -> Metadata {
    let mode = if keeps_modes { now.mode } else { item.mode };
    Metadata { mode, ..*now }
}

/// What a small file was before it was read.
#[derive(Clone, Copy)]
enum Before<'i> {
    /// As the scan saw it.
    Recorded(&'i Item<'i>),
    /// As it was just seen.
    Seen(&'i Metadata),
}

impl Before<'_> {
    fn device_and_size(self) -> (u64, u64) {
        match self {
            Before::Recorded(item) => (item.device, item.size),
            Before::Seen(metadata) => (metadata.device, metadata.size),
        }
    }

    fn is_still(self, now: &Metadata) -> bool {
        match self {
            Before::Recorded(item) => is_recorded(item, now),
            Before::Seen(metadata) => !metadata.content_changed(now),
        }
    }
}

/// Fills `content` from a file's `offset` on; false where the file ends before.
fn read_whole(file: BorrowedFd, content: &mut [u8], offset: u64) -> Outcome<bool> {
    if content.is_empty() && offset == 0 {
        return Ok(!hides_content(file)?);
    }
    let mut done = 0;
    while done < content.len() {
        let got = sys::read_at(file, &mut content[done..], offset + done as u64).at(Step::Read)?;
        if got == 0 {
            return Ok(false);
        }
        done += got;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_modes_of_its_own_a_sender_tells_the_ones_that_the_planner_chose() {
        let now = Metadata {
            mode: 0o644,
            size: 7,
            ..Metadata::default()
        };
        let item = Item::of(&Metadata {
            mode: 0o600,
            ..Metadata::default()
        });
        assert_eq!(shown(&now, &item, true), now);
        let chosen = Metadata { mode: 0o600, ..now };
        assert_eq!(shown(&now, &item, false), chosen);
    }
}
