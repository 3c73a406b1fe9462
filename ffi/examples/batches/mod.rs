//! What the examples share: batches of every file below a directory, and waiting for their results.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use blit_native::block::{BlockWriter, Header, Item, Kind, NO_PARENT, u32_at};
use blit_native::frame::Collected;
use blit_native::pool::Pool;
use blit_native::request::{Op, action, flag};
use blit_native::results::RESULT_BYTES;
use blit_native::sys;

const BATCH_FILES: usize = 512;

struct Batch {
    directory: Vec<u8>,
    names: Vec<(Vec<u8>, sys::Metadata)>,
}

/// What the batches are to do.
pub struct Target {
    pub op: Op,
    pub source: u32,
    pub destination: u32,
    /// Streams that take turns; none for a local copy.
    pub streams: Vec<u32>,
}

/// A request for every directory below `from`, in pieces of 512 files.
pub fn requests(from: &Path, to: &Target) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    list(from, &mut Vec::new(), &mut batches);
    let jobs = batches.iter().zip(1..);
    jobs.map(|(batch, job)| pack(batch, job, to)).collect()
}

/// Collects until so many jobs are done; returns how many items there were, and how many failed.
pub fn collect(pool: &Arc<Pool>, jobs: usize) -> (usize, usize) {
    let mut out = vec![0; 1 << 20];
    let (mut done, mut files, mut failed) = (0, 0, 0);
    while done < jobs {
        let Collected::Bytes(written) = pool.collect(&mut out, Duration::from_secs(1)) else {
            panic!("a frame of more than a MiB");
        };
        let mut at = 0;
        while at < written {
            let payload = u32_at(&out, at + 16) as usize;
            for result in out[at + 24..][..payload].chunks_exact(RESULT_BYTES) {
                files += 1;
                failed += usize::from(u32_at(result, 0) != 0);
            }
            done += 1;
            at += u32_at(&out, at + 8) as usize;
        }
    }
    (files, failed)
}

fn list(directory: &Path, path: &mut Vec<u8>, batches: &mut Vec<Batch>) {
    let held = fs::File::open(directory).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name();
        let metadata = sys::stat_name(&held, name.as_bytes()).unwrap();
        if metadata.kind == Kind::Directory {
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend(name.as_bytes());
            list(&directory.join(&name), path, batches);
            path.truncate(length);
        } else {
            names.push((name.as_bytes().to_vec(), metadata));
        }
    }
    for chunk in names.chunks(BATCH_FILES) {
        batches.push(Batch {
            directory: path.clone(),
            names: chunk.to_vec(),
        });
    }
}

fn pack(batch: &Batch, job: u64, to: &Target) -> Vec<u8> {
    let mut writer = BlockWriter::new(batch.names.len() + 1, 0);
    writer.set(
        0,
        &Item {
            name: &batch.directory,
            kind: Kind::Directory,
            action: action::PARENT_CREATE,
            parent: NO_PARENT,
            ..Item::default()
        },
    );
    for ((name, metadata), i) in batch.names.iter().zip(1..) {
        writer.set(
            i,
            &Item {
                name,
                action: action::CREATE,
                parent: 0,
                ..Item::of(metadata)
            },
        );
    }
    let mut bytes = vec![0; 64];
    (bytes[0], bytes[1]) = (1, to.op as u8);
    bytes[4..8].copy_from_slice(&(flag::OWNER | flag::XATTRS).to_le_bytes());
    bytes[8..16].copy_from_slice(&job.to_le_bytes());
    bytes[16..20].copy_from_slice(&to.source.to_le_bytes());
    bytes[20..24].copy_from_slice(&to.destination.to_le_bytes());
    bytes[24..32].copy_from_slice(&1u64.to_le_bytes());
    let stream = to.streams.get(job as usize % to.streams.len().max(1));
    let stream = u64::from(stream.copied().unwrap_or(0));
    bytes[32..40].copy_from_slice(&stream.to_le_bytes());
    bytes.extend(writer.finish(&Header::default()));
    bytes
}
