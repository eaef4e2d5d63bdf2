//! ZeroMQ between controllers: authenticated requests and replies, telemetry.
//!
//! `docs/protocol.md` describes the wire, and what the zeromq crate leaves to be guarded against (see [`gate`]).

pub mod client;

mod connections;
mod dedup;
pub mod gate;
mod held;
mod host_link;
pub mod publisher;
pub mod server;
pub mod signing;
pub mod telemetry;

/// Milliseconds since the Unix epoch, as requests carry them.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap_or(0)
}
