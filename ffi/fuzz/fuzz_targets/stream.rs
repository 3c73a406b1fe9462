//! libFuzzer's way in; what it does is in `src/stream.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| blit_fuzz::stream::run(data));
