//! How a host is set up, precondition by precondition: what `baton doctor` shows.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Grade;

/// What of a host is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Precondition {
    /// Capabilities of the agent's process.
    Capabilities,
    /// Whether the workload may have real-time priority, and enough of it.
    RealTime,
    /// File descriptors of the agent's process.
    Descriptors,
    /// The cluster file: rights, and whether all hosts have the same.
    ClusterFile,
    /// The cluster key.
    Key,
    /// The folders of records, state and runtime.
    Folders,
    /// Room on the disk of these folders.
    Disk,
    /// The tun device and interface.
    Tun,
    /// libuhd, in its own executable.
    Uhd,
    /// The interface towards the radio.
    RadioPort,
    /// Its speed.
    Speed,
    /// How long it keeps packets before it tells of them.
    Coalescing,
    /// Limits of socket buffers.
    SocketBuffers,
    /// Reverse path filter.
    RpFilter,
    /// On which interfaces the kernel answers ARP, and with which address it asks.
    Arp,
    /// IPv6, where the agents use it.
    Ipv6,
    /// Packet filters.
    Firewall,
    /// Clock rate of the processors.
    Governor,
    /// Sleep of the processors.
    IdleStates,
    /// Who else has an address of this host.
    Address,
    /// Whether the radio answers, and with which numbers.
    Radio,
    /// The address in the radio's EEPROM.
    Eeprom,
    /// The clock.
    Clock,
    /// The version of baton.
    Version,
    /// Whether the agent answers.
    Agent,
    /// One that this baton does not know.
    #[serde(other)]
    Other,
}

impl Precondition {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What was found of one precondition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examined {
    /// Which.
    pub check: Precondition,
    /// How much it matters: [`Grade::Blocker`] where no order can succeed with it.
    pub grade: Grade,
    /// What was found, as a clause: "eth3 has no carrier".
    pub sentence: String,
    /// The command that mends it, for root's shell on that host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// What else to do or to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Examined {
    /// A finding without a word of what to do.
    pub fn new(check: Precondition, grade: Grade, sentence: impl Into<String>) -> Self {
        Self { check, grade, sentence: sentence.into(), mend: None, hint: None }
    }

    /// As it should be.
    pub fn ok(check: Precondition, sentence: impl Into<String>) -> Self {
        Self::new(check, Grade::Ok, sentence)
    }

    /// Worse than it could be.
    pub fn warning(check: Precondition, sentence: impl Into<String>) -> Self {
        Self::new(check, Grade::Warning, sentence)
    }

    /// In the way of every order.
    pub fn blocker(check: Precondition, sentence: impl Into<String>) -> Self {
        Self::new(check, Grade::Blocker, sentence)
    }

    /// The same with the command that mends it.
    pub fn mend(self, command: impl Into<String>) -> Self {
        Self { mend: Some(command.into()), ..self }
    }

    /// The same with a word of what to do or to know.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Result of `examine`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Examination {
    /// Version of baton on the host.
    pub version: String,
    /// When it was looked at, by the host's clock.
    pub at: DateTime<Utc>,
    /// SHA-256 of the cluster file as it was understood, in hexadecimal: two hosts with the same one agree.
    pub cluster_file: String,
    /// Hardware address of the interface towards the radio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radio_port_mac: Option<String>,
    /// Everything that was looked at.
    pub findings: Vec<Examined>,
}
