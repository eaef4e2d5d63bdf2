//! What the host of the pool does that does not serve.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::number;

/// Whether it follows the other one without being told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandbyPolicy {
    /// Only when an operator arms it.
    #[default]
    Manual,
    /// Whenever the other one serves.
    Armed,
}

/// The armed standby.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Standby {
    /// Whether it follows without being told.
    pub policy: StandbyPolicy,
    /// Silence of the host that serves, or of its samples or its D2D process, after which the standby takes over; 3 ms to 10 s, in
    /// milliseconds in the file.
    #[serde(rename = "takeover_after_ms", with = "number::takeover_after")]
    pub takeover_after: Duration,
    /// UDP port at which the host that follows waits for the other one's heartbeats, on every address.
    #[serde(deserialize_with = "number::port")]
    pub heartbeat_port: u16,
}

/// Behind those of the agents.
const HEARTBEAT_PORT: u16 = 7602;

impl Default for Standby {
    fn default() -> Self {
        Self { policy: StandbyPolicy::Manual, takeover_after: Duration::from_millis(20), heartbeat_port: HEARTBEAT_PORT }
    }
}

impl Standby {
    /// Whether the file need not say it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
