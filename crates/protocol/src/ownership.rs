//! Who owns the radio, who has its address, and what stands against that.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The highest epoch that is believed. An owner a second for 30 000 years stays below it, so that a higher one is a broken file or a
/// forged message; and every reader of JSON holds it exactly (below 2^53).
pub const MAX_EPOCH: u64 = 1_000_000_000_000;

/// Result of `get_owner`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerReport {
    /// The newest epoch that the agent knows; 0 before the first.
    pub epoch: u64,
    /// The owner under that epoch; empty before the first.
    pub owner: String,
    /// This host has the radio's address.
    pub holds: bool,
    /// It is the owner, and is about to take the radio or to leave it: what it will have is not certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changing: bool,
    /// As a standby it has taken over: it holds the radio from its parked address, and has not the radio's address yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub took_over: bool,
    /// Hardware address of its interface towards the radio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Whose settings the radio has, as far as this host knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<RadioSession>,
}

/// Whose settings the radio has: the UHD session by which a host of the cluster has last initialised it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RadioSession {
    /// What UHD has left in the radio then. Every program that opens a session leaves its own.
    pub mark: u32,
    /// The owner's epoch under which this was last known.
    pub epoch: u64,
    /// What the radio did not do as it was asked then, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Result of `fence_host`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fenced {
    /// The host is certainly off; `false`: nothing is configured that could make sure.
    pub fenced: bool,
}

/// Another machine that answers for the radio's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressHolder {
    /// Its hardware address, e.g. `02:00:00:00:00:01`.
    pub mac: String,
    /// The host of the cluster that it is; absent: none that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// When it was first seen.
    pub since: DateTime<Utc>,
}

/// Who holds the radio, as far as the addresses tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RadioOwner {
    /// No host's eth3 points at the radio.
    Nobody,
    /// One host's does.
    Host(String),
    /// More than one: the radio cannot decide whom to serve.
    Conflict(Vec<String>),
}

impl RadioOwner {
    /// The owner, where these hosts' eth3 point at the radio.
    pub fn from_holders(mut hosts: Vec<String>) -> Self {
        match hosts.len() {
            0 => Self::Nobody,
            1 => Self::Host(hosts.remove(0)),
            _ => Self::Conflict(hosts),
        }
    }
}
