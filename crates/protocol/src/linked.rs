//! Result of taking the radio.

use serde::{Deserialize, Serialize};

use super::{Handover, TracePart};

/// Result of `link_usrp` and `start_usrp`: how long each part took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Linked {
    /// Changing the address of eth3, ms.
    pub eth3_ms: f64,
    /// Probing for the radio, all tries together, ms.
    pub probe_ms: f64,
    /// Number of tries.
    pub probes: u32,
    /// Full initialisation by libuhd, ms; absent when the command does not initialise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_ms: Option<f64>,
    /// Making the entity, ms; absent when it was made before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub make_ms: Option<f64>,
    /// Connecting the made entity until samples flow, ms.
    pub link_ms: f64,
    /// Of `take_over`: what took how long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<TracePart>,
    /// Of `take_over` after `overlap`: what changed hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<Handover>,
    /// Under which this host owns the radio now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// What the radio did not do as it was asked, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why the link would have been refused, had it not been forced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}
