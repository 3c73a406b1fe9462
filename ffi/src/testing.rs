//! What tests share: requests built from items, and jobs run without a pool.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use crate::block::{BlockWriter, Header, Item, Layout, u32_at, u64_at};
use crate::control::{Control, JobContext, Shared};
use crate::frame::{Frame, FrameType};
use crate::request::{Op, Request};
use crate::results::{RESULT_BYTES, Results};
use crate::root::{self, Root};
use crate::status::Outcome;
use crate::sys::{self, Metadata};

/// A root, not registered.
pub fn root_at(path: &Path) -> Root {
    Root::open_at(path.as_os_str().as_encoded_bytes(), 0).unwrap()
}

/// A registered root's handle.
pub fn handle_at(path: &Path) -> u32 {
    root::add(root_at(path))
}

/// Says aloud that the running test can't do its work here: the gate counts such lines.
pub fn skip(reason: impl Display) {
    let thread = std::thread::current();
    let line = format!("SKIP: {}: {reason}\n", thread.name().unwrap_or("?"));
    // Not by eprint, which the test harness keeps to itself while a test passes.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A temporary directory that no disk slows down, where there is one.
pub fn in_memory() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// Metadata of the entry at a path, not following a link at its end.
pub fn stat(path: &Path) -> Metadata {
    let (dir, name) = (path.parent().unwrap(), path.file_name().unwrap());
    let dir = sys::open_followed(dir.as_os_str().as_encoded_bytes()).unwrap();
    sys::stat_name(dir, name.as_encoded_bytes()).unwrap()
}

/// Everything of a request but its items.
#[derive(Clone, Copy)]
pub struct Head {
    /// Operation.
    pub op: Op,
    /// Flags.
    pub flags: u32,
    /// Job number.
    pub job: u64,
    /// Source handle.
    pub source: u32,
    /// Destination handle.
    pub destination: u32,
    /// Run id.
    pub run: u64,
    /// Parameter 0.
    pub p0: u64,
    /// Parameter 1.
    pub p1: u64,
    /// Run slot.
    pub slot: u32,
}

impl Head {
    /// A head with everything zero but the operation and the job.
    pub fn new(op: Op) -> Self {
        Self {
            op,
            flags: 0,
            job: 7,
            source: 0,
            destination: 0,
            run: 0xabc,
            p0: 0,
            p1: 0,
            slot: 0,
        }
    }

    /// Packs a request.
    pub fn pack(&self, items: &[Item], trailing: &[u8]) -> Vec<u8> {
        let mut writer = BlockWriter::new(items.len(), 0);
        for (i, item) in items.iter().enumerate() {
            writer.set(i, item);
        }
        let mut bytes = vec![0; 64];
        bytes[0] = 1;
        bytes[1] = self.op as u8;
        bytes[4..8].copy_from_slice(&self.flags.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.job.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.source.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.destination.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.run.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.p0.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.p1.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.slot.to_le_bytes());
        bytes[52..56].copy_from_slice(&(trailing.len() as u32).to_le_bytes());
        bytes.extend(writer.finish(&Header::default()));
        if !trailing.is_empty() {
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            bytes.extend(trailing);
        }
        bytes
    }

    /// Packs and parses a request.
    pub fn request(&self, items: &[Item]) -> Request {
        Request::parse(self.pack(items, b"")).unwrap()
    }
}

/// Shared state over a control block of its own.
pub fn shared() -> Shared {
    Shared::new(Control::leaked())
}

/// Runs one operation's module on worker 0 and returns its outcome, results and frames.
pub fn run(
    module: fn(&JobContext, &mut Results) -> Outcome<()>,
    request: &Request,
) -> (Outcome<()>, Results, Vec<Frame>) {
    let shared = shared();
    let job = JobContext::new(request, &shared, 0);
    let mut results = Results::new(request.len());
    let outcome = module(&job, &mut results);
    (outcome, results, shared.frames.take())
}

/// Status number of result `i`.
pub fn status_of(results: &Results, i: usize) -> u32 {
    u32_at(results.as_bytes(), i * RESULT_BYTES)
}

/// Bytes field of result `i`.
pub fn bytes_of(results: &Results, i: usize) -> u64 {
    u64_at(results.as_bytes(), i * RESULT_BYTES + 8)
}

/// One block, checked, with its names in order.
pub struct Listing {
    /// The block's bytes.
    pub bytes: Vec<u8>,
    /// Where its parts lie.
    pub layout: Layout,
}

impl Listing {
    /// Record `i`.
    pub fn item(&self, i: usize) -> Item<'_> {
        self.layout.item(&self.bytes, i)
    }
    /// Names in order.
    pub fn names(&self) -> Vec<Vec<u8>> {
        (0..self.layout.count)
            .map(|i| self.item(i).name.to_vec())
            .collect()
    }
}

/// The blocks among frames, in order.
pub fn blocks(frames: &[Frame]) -> Vec<Listing> {
    frames
        .iter()
        .filter(|f| f.kind == FrameType::Block)
        .map(|f| Listing {
            bytes: f.payload.clone(),
            layout: Layout::check(&f.payload).unwrap(),
        })
        .collect()
}
