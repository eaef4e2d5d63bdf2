//! What a pool consists of, as whoever asks for a plan sees it.

use std::collections::BTreeSet;

use config::{HostName, Label, RadioName};
use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// A server of the pool, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its name in the cluster file.
    pub name: HostName,
    /// Cores and rates that radios may use.
    pub capacity: Amount,
    /// What it has in common with others.
    #[serde(default)]
    pub labels: BTreeSet<Label>,
    /// It is to serve nothing.
    #[serde(default)]
    pub drained: bool,
    /// Nobody can reach it, and what it served is served no more.
    #[serde(default)]
    pub lost: bool,
    /// Cores and rates in use, radios and all else together; absent where nothing is measured. What is beyond the use of its radios counts as
    /// used by others, and stays.
    #[serde(default)]
    pub measured: Option<Amount>,
}

/// What a radio would rather be served by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preferred {
    /// This server.
    Server(HostName),
    /// Any server with the label.
    Label(Label),
}

/// A preference: weights of all that a server meets add up, and the greatest sum wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preference {
    /// What is preferred.
    pub preferred: Preferred,
    /// How much, against the radio's other preferences; at least 1.
    pub weight: u32,
}

/// A radio of the pool, as it is served now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radio {
    /// Its name in the cluster file.
    pub name: RadioName,
    /// Cores and rates that its work needs on the server that serves it, and on the one that follows: a standby has to go on within milliseconds.
    pub need: Amount,
    /// Cores and rates that its work uses as measured; absent: as it needs.
    #[serde(default)]
    pub measured: Option<Amount>,
    /// Servers that may serve it.
    pub servers: BTreeSet<HostName>,
    /// Servers that must not serve it, even if they may.
    #[serde(default)]
    pub forbidden: BTreeSet<HostName>,
    /// Radios that are not to be on one server with it, served or followed.
    #[serde(default)]
    pub apart: BTreeSet<RadioName>,
    /// What it would rather be served by.
    #[serde(default)]
    pub prefer: Vec<Preference>,
    /// The server that serves it.
    #[serde(default)]
    pub served_by: Option<HostName>,
    /// The server that follows as its armed standby.
    #[serde(default)]
    pub standby_at: Option<HostName>,
    /// Greater is more important, and is placed first.
    #[serde(default)]
    pub priority: u8,
    /// It is to have a standby.
    #[serde(default)]
    pub wants_standby: bool,
    /// Moves that its interruption budget still has in this period; absent: any number.
    #[serde(default)]
    pub moves_left: Option<u32>,
}

impl Radio {
    /// Whether a server may serve it, as the cluster file says.
    pub fn may_be_at(&self, server: &str) -> bool {
        self.servers.contains(server) && !self.forbidden.contains(server)
    }
}
