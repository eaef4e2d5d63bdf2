//! The workload contract: JSON lines over a Unix stream socket on which the process listens and to which its agent connects.
//!
//! Environment of a workload process:
//! `BATON_SOCKET` path on which to listen; `BATON_SAMPLES` path of the sample socket; `BATON_RADIO` the radio's parameters as JSON
//! ([`config::Radio`]); `BATON_TUN` name of the tun interface; `BATON_SETTINGS` the process's own control variables as JSON;
//! `BATON_CONTROL` control variables carried over from another host as JSON (only when started with `control_flag` 1).

use serde::de::IntoDeserializer;
use serde::de::value::{Error as NoMethod, StringDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use super::standby::{Follow, FollowStatus, Following, HeartbeatRequest, TookOver, Unfollowed};
pub use protocol::Unsent;
use protocol::{Control, Link, Method, Route, StreamCounters, SyncState};

/// Path of the contract socket.
pub const ENV_SOCKET: &str = "BATON_SOCKET";
/// Path of the sample socket.
pub const ENV_SAMPLES: &str = "BATON_SAMPLES";
/// Radio parameters as JSON.
pub const ENV_RADIO: &str = "BATON_RADIO";
/// Name of the tun interface.
pub const ENV_TUN: &str = "BATON_TUN";
/// The process's own settings as JSON, name to value.
pub const ENV_SETTINGS: &str = "BATON_SETTINGS";
/// Tun addresses of the terminals of a relay scenario, a JSON list; the place in it is the index in routes.
pub const ENV_TERMINALS: &str = "BATON_TERMINALS";
/// Control variables carried over as JSON, name to value.
pub const ENV_CONTROL: &str = "BATON_CONTROL";

/// What an agent may ask, one JSON object a line: `{"id": 1, "ask": "status"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", content = "args", rename_all = "snake_case")]
pub enum Ask {
    /// Result: [`Status`].
    Status,
    /// Result: [`Control`].
    GetControl,
    /// Result: name to meaning, a JSON object.
    Describe,
    /// Result: list of [`Route`].
    GetRoutes,
    /// Replaces the route table.
    SetRoutes {
        /// The routes.
        route_list: Vec<Route>,
    },
    /// USRP only: connect the made entity to the radio; answered when samples flow.
    Link,
    /// What another process needs to go on where this one is. Result: of a D2D process a JSON object, its own; of a USRP process its
    /// [`Stream`].
    Export,
    /// D2D only: goes on where another D2D process was. Refused, and nothing changed, when the state does not fit.
    Import {
        /// What `export` or `freeze` has answered.
        state: Value,
    },
    /// Gives nothing out any more, but stays ready. Result: what a successor needs; the process's own.
    Freeze,
    /// Goes on after [`Ask::Freeze`]. Result: of a D2D process [`Resumed`], of a USRP process [`TakenOver`].
    Resume,
    /// D2D only: what the host's programs have sent since [`Ask::Freeze`]. Result: [`Unsent`].
    Unsent,
    /// D2D only: sends what another D2D process could not.
    Forward(Unsent),
    /// USRP only: goes on where another host's process was frozen, on streams that run; answered when samples flow. Result:
    /// [`TakenOver`].
    TakeOver(TakeOver),
    /// USRP only: after [`Happened::Silent`], sets both streams of a linked process up again and starts them.
    Relink,
    /// USRP only: receives on the radio's other chain beside another host's process, whose `export` answered this, and gives out nothing. Result:
    /// [`Overlapping`].
    Overlap(Stream),
    /// USRP only: the other process has ended; its receive chain stops, and the streams come to the address that this host has now.
    Settle,
    /// D2D only: from now on, or no longer, tells the USRP process at least once a subframe of received samples where it is, for a standby.
    ReportProgress {
        /// Whether it does.
        on: bool,
    },
    /// USRP only: tells a standby at every turn where this process is, until [`Ask::EndHeartbeats`].
    SendHeartbeats(HeartbeatRequest),
    /// USRP only: the last heartbeat says that this process ends in order, so that no standby takes over.
    EndHeartbeats,
    /// USRP only, after [`Ask::Overlap`]: follows the heartbeats of the process that it receives beside, and takes over when they say so or fail to
    /// come. Result: [`Following`].
    Follow(Follow),
    /// USRP only: follows no longer, unless it has taken over by now. Result: [`Unfollowed`].
    Unfollow,
}

/// The receive stream of a USRP process: what `export` answers, and `overlap` begins beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The radio's receive chain, 0 or 1.
    pub chain: u8,
    /// Time stamp of some sample: others are multiples of the decimation away.
    pub tick: u64,
}

/// A stream that was begun beside another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Overlapping {
    /// From the question to the first samples, ms.
    pub ms: f64,
    /// The receive chain.
    pub chain: u8,
    /// Time stamp of its first sample, as it was received.
    pub tick: u64,
}

/// Where the transmit side of a USRP process stands: what `freeze` answers, and `take_over` goes on from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Transport sequence of the next packet.
    pub sequence: u32,
    /// Packet count of the next packet, 0..=15.
    pub count: u8,
    /// Time stamp behind the last sample that was sent, the end of its burst among them; none before any was.
    pub end_tick: Option<u64>,
    /// The receive chain that it hears with, 0 or 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub chain: u8,
}

/// What `take_over` asks of a USRP process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeOver {
    /// Where the other process was frozen.
    #[serde(flatten)]
    pub mark: Mark,
    /// On CLOCK_BOOTTIME, us: from then on the streams must not be claimed any more, as the other process may go on by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_us: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(chain: &u8) -> bool {
    *chain == 0
}

/// What a D2D process knows of the moment when it went on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resumed {
    /// Payloads that it had received and another process had delivered: left out.
    pub again: u64,
    /// Payloads that neither had received.
    pub missing: u64,
    /// Packets for which there was no room in the state that it took.
    pub left_behind: u64,
}

/// How a USRP process got streams that another had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TakenOver {
    /// From the question to the first samples, ms.
    pub ms: f64,
    /// Whether the receive stream had stopped and was started.
    pub restarted: bool,
    /// When the streams were asked for, on this host's monotonic clock, us.
    pub claimed_us: u64,
    /// When the first samples were there, on the same clock.
    pub flowing_us: u64,
}

/// A line from agent to process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskLine {
    /// Echoed in the answer.
    pub id: u64,
    /// The question.
    #[serde(flatten)]
    pub ask: Ask,
}

/// A line from process to agent: an answer or an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// Answer that it worked.
    Answer {
        /// Id of the question.
        id: u64,
        /// Its result; `null` when there is nothing to say.
        ok: Value,
    },
    /// Answer that it did not.
    Refusal {
        /// Id of the question.
        id: u64,
        /// A sentence.
        error: String,
    },
    /// Unasked.
    Happened(Happened),
}

/// What a process reports unasked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happened {
    /// D2D: the state of synchronisation changed.
    Sync {
        /// The new state.
        sync: SyncState,
    },
    /// USRP: no samples have come from the radio for so long. Whether they are still this host's, the agent finds out; if so it asks
    /// [`Ask::Relink`].
    Silent {
        /// For how long, ms.
        for_ms: u64,
    },
    /// USRP: the process that it follows has said its first heartbeat, or that it ends in order: [`Status::follows`] tells which.
    Follows {
        /// What it does now.
        follows: FollowStatus,
    },
    /// USRP: it has taken over from the process that it followed.
    TookOver(TookOver),
    /// Worth a line in the log.
    Note {
        /// The line.
        text: String,
    },
}

/// State of a workload process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// USRP: linked to the radio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<bool>,
    /// It is frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<bool>,
    /// D2D: synchronisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncState>,
    /// Sample streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<StreamCounters>,
    /// USRP: whether the radio's clock is locked to its reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_locked: Option<bool>,
    /// USRP: the mark that the program which has last opened a UHD session has left in the radio, while this process serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_mark: Option<u32>,
    /// USRP: what it does as a standby.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<FollowStatus>,
    /// USRP: it tells a standby where it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sends_heartbeats: bool,
    /// Air link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// The methods by which its work can be moved, where that is not for its answers to show.
    #[serde(default, deserialize_with = "known_methods", skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<Method>>,
    /// USRP: how long it may take to link, ms, where that is longer than usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_within_ms: Option<u64>,
    /// How long it may take to end after SIGTERM, ms, where that is longer than usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_within_ms: Option<u64>,
}

/// A method that this version does not know is none by which it could move the work.
fn known_methods<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Method>>, D::Error> {
    let known = |name: String| -> Option<Method> {
        let name: StringDeserializer<NoMethod> = name.into_deserializer();
        Method::deserialize(name).ok()
    };
    let names = Option::<Vec<String>>::deserialize(from)?;
    Ok(names.map(|names| names.into_iter().filter_map(known).collect()))
}

/// The control variables that a D2D process runs with: its settings, overlaid with what was carried over.
pub fn control_from_env() -> Result<(Control, bool), String> {
    let read = |name: &str| -> Result<Option<Control>, String> {
        match std::env::var(name) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|e| format!("{name} is not a JSON object: {e}")),
            Err(_) => Ok(None),
        }
    };
    let mut control = read(ENV_SETTINGS)?.unwrap_or_default();
    let carried = read(ENV_CONTROL)?;
    let with_control = carried.is_some();
    control.extend(carried.unwrap_or_default());
    Ok((control, with_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_names_its_methods_and_one_that_is_not_known_is_left_out() {
        let status = |text: &str| serde_json::from_str::<Status>(text).unwrap().methods;
        assert_eq!(status(r#"{"linked": true}"#), None);
        assert_eq!(status(r#"{"methods": ["cold", "teleport", "classic"]}"#), Some(vec![Method::Cold, Method::Classic]));
        assert_eq!(status(r#"{"methods": []}"#), Some(vec![]));
    }
}
