//! What is known of the cut.

use serde::{Deserialize, Serialize};

/// A part of a cut, as a host saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TracePart {
    /// The host.
    pub host: String,
    /// What it did, in a few words.
    pub part: String,
    /// When it began, on that host's monotonic clock, us.
    pub at_us: u64,
    /// How long it took, us.
    pub us: u64,
}

/// What the processes know of IP payloads and packets when the work changed hands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// Payloads that both ends had received; delivered once.
    pub payloads_again: u64,
    /// Payloads between those that neither end had received.
    pub payloads_missing: u64,
    /// Packets that waited on the source and found no room in what was carried over.
    pub packets_left_behind: u64,
}
