//! libFuzzer's way in; what it does is in `src/shims.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| blit_fuzz::shims::run(data));
