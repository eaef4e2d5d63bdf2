//! `baton n210` against unmodified UHD programs, and against a client that shares no code with baton, in network namespaces.
//!
//! Needs root, `ip`, and the packages uhd-host, python3-uhd and tshark; without them the tests say so and pass.

// A test ends with what it could not do.
#![allow(clippy::expect_used, clippy::panic)]

mod dissector;
#[path = "../common/faultless.rs"]
mod faultless;
mod hosts;
mod python;
#[path = "../common/raw_client.rs"]
mod raw_client;
mod receive;
mod seeds;
#[path = "../common/sniffer.rs"]
mod sniffer;
mod tools;
mod transmit;
#[path = "../common/wire.rs"]
mod wire;
