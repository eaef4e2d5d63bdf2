//! What one host knows of another's work.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ControlValues;

/// Result of `get_collected`: what one host knows of another's work, should that host fall silent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Collected {
    /// Control variables and routes.
    #[serde(flatten)]
    pub values: ControlValues,
    /// Address of tun with prefix length.
    pub tun_ip: String,
    /// When the other host said so.
    pub at: DateTime<Utc>,
}
