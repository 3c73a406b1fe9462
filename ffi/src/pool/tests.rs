use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use super::*;
use crate::block::{Item, NO_PARENT, u32_at, u64_at};
use crate::testing::Head;

const WAIT: Duration = Duration::from_secs(10);

fn submit(pool: &Pool, op: Op, job: u64, slot: u32) {
    let head = Head {
        job,
        slot,
        ..Head::new(op)
    };
    pool.submit(head.pack(
        &[Item {
            parent: NO_PARENT,
            ..Item::default()
        }],
        b"",
    ))
    .unwrap();
}

/// Collects until `count` jobs ended; job, type and first payload word of every last frame.
fn collect(pool: &Pool, count: usize) -> Vec<(u64, u8, u32)> {
    let mut out = vec![0; 1 << 16];
    let mut ended = Vec::new();
    while ended.len() < count {
        let Collected::Bytes(bytes) = pool.collect(&mut out, WAIT) else {
            panic!("no frames")
        };
        assert_ne!(bytes, 0, "timed out with {ended:?}");
        let mut at = 0;
        while at < bytes {
            if out[at + 13] == 1 {
                ended.push((u64_at(&out, at), out[at + 12], u32_at(&out, at + 24)));
            }
            at += u32_at(&out, at + 8) as usize;
        }
        assert_eq!(at, bytes);
    }
    ended
}

fn answer(job: &JobContext) -> Outcome<()> {
    job.emit_results(vec![0; 64]);
    Ok(())
}

fn until_cancelled(job: &JobContext) -> Outcome<()> {
    while !job.cancelled() {
        thread::sleep(Duration::from_millis(1));
    }
    Err(Fail::cancelled())
}

#[test]
fn every_submitted_job_ends_once() {
    let pool = Pool::open_with(4, Control::leaked(), answer).unwrap();
    for job in 0..500 {
        submit(&pool, Op::Copy, job, 0);
    }
    let mut jobs: Vec<_> = collect(&pool, 500)
        .into_iter()
        .map(|(job, ..)| job)
        .collect();
    jobs.sort_unstable();
    assert_eq!(jobs, (0..500).collect::<Vec<_>>());
    pool.close().unwrap();
}

#[test]
fn a_panic_becomes_a_bug_and_the_worker_lives_on() {
    fn panics(job: &JobContext) -> Outcome<()> {
        assert!(job.request.job != 1, "a panic on purpose");
        answer(job)
    }
    let pool = Pool::open_with(1, Control::leaked(), panics).unwrap();
    submit(&pool, Op::Copy, 1, 0);
    submit(&pool, Op::Copy, 2, 0);
    assert_eq!(collect(&pool, 2), [(1, 5, Status::Bug as u32), (2, 2, 0)]);
    pool.close().unwrap();
}

#[test]
fn cancelling_a_run_ends_its_jobs_and_no_others() {
    let pool = Pool::open_with(2, Control::leaked(), until_cancelled).unwrap();
    submit(&pool, Op::Copy, 1, 3);
    submit(&pool, Op::Copy, 2, 4);
    pool.shared.control.cancel(3);
    assert_eq!(collect(&pool, 1), [(1, 5, Status::Cancelled as u32)]);
    let mut out = [0; 64];
    assert_eq!(
        pool.collect(&mut out, Duration::from_millis(50)),
        Collected::Bytes(0)
    );
    pool.close().unwrap();
}

#[test]
fn listings_go_before_other_work() {
    static GATE: AtomicBool = AtomicBool::new(false);
    static ORDER: StdMutex<Vec<u64>> = StdMutex::new(Vec::new());
    fn recorded(job: &JobContext) -> Outcome<()> {
        while job.request.job == 0 && !GATE.load(SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        ORDER.lock().unwrap().push(job.request.job);
        answer(job)
    }
    let pool = Pool::open_with(1, Control::leaked(), recorded).unwrap();
    submit(&pool, Op::Copy, 0, 0);
    for (job, op) in [(1, Op::Copy), (2, Op::Scan), (3, Op::Hash), (4, Op::Stat)] {
        submit(&pool, op, job, 0);
    }
    // The worker may have started with any of them; whatever waited behind job 0 is ordered.
    GATE.store(true, SeqCst);
    collect(&pool, 5);
    let order = ORDER.lock().unwrap().clone();
    let waited: Vec<_> = order.into_iter().filter(|&job| job != 0).collect();
    assert_eq!(waited, [2, 4, 1, 3]);
    pool.close().unwrap();
}

#[test]
fn resizing_changes_how_many_jobs_run_at_once() {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    fn counted(job: &JobContext) -> Outcome<()> {
        let now = RUNNING.fetch_add(1, SeqCst) + 1;
        MOST.fetch_max(now, SeqCst);
        thread::sleep(Duration::from_millis(5));
        RUNNING.fetch_sub(1, SeqCst);
        answer(job)
    }
    let pool = Pool::open_with(1, Control::leaked(), counted).unwrap();
    for (threads, jobs) in [(1, 8), (6, 60), (2, 20), (6, 60)] {
        pool.resize(threads).unwrap();
        MOST.store(0, SeqCst);
        for job in 0..jobs {
            submit(&pool, Op::Copy, job, 0);
        }
        collect(&pool, jobs as usize);
        let most = MOST.load(SeqCst);
        assert!(most <= threads as usize, "{most} of {threads}");
        assert!(threads == 1 || most > 1, "{most} of {threads}");
    }
    assert_eq!(pool.resize(0).unwrap_err().status, Status::Usage);
    assert_eq!(pool.resize(65).unwrap_err().status, Status::Usage);
    pool.close().unwrap();
}

#[test]
fn a_frame_that_does_not_fit_is_kept_and_its_size_told() {
    let pool = Pool::open_with(1, Control::leaked(), answer).unwrap();
    submit(&pool, Op::Copy, 9, 0);
    let mut out = [0; 88];
    assert_eq!(pool.collect(&mut out[..87], WAIT), Collected::TooSmall(88));
    assert_eq!(pool.collect(&mut out, WAIT), Collected::Bytes(88));
    assert_eq!(u64_at(&out, 0), 9);
    pool.close().unwrap();
}

#[test]
fn closing_wakes_the_collector_and_refuses_more() {
    let pool = Pool::open_with(2, Control::leaked(), until_cancelled).unwrap();
    submit(&pool, Op::Copy, 1, 0);
    let collector = {
        let pool = Arc::clone(&pool);
        thread::spawn(move || pool.collect(&mut [0; 64], WAIT))
    };
    thread::sleep(Duration::from_millis(20));
    let start = Instant::now();
    pool.close().unwrap();
    assert_eq!(collector.join().unwrap(), Collected::Closed);
    assert!(start.elapsed() < WAIT / 2);
    let request = Head::new(Op::Copy).pack(&[], b"");
    assert_eq!(pool.submit(request).unwrap_err().status, Status::Cancelled);
    assert_eq!(pool.resize(1).unwrap_err().status, Status::Cancelled);
}

#[test]
fn a_worker_that_the_kernel_holds_is_left_behind() {
    fn held(_: &JobContext) -> Outcome<()> {
        thread::sleep(2 * WAIT);
        Ok(())
    }
    let pool = Pool::open_with(1, Control::leaked(), held).unwrap();
    submit(&pool, Op::Copy, 1, 0);
    thread::sleep(Duration::from_millis(50));
    let start = Instant::now();
    assert_eq!(pool.close().unwrap_err().status, Status::Busy);
    assert!(start.elapsed() < WAIT);
}

#[test]
fn a_malformed_request_is_refused_at_submission() {
    let pool = Pool::open_with(1, Control::leaked(), answer).unwrap();
    assert_eq!(pool.submit(vec![0; 64]).unwrap_err().status, Status::Usage);
    pool.close().unwrap();
}
