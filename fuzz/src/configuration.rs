//! Texts, as libFuzzer invents them, as files of an operator.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| baton::fuzz::configuration(data));
