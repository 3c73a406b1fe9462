//! Copying a batch: parents are made as needed, then every entry by its kind.

mod batch;
mod discard;
mod file;
mod ladder;
mod resume;
mod small;
mod sparse;

#[cfg(test)]
mod tests;

use crate::block::Kind;
use crate::control::JobContext;
use crate::results::Results;
use crate::status::{Fail, Outcome, Step};
use batch::Batch;

/// Copies every item; one that fails fails alone. Once the run is cancelled, the rest is `cancelled`.
pub fn run(job: &JobContext, results: &mut Results) -> Outcome<()> {
    let request = job.request;
    let mut batch = Batch::new(job)?;
    for i in 0..request.len() {
        if job.cancelled() {
            results.fail_from(i, Fail::cancelled());
            break;
        }
        job.at(i as u32, Step::Process);
        let item = request.item(i);
        let outcome = match item.kind {
            Kind::Directory => batch.directory(i, &item),
            _ => batch.entry(i, &item),
        };
        match outcome {
            Ok(result) => results.set(i, result),
            Err(fail) => results.fail(i, fail),
        }
        job.add_entry();
    }
    batch.close(results);
    Ok(())
}
