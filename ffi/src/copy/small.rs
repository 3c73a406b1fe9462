//! Copying one small new file: read whole before anything is made.
//!
//! The scan's look at the source is the one before the reading, so one more, after it, tells that what was
//! read is one version. Most files of a tree come this way; each call saved is saved for every one of them.

use super::batch::{Batch, Place};
use super::file::{Target, complete};
use super::ladder::{COPY_RANGE_ABOVE, Copied};
use crate::buffer::with_buffer;
use crate::request::action;
use crate::results::{ItemResult, method};
use crate::source::{hides_content, is_recorded};
use crate::status::{AtStep, Outcome, Step};
use crate::sys::{self, AsFd, Held};

/// Copies the file where it still is what was recorded, and a buffer is the best way.
///
/// `None`: nothing was made, and the general way is to be gone, which also says what is wrong.
pub(super) fn copy(batch: &mut Batch, place: &Place) -> Outcome<Option<ItemResult>> {
    let (item, dir) = (&place.item, &place.to.dir);
    if item.action != action::CREATE || item.size > COPY_RANGE_ABOVE || item.may_have_holes() {
        return Ok(None);
    }
    let device = dir.device()?;
    let pair = batch.pair(item.device, device);
    if pair.may_reflink(item.size, item.mtime_ns, batch.began_ns) {
        return Ok(None);
    }
    let Ok(source) = place.from.open_file(place.name) else {
        return Ok(None);
    };
    with_buffer(|buffer| {
        let content = &mut buffer[..item.size as usize];
        // Nothing but a file is read: where a FIFO took its place, an offset is refused.
        let is_whole = match content.is_empty() {
            true => matches!(hides_content(source.as_fd()), Ok(false)),
            false => sys::read_at(source.as_fd(), content, 0) == Ok(content.len()),
        };
        if !is_whole {
            return Ok(None);
        }
        let after = sys::stat_fd(&source).at(Step::Stat)?;
        if !is_recorded(item, &after) {
            return Ok(None);
        }
        let xattrs = batch
            .source()?
            .xattrs(Held::open(source.as_fd()), after.device)?;
        let destination = batch.destination()?;
        let mode = destination.lasting_mode(dir, &after, xattrs.as_ref());
        let file = destination.in_place(&place.to, mode)?;
        sys::write_all_at(file.as_fd(), content, 0).at(Step::Write)?;
        batch.job.add_bytes(item.size);
        let copied = Copied {
            bytes: item.size,
            method: match item.size {
                0 => method::NONE,
                _ => method::READ_WRITE,
            },
            ..Copied::default()
        };
        let target = Target {
            file: file.as_fd(),
            device,
            mode,
            known: None,
            start: 0,
        };
        let result = complete(
            batch,
            place,
            source.as_fd(),
            &target,
            &copied,
            &after,
            xattrs,
        )?;
        file.finish();
        Ok(Some(result))
    })
}
