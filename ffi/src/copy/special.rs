//! Copying what has no content: symlinks, FIFOs, sockets, devices.

use super::batch::{Batch, Place};
use crate::block::Kind;
use crate::node::Node;
use crate::request::{action, flag};
use crate::results::{ItemResult, result_flag};
use crate::status::{AtStep, Fail, Outcome, Status, Step};
use crate::sys::{self, AsFd, Errno, Holder};

/// Makes one entry like the source's: under its name where it is new, else staged and renamed.
pub(super) fn copy(batch: &mut Batch, place: &Place) -> Outcome<ItemResult> {
    let node = read(batch, place)?;
    let result = match place.item.action {
        action::CREATE => node.create(&place.to, place.new_name)?,
        action::REPLACE => node.replace(&place.to, place.new_name, batch.job.request.run)?,
        _ => return Err(Fail::usage()),
    };
    if result.flags & result_flag::DIRECTORY_WIDENED != 0 {
        batch.note_widened(place);
    }
    Ok(ItemResult {
        flags: result.flags & !result_flag::DIRECTORY_WIDENED,
        ..result
    })
}

/// The source entry as it is now: what the scan saw may be minutes old.
fn read(batch: &mut Batch, place: &Place) -> Outcome<Node> {
    let changed = Fail::new(Status::Changed, Step::Stat);
    let (kind, inode) = (place.item.kind, place.item.inode);
    let metadata = sys::stat_name(&*place.from, place.name).at(Step::Stat)?;
    if metadata.kind != kind || (inode != 0 && inode != metadata.inode) {
        return Err(changed);
    }
    let target = match kind {
        Kind::Symlink => match sys::read_link(&*place.from, place.name) {
            // A file by now.
            Err(Errno::INVAL) => return Err(changed),
            other => other.at(Step::ReadLink)?,
        },
        _ => Vec::new(),
    };
    // On a symlink only the system's own namespaces exist, which nobody but root may write.
    let none = kind == Kind::Symlink && sys::effective_uid() != 0;
    let xattrs = if none || !batch.job.request.has(flag::XATTRS) {
        None
    } else {
        let holder = Holder::open(place.from.as_fd(), place.name, kind).at(Step::Open)?;
        batch.xattrs(holder.held(), &metadata)?
    };
    Ok(Node {
        metadata,
        target,
        xattrs,
        set_owner: batch.job.request.has(flag::OWNER),
    })
}
