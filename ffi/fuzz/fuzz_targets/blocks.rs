//! libFuzzer's way in; what it does is in `src/blocks.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| blit_fuzz::blocks::run(data));
