//! What is wanted: a goal, and the policy under which it is reached.

use config::{HostName, RadioName, Strategy};
use serde::{Deserialize, Serialize};

/// A radio that is to go to a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedMove {
    /// The radio.
    pub radio: RadioName,
    /// Where to.
    pub to: HostName,
}

/// What the operator, or a failure, asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Serve a radio that nobody serves.
    Start {
        /// The radio.
        radio: RadioName,
    },
    /// Move radios to servers.
    Move {
        /// What goes where; each radio once.
        moves: Vec<OrderedMove>,
        /// Interruption budgets do not hold.
        beyond_budget: bool,
    },
    /// Take everything off a server.
    Drain {
        /// The server.
        server: HostName,
        /// Interruption budgets do not hold.
        beyond_budget: bool,
    },
    /// Let a drained server serve again. Nothing moves; rebalance does that.
    Undrain {
        /// The server.
        server: HostName,
    },
    /// Bring radios to what they prefer and servers to the policy.
    Rebalance,
    /// Leave as many servers empty as can be.
    Consolidate,
    /// Serve elsewhere what a lost server served.
    Lose {
        /// The server.
        server: HostName,
        /// Radios that make room may be moved beyond their budgets. A radio that is not served is started whatever its budget is.
        beyond_budget: bool,
    },
    /// Arm a standby for each radio that wants one and has none.
    PlaceStandbys,
}

/// How many changes may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// In all.
    pub total: u32,
    /// On one server, which counts as source and as destination.
    pub per_server: u32,
    /// At one interface of a server.
    pub per_link: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 4, per_server: 2, per_link: 2 }
    }
}

/// Rules for every plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How servers are chosen.
    pub strategy: Strategy,
    /// How many changes at once.
    pub limits: Limits,
    /// Thousandths of a server's capacity by which a move has to relieve the busier of its two servers, or rebalance leaves the radio. At least 1
    /// holds.
    pub least_gain: u32,
    /// Consolidate empties no server without which the loss of another could not be made good.
    pub keep_headroom: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { strategy: Strategy::default(), limits: Limits::default(), least_gain: 100, keep_headroom: true }
    }
}
