//! What an agent says of the pool's store.

use serde::{Deserialize, Serialize};

/// The pool's store, as one host sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Whether there is a quorum: without one nothing starts or moves.
    pub quorum: bool,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The host whose agent serves elsewhere what a lost server had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// Hosts that the store knows to be there.
    pub members: Vec<String>,
    /// Who owns the radio, says the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Under which epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}
