//! What is not as it should be, in telemetry.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ErrorCode, Level};

/// Something that is not as it should be, for as long as it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Stable code.
    pub code: ErrorCode,
    /// How much it matters.
    pub level: Level,
    /// What it is, as a sentence.
    pub text: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}
