//! Frames and time, as libFuzzer invents them, into the software N210.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| n210::fuzz::frames(data));
