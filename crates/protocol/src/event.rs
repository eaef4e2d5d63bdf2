//! Lines of an agent's log.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// First frame of an event message; the second is an [`Event`].
pub const TOPIC_EVENT: &str = "event";

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth a line.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// Where.
    pub host: String,
    /// Name of the radio, where a pool has several; absent: the only one, or all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radio: Option<String>,
    /// How much it matters.
    pub level: Level,
    /// What happened, as a sentence.
    pub text: String,
    /// The run whose end it tells; absent: it tells none's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whoever looks elsewhere is to be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alert: bool,
}

/// Result of `recent_events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentEvents {
    /// The newest events, oldest first.
    pub events: Vec<Event>,
}
