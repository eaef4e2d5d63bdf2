//! Results of the far end's probe.

use serde::{Deserialize, Serialize};

/// Result of `probe_mark`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeMark {
    /// Sequence number, counted from the start of the probe, of the next probe to be sent.
    pub next: u64,
    /// The one after the latest that was answered; absent: none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered_from: Option<u64>,
}

/// Result of `probe_window`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeWindow {
    /// Interval of the probe, ms.
    pub interval_ms: f64,
    /// Probes sent in the window.
    pub sent: u64,
    /// Probes never answered.
    pub lost: u64,
    /// Longest time between two consecutive replies, the last one before the window included, ms.
    pub gap_ms: f64,
    /// Time since the last reply where the last probes of the window were lost, ms: the silence goes on. Absent: the last one was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_ms: Option<f64>,
}
