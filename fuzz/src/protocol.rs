//! Frames, as libFuzzer invents them, as what other hosts say.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| baton::fuzz::protocol(data));
