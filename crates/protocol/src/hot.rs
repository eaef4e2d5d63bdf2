//! Results of the commands of a hot or seamless migration.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TracePart;

/// Result of `export`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoftState {
    /// The D2D process's own.
    pub state: Value,
    /// The receive stream of the USRP process, for `overlap`; absent where that does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<Value>,
}

/// Result of `overlap`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overlapped {
    /// The radio's receive chain that is this host's now.
    pub chain: u8,
    /// Starting it until samples flowed, ms.
    pub receive_ms: f64,
    /// From then to the first good subframe, ms.
    pub sync_ms: f64,
}

/// Packets of a frozen D2D process: result of `double_kill` where there was one, and of the workload contract's `unsent`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    /// What the host's programs have sent since the freeze, the oldest first; IP packets of a modem, in base64.
    #[serde(default)]
    pub packets: Vec<String>,
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
