//! `baton n210` against unmodified UHD programs, and against a client that shares no code with baton, in network namespaces.
//!
//! Needs root, `ip`, and the packages uhd-host, python3-uhd and tshark.

// A test ends with what it could not do.
#![allow(clippy::expect_used, clippy::panic)]

mod arrival;
mod calibration;
mod dissector;
mod hosts;
mod images;
mod python;
mod receive;
mod seeds;
mod timing;
mod tools;
mod transmit;
mod two_radios;
