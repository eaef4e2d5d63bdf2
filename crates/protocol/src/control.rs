//! Control variables and routes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `Control[name] = value`. The names are the workload's (docs/spec.md, "Control variables"), so they are data here.
pub type Control = serde_json::Map<String, Value>;

/// One entry of `route_list`: indices that stand for terminal addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Index of the terminal to reach.
    #[serde(rename = "destID")]
    pub dest_id: u16,
    /// Index of the terminal that forwards to it.
    pub nexthop: u16,
}

/// Control variables and routes of a D2D process: the result of `get_control`, and what a migration carries over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ControlValues {
    /// The control variables as last collected.
    #[serde(rename = "Control")]
    pub control: Control,
    /// The routes as last collected.
    #[serde(default)]
    pub route_list: Vec<Route>,
}

/// Control variables as telemetry shows them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ControlReport {
    /// Values, in the workload's order.
    pub values: Control,
    /// What each value means, in the workload's words, keyed by name.
    pub meanings: serde_json::Map<String, Value>,
    /// How long ago they were collected, ms; absent when they never were.
    pub age_ms: Option<u64>,
}
