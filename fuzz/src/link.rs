//! Bytes, as libFuzzer invents them, into a command socket.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| baton::fuzz::link(data));
