//! ZeroMQ between controllers: requests and replies, telemetry.
//!
//! The wire is ZMTP 3.0 ([`zmtp`]) over TCP, TLS or Unix sockets; `docs/protocol.md` describes it. Decision 0009 says why this is not the zeromq crate.

pub mod certificate;
pub mod client;
pub mod examine;
pub mod gate;
pub mod identity;
pub mod key;
pub mod publisher;
pub mod server;
pub mod store_certificate;
pub mod stream;
pub mod telemetry;
pub mod tls;
pub mod zmtp;

mod connections;
mod dedup;
mod dial;
mod held;
mod host_link;
mod refusals;
