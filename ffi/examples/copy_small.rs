//! Measures the copy operation alone: every file below one directory to another, in batches of 512, on two
//! workers, without the planner.
//!
//! `cargo run --release --example copy_small -- FROM TO [threads]`; TO must not exist. For calls per file:
//! `strace -fc` before it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use blit_native::block::{BlockWriter, Header, Item, Kind, NO_PARENT, u32_at};
use blit_native::control::Control;
use blit_native::frame::Collected;
use blit_native::pool::Pool;
use blit_native::request::{action, flag};
use blit_native::results::RESULT_BYTES;
use blit_native::root::{self, Root};
use blit_native::sys;

const BATCH_FILES: usize = 512;

struct Batch {
    directory: Vec<u8>,
    names: Vec<(Vec<u8>, sys::Metadata)>,
}

fn main() {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [from, to, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: copy_small FROM TO [threads]");
        process::exit(64);
    };
    let threads = rest
        .first()
        .and_then(|n| n.to_str()?.parse().ok())
        .unwrap_or(2);
    let mut batches = Vec::new();
    list(Path::new(from), &mut Vec::new(), &mut batches);
    let open =
        |path: &std::ffi::OsStr, flags| root::add(Root::open_at(path.as_bytes(), flags).unwrap());
    let (source, destination) = (open(from, 0), open(to, root::MAKE));
    let requests: Vec<Vec<u8>> = batches
        .iter()
        .zip(1..)
        .map(|(batch, job)| pack(batch, job, source, destination))
        .collect();

    let pool = Pool::open(threads, Control::leaked()).unwrap();
    let began = Instant::now();
    let jobs = requests.len();
    requests
        .into_iter()
        .for_each(|request| pool.submit(request).unwrap());
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
    let took = began.elapsed();
    let each = took.as_secs_f64() * 1e6 / files as f64;
    println!("{files} items, {failed} failed, {took:.3?}, {each:.1} us each, {threads} threads");
    pool.close().unwrap();
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

fn pack(batch: &Batch, job: u64, source: u32, destination: u32) -> Vec<u8> {
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
    (bytes[0], bytes[1]) = (1, 4);
    bytes[4..8].copy_from_slice(&(flag::OWNER | flag::XATTRS).to_le_bytes());
    bytes[8..16].copy_from_slice(&job.to_le_bytes());
    bytes[16..20].copy_from_slice(&source.to_le_bytes());
    bytes[20..24].copy_from_slice(&destination.to_le_bytes());
    bytes[24..32].copy_from_slice(&1u64.to_le_bytes());
    bytes.extend(writer.finish(&Header::default()));
    bytes
}
