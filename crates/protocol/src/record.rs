//! The durable record of one order: phases, interruption, outcome. Other tools read these names.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Failure, Handover, Mechanism, Method, Order, TracePart};

/// Phases of a migration, as the paper's table names them, and the stopping of the source as a row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// Read the source's tun address and set the destination's.
    TunIp,
    /// Carry the route table (relay scenario only).
    SetRoute,
    /// Send control information and start the D2D process.
    StartD2d,
    /// Make the USRP entity.
    MakeUsrp,
    /// Of a pod: make its network at the destination.
    PreparePod,
    /// Of a guest: start the destination's, which waits for its state.
    GuestStart,
    /// Of a guest: copy its memory while it runs.
    Precopy,
    /// Of an armed standby: from the last sign that the source was well until it decides to take over.
    Detect,
    /// Stop the source's processes; the paper never timed this.
    StopSource,
    /// Of a pod: write the processes into images.
    Dump,
    /// Of a pod: carry the images to the destination.
    Copy,
    /// Of a pod: make the processes again from the images.
    Restore,
    /// Of a pod: give it the radio's address, and tell the switch where that is now.
    Network,
    /// Of a pod: let the processes go on, with the radio's streams.
    Resume,
    /// Of a guest: stop it, copy the rest, and go on at the destination.
    Switchover,
    /// Of a guest: fetch the memory that it still lacks while it runs.
    Postcopy,
    /// Change the destination's eth3 address.
    Eth3,
    /// Link the entity to the radio.
    LinkUsrp,
    /// Signal processing re-synchronises.
    Sync,
}

/// The paper's interruption of service, ms (its table 3-4: 6 + 1743 + 106).
pub const PAPER_INTERRUPTION_MS: f64 = 1855.0;
/// The paper's total, ms (its table 3-4).
pub const PAPER_TOTAL_MS: f64 = 1969.0;
/// The paper's interruption of service in its relay scenario, ms (its table 4-2).
pub const PAPER_RELAY_INTERRUPTION_MS: f64 = 1858.0;
/// The paper's total in its relay scenario, ms (its table 4-2).
pub const PAPER_RELAY_TOTAL_MS: f64 = 2173.0;
/// Pings lost in the paper's run at an interval of 100 ms.
pub const PAPER_PINGS_LOST: u64 = 19;

impl PhaseName {
    /// Every phase, in the table's order.
    pub const ALL: [Self; 19] = [
        Self::TunIp,
        Self::SetRoute,
        Self::StartD2d,
        Self::MakeUsrp,
        Self::PreparePod,
        Self::GuestStart,
        Self::Precopy,
        Self::Detect,
        Self::StopSource,
        Self::Dump,
        Self::Copy,
        Self::Restore,
        Self::Network,
        Self::Resume,
        Self::Switchover,
        Self::Postcopy,
        Self::Eth3,
        Self::LinkUsrp,
        Self::Sync,
    ];

    /// Name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::TunIp => "tun_ip",
            Self::SetRoute => "set_route",
            Self::StartD2d => "start_d2d",
            Self::MakeUsrp => "make_usrp",
            Self::PreparePod => "prepare_pod",
            Self::GuestStart => "guest_start",
            Self::Precopy => "precopy",
            Self::Dump => "dump",
            Self::Copy => "copy",
            Self::Restore => "restore",
            Self::Network => "network",
            Self::Resume => "resume",
            Self::Switchover => "switchover",
            Self::Postcopy => "postcopy",
            Self::Detect => "detect",
            Self::StopSource => "stop_source",
            Self::Eth3 => "eth3",
            Self::LinkUsrp => "link_usrp",
            Self::Sync => "sync",
        }
    }

    /// What happens in it, in the operator's words.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::TunIp => "read and set tun address",
            Self::SetRoute => "carry route table",
            Self::StartD2d => "send control info, start D2D",
            Self::MakeUsrp => "make USRP entity",
            Self::PreparePod => "make the pod's network",
            Self::GuestStart => "start the waiting guest",
            Self::Precopy => "copy memory while it runs",
            Self::Dump => "dump the processes",
            Self::Copy => "copy the images",
            Self::Restore => "restore the processes",
            Self::Network => "network of the pod",
            Self::Resume => "let the processes go on",
            Self::Switchover => "stop, copy the rest, go on",
            Self::Postcopy => "fetch memory afterwards",
            Self::Detect => "notice the silence",
            Self::StopSource => "stop the source",
            Self::Eth3 => "change eth3 address",
            Self::LinkUsrp => "link entity to radio",
            Self::Sync => "signal processing re-syncs",
        }
    }

    /// The paper's figure, ms (its table 3-4); it timed neither the stopping of the source nor the route table as such. Of its relay
    /// scenario (its table 4-2) the sums are known, and no phases.
    pub fn paper_ms(self) -> Option<f64> {
        match self {
            Self::TunIp => Some(6.0),
            Self::StartD2d => Some(53.0),
            Self::MakeUsrp => Some(55.0),
            Self::Eth3 => Some(6.0),
            Self::LinkUsrp => Some(1743.0),
            Self::Sync => Some(106.0),
            _ => None,
        }
    }

    /// Whether it is one of a method that is there for comparison: it stands in a table only where a run has it.
    pub const fn is_for_comparison(self) -> bool {
        match self {
            Self::TunIp | Self::SetRoute | Self::StartD2d | Self::MakeUsrp => false,
            Self::StopSource | Self::Eth3 | Self::LinkUsrp | Self::Sync => false,
            Self::Detect | Self::PreparePod | Self::Dump | Self::Copy | Self::Restore | Self::Network | Self::Resume => true,
            Self::GuestStart | Self::Precopy | Self::Switchover | Self::Postcopy => true,
        }
    }
}

/// One timed phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Which.
    pub name: PhaseName,
    /// Measured on the engine's clock, ms.
    pub ms: f64,
    /// The paper's figure, ms. Records and messages keep the name that 0.1.0 gave it.
    #[serde(rename = "source_ms", alias = "paper_ms")]
    pub paper_ms: Option<f64>,
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Ok,
    /// Not done; the reason says who serves.
    Failed,
    /// Not done, and the service is back where it was.
    RolledBack,
    /// The operator stopped it before the cut.
    Cancelled,
}

/// Interruption of service, three ways. Fields are `null` where the far end could not be asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Interruption {
    /// By the paper's definition: the sum of the phases during which nobody serves, without the stopping of the source
    /// (classic: eth3 + link_usrp + sync), ms.
    pub by_phases_ms: Option<f64>,
    /// Interval of the far end's probe, ms.
    pub probe_interval_ms: Option<f64>,
    /// Probes sent between the start of the migration and its end.
    pub probes_sent: Option<u64>,
    /// Probes of those that were never answered.
    pub probes_lost: Option<u64>,
    /// Lost pings x interval, ms.
    pub by_loss_ms: Option<f64>,
    /// Longest time without a reply at the far end: last reply before, first after, ms.
    pub gap_ms: Option<f64>,
}

/// What was done after a failed cut so that somebody serves again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// Host that was last asked to serve.
    pub to: String,
    /// Whether it serves again, in sync.
    pub serves: bool,
    /// Phases of the way back that were completed.
    pub phases: Vec<Phase>,
    /// From the failure until the service was back, or given up, ms: clean-up, questions and attempts together.
    pub rollback_ms: Option<f64>,
    /// How long nobody served: from the cut until the service was back, ms; `null` if it is not.
    pub unserved_ms: Option<f64>,
}

/// What an order left behind: one line of JSON in the records, written before anyone is told that it is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Identity: sorts by time.
    pub run: String,
    /// When the order began.
    pub started: DateTime<Utc>,
    /// What was ordered.
    pub order: Order,
    /// How.
    pub method: Method,
    /// Host that served before; for orders that move nothing, the host concerned.
    pub from: String,
    /// Host that was to serve; for orders that move nothing, the host concerned.
    pub to: String,
    /// Name of the radio, where a host has several; absent: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radio: Option<String>,
    /// The host that served relayed between terminals.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relay: bool,
    /// Who ordered it.
    #[serde(default)]
    pub by: Option<String>,
    /// The agent that carried it out ended amid it, and the one started next brought it to its end: there are no times.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_up: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it did not end well, in the words of the side that failed.
    pub reason: Option<String>,
    /// The failure behind `reason`, with its code and hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Things that went wrong without spoiling the outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Phases in the order in which they ran.
    pub phases: Vec<Phase>,
    /// From the order to sync, ms, without the time that it waited for `go`.
    pub total_ms: f64,
    /// The parts of the cut, each on its host's own clock; empty where the method keeps none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<TracePart>,
    /// What the processes know of payloads and packets at the cut; absent where the method keeps no count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<Handover>,
    /// What the mechanism itself reports of the move; absent where the method is baton's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<Mechanism>,
    /// Packets that the source's programs sent into its frozen modem, and that were sent from the destination.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packets_forwarded: u64,
    /// How long it waited for `go`, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_ms: Option<f64>,
    /// What the service felt.
    pub interruption: Interruption,
    /// The way back, where the order failed after the cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl RunRecord {
    /// From the order to sync, ms; nothing where the agent that timed it has ended.
    pub fn total(&self) -> Option<f64> {
        (!self.taken_up).then_some(self.total_ms)
    }

    /// Whether anything was done: an order that was refused or cancelled before its first step is no run. Of one whose agent ended amid it
    /// nothing is known, not even a failure.
    pub fn began(&self) -> bool {
        let timed = self.taken_up || self.total_ms > 0.0 || !self.phases.is_empty() || self.rollback.is_some();
        self.outcome == Outcome::Ok || timed || self.failure.is_none()
    }
}
