//! Results of the commands of a hot migration.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TracePart;

/// Result of `export`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoftState {
    /// The D2D process's own.
    pub state: Value,
}

/// Result of `prepare`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// The radio's hardware address; absent where the agent may not ask for it, and the kernel will during the cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radio_mac: Option<String>,
}

/// Result of `freeze`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// The D2D process's soft state, with the packets that were under way.
    pub state: Value,
    /// Where the USRP process stands.
    pub mark: Value,
    /// The owner's epoch, as this host knows it.
    pub epoch: u64,
    /// What took how long.
    #[serde(default)]
    pub trace: Vec<TracePart>,
}
