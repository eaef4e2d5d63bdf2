//! What an agent publishes ten times a second.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    AddressHolder, Alarm, ControlReport, ControlValues, FollowsNext, GuestStatus, Method, Order, Phase, PhaseName, ProbeOutcome,
    ProbeSpan, Route, RunPart, StandbyStatus, StoreStatus,
};

/// First frame of a telemetry message; the second is a [`Telemetry`].
pub const TOPIC_TELEMETRY: &str = "telemetry";

/// State of one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Protocol version.
    pub v: u32,
    /// Host name.
    pub host: String,
    /// Name of the radio, where a host has several; absent: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radio: Option<String>,
    /// Counts up by one per message: a gap is a loss.
    pub seq: u64,
    /// When it was measured.
    pub at: DateTime<Utc>,
    /// Since the agent started, ms.
    pub uptime_ms: u64,
    /// Load of the machine and of the agent.
    pub load: HostLoad,
    /// eth3.
    pub radio_port: Port,
    /// Epoch of the radio's owner, the highest that this agent knows; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_epoch: Option<u64>,
    /// The owner under that epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who else has the radio's address on the radio's network, as far as ARP tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub address_holders: Vec<AddressHolder>,
    /// What is not as it should be, for as long as it lasts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
    /// tun.
    pub tun: Port,
    /// The D2D process.
    pub d2d: ProcessStatus,
    /// The USRP process.
    pub usrp: ProcessStatus,
    /// The guest, where the work is one; it then has neither D2D nor USRP process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestStatus>,
    /// What it does as an armed standby, where it is one or is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<StandbyStatus>,
    /// As a standby it has taken over: it has the radio from its parked address, until the radio's address is free.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub serves_parked: bool,
    /// It takes on no work of this radio: an operator has drained it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drained: bool,
    /// The pool's store, where there is one and this host serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreStatus>,
    /// On a host that serves: whether it would follow the one that has the work next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows_next: Option<FollowsNext>,
    /// Control variables as last collected.
    pub control: ControlReport,
    /// Route table as last collected.
    pub route_list: Vec<Route>,
    /// The ICMP probe, where one runs.
    pub probe: Option<ProbeStatus>,
    /// The order being carried out here, or the last one.
    pub migration: Option<Progress>,
    /// The order of another host that this one takes part in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_part: Option<RunPart>,
}

impl Telemetry {
    /// Control variables and routes as last collected.
    pub fn control_values(&self) -> ControlValues {
        ControlValues { control: self.control.values.clone(), route_list: self.route_list.clone() }
    }
}

/// Load of a host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostLoad {
    /// All cores together, percent of all cores. In the lab every host shares one machine.
    pub cpu_percent: f32,
    /// Number of cores.
    pub cores: usize,
    /// Used memory, bytes.
    pub memory_used: u64,
    /// Memory of the machine, bytes.
    pub memory_total: u64,
    /// Received on all interfaces of the host's namespace, bytes per second.
    pub rx_bytes_per_s: u64,
    /// Sent on all interfaces of the host's namespace, bytes per second.
    pub tx_bytes_per_s: u64,
    /// The agent itself.
    pub agent: ProcessLoad,
}

/// Load of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessLoad {
    /// Percent of one core.
    pub cpu_percent: f32,
    /// Resident memory, bytes.
    pub memory: u64,
}

/// A network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Interface name.
    pub name: String,
    /// Addresses with prefix length.
    pub addresses: Vec<String>,
    /// Whether the interface is up.
    pub up: bool,
    /// Hardware address, e.g. `02:00:00:00:00:01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Largest packet of the network layer, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

/// Where a workload process is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// Not there.
    #[default]
    Stopped,
    /// Started, not yet ready.
    Starting,
    /// USRP: made, not linked.
    Made,
    /// At work.
    Running,
    /// Ended by itself.
    Died,
}

/// A workload process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// Where it is in its life.
    pub state: ProcessState,
    /// Process id.
    pub pid: Option<u32>,
    /// Since it was started, ms.
    pub uptime_ms: Option<u64>,
    /// How long it has left its agent's questions unanswered, ms, where that is longer than a busy machine explains: stopped by a signal, or hung.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered_ms: Option<u64>,
    /// Its load.
    pub load: ProcessLoad,
    /// D2D: synchronisation with the far end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncState>,
    /// USRP: sample stream counters; D2D: its own view of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<StreamCounters>,
    /// D2D: quality of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// USRP: whether the radio's clock is locked to its reference; absent where nobody serves, or the program does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_locked: Option<bool>,
    /// The methods by which its work can be moved; absent where the program does not tell, or nothing runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<Method>>,
    /// USRP: what the radio did not do as it was asked, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it died, when it did: exit status and last words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_words: Option<String>,
}

/// Synchronisation of the signal processing with the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SyncState {
    /// No samples arrive.
    NoSamples,
    /// Looking for the far end.
    Searching,
    /// Decoding, with a good CRC to prove it.
    Synced {
        /// For how long, ms.
        for_ms: u64,
    },
    /// Was in sync; nothing good has been decoded lately.
    Lost {
        /// For how long, ms.
        for_ms: u64,
    },
    /// The D2D process runs, but is a program that does not tell.
    #[serde(rename = "untold")]
    Unreported,
}

/// Counters of the sample streams since the process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamCounters {
    /// Samples received.
    pub rx_samples: u64,
    /// Samples sent.
    pub tx_samples: u64,
    /// Samples missing in the received stream, from its timestamps.
    pub rx_lost_samples: u64,
    /// Receive overflows reported by the radio.
    pub overflows: u64,
    /// Transmit underflows reported by the radio.
    pub underflows: u64,
    /// Transmit bursts that came too late.
    pub late: u64,
    /// Transmit sequence errors reported by the radio.
    pub sequence_errors: u64,
}

/// Quality of the air link as the D2D process measures it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// Signal to noise ratio, dB.
    pub snr_db: Option<f32>,
    /// Transport blocks decoded with a good CRC.
    pub blocks_good: u64,
    /// Transport blocks with a bad CRC.
    pub blocks_bad: u64,
    /// IP packets delivered to tun.
    pub packets_in: u64,
    /// IP packets taken from tun.
    pub packets_out: u64,
    /// IP packets that were sent again because the far end had missed a part of them.
    #[serde(default)]
    pub packets_resent: u64,
    /// Error vector magnitude after equalisation, percent.
    #[serde(default)]
    pub evm_percent: Option<f32>,
    /// Carrier frequency offset, Hz.
    #[serde(default)]
    pub cfo_hz: Option<f32>,
    /// Part of the recent transport blocks that was bad or missing, 0..=1.
    #[serde(default)]
    pub block_error_rate: Option<f32>,
    /// Subframes that are always transmitted and were not received.
    #[serde(default)]
    pub subframes_lost: u64,
    /// Relay scenario: packets sent on for other terminals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<u64>,
    /// Relay scenario: packets dropped because no route led to their destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_route: Option<u64>,
}

/// The far end's ICMP probe.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeStatus {
    /// Probed address.
    pub target: String,
    /// Milliseconds between probes.
    pub interval_ms: f64,
    /// Probes sent since the probe started.
    pub sent: u64,
    /// Of those, the ones sent before the first reply ever: nobody served yet, so they are not lost.
    #[serde(default)]
    pub before_service: u64,
    /// Replies received.
    pub received: u64,
    /// Probes given up since the first reply.
    pub lost: u64,
    /// Minimum, median, 95th percentile and maximum of the latest 1000 round trips, ms.
    pub rtt_ms: Option<[f64; 4]>,
    /// The latest probes, oldest first; at least as many as fit a wide strip.
    pub recent: Vec<ProbeOutcome>,
    /// The same and those before them in spans of time, oldest first, back to where all were answered or given up; whole spans but for the
    /// newest. Empty from a version that does not send them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<ProbeSpan>,
}

/// Where one step of an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not yet begun.
    Waiting,
    /// Under way.
    Running,
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Over, but not measured: the program does not tell.
    Unmeasured,
}

/// One step of an order, as the console follows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which phase.
    pub name: PhaseName,
    /// Where it is.
    pub state: StepState,
    /// Elapsed so far, or how long it took, ms.
    pub ms: f64,
}

/// Where an order is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStage {
    /// Looking whether it may begin.
    #[default]
    Checking,
    /// Before the cut: the source serves. It can be cancelled.
    Preparing,
    /// Ready to cut, waiting for `go` or `cancel`.
    Ready,
    /// From the cut on.
    Moving,
    /// It failed or was cancelled: cleaning up and asking who serves.
    CleaningUp,
    /// Bringing the service back.
    RollingBack,
    /// Counting probes, writing the record, or over.
    Closing,
}

impl OrderStage {
    /// Whether the source still serves undisturbed.
    pub fn is_before_cut(self) -> bool {
        matches!(self, Self::Checking | Self::Preparing | Self::Ready)
    }
}

/// An order under way, or the last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Identity of the run.
    pub run: String,
    /// What was ordered.
    pub order: Order,
    /// How.
    pub method: Method,
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// Steps in order; orders that move nothing have none.
    pub steps: Vec<Step>,
    /// Where it is.
    #[serde(default)]
    pub stage: OrderStage,
    /// What is being done, in words.
    pub now: String,
    /// Whether it is over.
    pub finished: bool,
    /// The record, once it is written.
    pub record: Option<super::RunRecord>,
}

impl Progress {
    /// Whether it is a migration under way that can still be cancelled.
    pub fn is_before_cut(&self) -> bool {
        !self.finished && self.order.is_migration() && self.stage.is_before_cut()
    }

    /// Phases that are done, as a record lists them.
    pub fn phases(&self) -> Vec<Phase> {
        self.steps
            .iter()
            .filter(|s| s.state == StepState::Done)
            .map(|s| Phase { name: s.name, ms: s.ms, paper_ms: s.name.paper_ms() })
            .collect()
    }
}
