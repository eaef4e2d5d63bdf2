//! Bytes, as libFuzzer invents them, from whoever sits on an agent's port.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| baton::fuzz::link_client(data));
