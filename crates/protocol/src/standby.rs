//! What the parts of baton tell one another of an armed standby: a process that receives beside the one that serves, follows its heartbeats, and takes
//! over when they say so or fail to come.

use std::fmt;
use std::net::SocketAddrV4;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the heartbeats of one arming are signed with. Both processes get it of their agents.
#[derive(Clone, PartialEq, Eq)]
pub struct HeartbeatKey(pub [u8; 32]);

impl fmt::Debug for HeartbeatKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeartbeatKey(..)")
    }
}

impl Serialize for HeartbeatKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}", Hex(&self.0)))
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<'de> Deserialize<'de> for HeartbeatKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut key = [0; 32];
        let digits = text.as_bytes().as_chunks::<2>();
        let wrong = || serde::de::Error::custom("the key is not 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        for (byte, pair) in key.iter_mut().zip(digits.0) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(key))
    }
}

/// Where heartbeats go: the standby's addresses in the two networks that the hosts share. Either may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatRequest {
    /// Number of the arming: heartbeats of an earlier one mean nothing.
    pub arming: u64,
    /// What they are signed with.
    pub key: HeartbeatKey,
    /// In the radio's network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radio: Option<SocketAddrV4>,
    /// In the management network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management: Option<SocketAddrV4>,
}

/// What a standby does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandbyState {
    /// No heartbeat has come yet.
    Waiting,
    /// It follows, and would take over.
    Armed,
    /// The other one has ended in order: it would not take over.
    StoodDown,
    /// It has taken over.
    TookOver,
}

/// What a USRP process tells of itself as a standby.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FollowStatus {
    /// What it does.
    pub state: StandbyState,
    /// How far behind the other one's latest sample its own latest is, ms; below 0: ahead. None before a heartbeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_ms: Option<f64>,
    /// Since the last heartbeat by the radio's network, ms; none before one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radio_ms: Option<f64>,
    /// The same by the management network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_ms: Option<f64>,
    /// The take-over, once it has happened: an agent that was away reads it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_over: Option<TookOver>,
}

/// Why a standby took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeoverCause {
    /// No heartbeat came by either network.
    NoHeartbeat,
    /// The other one said that it hears no samples.
    NoSamples,
    /// The other one said that its D2D process does nothing.
    NoProgress,
}

/// How a standby took over. Times are on the host's CLOCK_MONOTONIC, us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TookOver {
    /// Why.
    pub cause: TakeoverCause,
    /// When the last heartbeat came that said that all was well.
    pub well_us: u64,
    /// When it was decided.
    pub decided_us: u64,
    /// When the streams were claimed.
    pub claimed_us: u64,
    /// When the D2D process was told to go on.
    pub gone_on_us: u64,
    /// When its first burst was handed to the radio; absent before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_burst_us: Option<u64>,
}

/// A standby as its agent tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandbyStatus {
    /// The host whose work it follows.
    pub of: String,
    /// What it does; absent while it is not armed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<FollowStatus>,
    /// Silence after which it takes over, ms.
    pub takeover_after_ms: f64,
    /// Why it is not armed though it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

impl StandbyStatus {
    /// Whether it would take over.
    pub fn is_armed(&self) -> bool {
        self.follows.is_some_and(|follows| follows.state == StandbyState::Armed)
    }
}

/// Whether a host that serves would follow, by itself, the one that has the work next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowsNext {
    /// Why it would not; absent: it would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_digits_and_shows_itself_to_nobody() {
        let key = HeartbeatKey([0xA5; 32]);
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(text, format!("\"{}\"", "a5".repeat(32)));
        assert_eq!(serde_json::from_str::<HeartbeatKey>(&text).unwrap(), key);
        assert_eq!(format!("{key:?}"), "HeartbeatKey(..)");
        for bad in ["\"\"", "\"a5\"", &format!("\"{}\"", "g".repeat(64)), &format!("\"{}\"", "é".repeat(32)), "7"] {
            assert!(serde_json::from_str::<HeartbeatKey>(bad).is_err(), "{bad}");
        }
    }
}
