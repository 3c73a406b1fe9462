//! libFuzzer's way in; what it does is in `src/records.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| blit_fuzz::records::run(data));
