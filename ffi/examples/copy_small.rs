//! Measures the copy operation alone: every file below one directory to another, in batches of 512, on two
//! workers, without the planner.
//!
//! `cargo run --release --example copy_small -- FROM TO [threads]`; TO must not exist. For calls per file:
//! `strace -fc` before it.

mod batches;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;
use std::{env, process};

use batches::Target;
use blit_native::control::Control;
use blit_native::pool::Pool;
use blit_native::request::Op;
use blit_native::root::{self, Root};

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
    let open =
        |path: &std::ffi::OsStr, flags| root::add(Root::open_at(path.as_bytes(), flags).unwrap());
    let target = Target {
        op: Op::Copy,
        source: open(from, 0),
        destination: open(to, root::MAKE),
        streams: Vec::new(),
    };
    let requests = batches::requests(Path::new(from), &target);

    let pool = Pool::open(threads, Control::leaked()).unwrap();
    let began = Instant::now();
    let jobs = requests.len();
    requests
        .into_iter()
        .for_each(|request| pool.submit(request).unwrap());
    let (files, failed) = batches::collect(&pool, jobs);
    let took = began.elapsed();
    let each = took.as_secs_f64() * 1e6 / files as f64;
    println!("{files} items, {failed} failed, {took:.3?}, {each:.1} us each, {threads} threads");
    pool.close().unwrap();
}
