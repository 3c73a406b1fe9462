//! The inputs that fuzzing kept, carried out once each.

use std::fs;
use std::path::Path;

/// Carries out every input of one target's corpus.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        run(&fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 10, "{inputs} inputs in {}", folder.display());
}

#[test]
fn blocks_and_requests() {
    replay("blocks", blit_fuzz::blocks::run);
}

#[test]
fn records_of_a_peer() {
    replay("records", blit_fuzz::records::run);
}

#[test]
fn a_stream_with_a_hostile_client() {
    replay("stream", blit_fuzz::stream::run);
}

#[test]
fn calls_of_the_abi() {
    replay("shims", blit_fuzz::shims::run);
}
