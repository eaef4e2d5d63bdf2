//! Requests and replies between controllers: the twelve commands of the source system and baton's own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ErrorCode, Failure, MAX_FRAME, Method, Order, OrderRequest, VERSION};

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

/// Where eth3 is to point: at the radio or parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetPort {
    /// 192.168.10.1: the radio talks to this host.
    Active,
    /// 192.168.20.2: out of the radio's sight.
    Parked,
}

/// A command and its arguments, on the wire as `"command": name, "args": {...}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", content = "args", rename_all = "snake_case")]
pub enum Command {
    /// Start the D2D process; `control_flag` 1 passes `Control` to it so that it need not detect the values again.
    StartD2d {
        /// 0 plain, 1 with control information.
        control_flag: u8,
        /// The control variables; needed when `control_flag` is 1.
        #[serde(default, rename = "Control", skip_serializing_if = "Option::is_none")]
        control: Option<Control>,
    },
    /// eth3 to the radio, probe up to 8 times, initialise the radio in full, start the USRP process and link it. Result: [`Linked`].
    StartUsrp {
        /// As in `link_usrp`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        /// As in `link_usrp`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        force: bool,
    },
    /// Start the USRP process with sockets and buffers made, without a link and without touching eth3. Result: [`Started`].
    MakeUsrp,
    /// eth3 to the radio, probe up to 8 times, connect the made entity. No initialisation. Result: [`Linked`].
    LinkUsrp {
        /// The owner's epoch: refused when this agent knows of a newer owner. Absent: one more than the highest that it knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        /// Take the radio's address although another host has it, or although nobody could be asked.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        force: bool,
    },
    /// The radio has a newer owner: park eth3, and end a USRP process that is linked (baton's own; new owners send it to the others).
    Fence {
        /// The new owner's epoch; with the owner's name to decide between equals, refused when this agent knows of a newer one.
        epoch: u64,
        /// The new owner.
        owner: String,
    },
    /// Kill D2D and USRP, park eth3; success only if all three worked. Result: null, or of frozen processes [`Unsent`](super::Unsent) (baton's own).
    DoubleKill,
    /// Park eth3, then kill the USRP process.
    KillUsrp,
    /// Kill the D2D process and stop the collector.
    KillD2d,
    /// Read the address of tun. Result: [`TunIp`].
    GetTunIp,
    /// Set the address of tun.
    SetTunIp {
        /// Address with prefix length, e.g. `192.168.40.9/24`; empty takes it away (baton's own).
        tun_ip: String,
    },
    /// Read the control variables. Result: [`ControlValues`].
    GetControl,
    /// Read what this host has last collected of another one (baton's own). Result: [`Collected`].
    GetCollected {
        /// The other host.
        of: String,
    },
    /// Store the route list for the next start of the D2D process.
    SetRoute {
        /// The routes.
        route_list: Vec<Route>,
    },
    /// Leave: the agent ends its workload and itself.
    End,
    /// Point eth3 at the radio or park it (baton's own; `DS` needs it as a step).
    SetEth3 {
        /// Where to.
        port: SetPort,
    },
    /// Wait until the D2D process is in sync (baton's own). Result: [`SyncState`](super::SyncState).
    AwaitSync {
        /// How long to wait, ms.
        deadline_ms: u64,
    },
    /// Tell the soft state of the running D2D process, for `prepare` (baton's own). Result: [`SoftState`].
    Export,
    /// Make everything ready for `take_over`: the D2D process gets the soft state, the radio is found by ARP (baton's own). The radio is not
    /// spoken to and eth3 keeps its address. Result: [`Prepared`].
    Prepare {
        /// What `export` on the other host has answered.
        state: Value,
    },
    /// Receive beside the other host's processes, on the radio's other receive chain, until the D2D process is in sync; give out nothing
    /// (baton's own). The radio is spoken to from the parked address. Result: [`Overlapped`](super::Overlapped).
    Overlap {
        /// `stream` of what `export` on the other host has answered.
        stream: Value,
    },
    /// Stop both processes without ending them, and take eth3 away from the radio (baton's own). After a failure they go on. Result: [`Frozen`].
    Freeze,
    /// eth3 to the radio, streams here, D2D on from the soft state: no probe, no settings (baton's own). eth3 is taken away again after a failure.
    /// Result: [`Linked`].
    TakeOver {
        /// `state` of what `freeze` on the other host has answered.
        state: Value,
        /// `mark` of the same.
        mark: Value,
        /// The owner's epoch, at least: this host takes a higher one if it knows one.
        epoch: u64,
    },
    /// Go on after `freeze`: eth3 to the radio, streams back here (baton's own).
    Resume {
        /// The owner's epoch, at least; absent: nobody else has taken the radio meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
    },
    /// The migration is over: eth3 keeps the radio's address alone, the other hosts are told who owns the radio, and what the source's programs have
    /// sent into its frozen modem is sent here (baton's own).
    Commit {
        /// What `double_kill` on the other host has answered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        packets: Vec<String>,
    },
    /// Carry out an operator's order here (baton's own). Answered when the order is over. Result: [`RunRecord`](super::RunRecord).
    Order(OrderRequest),
    /// What an order would do and how long that is expected to take; nothing is done (baton's own). Asked of the host that would carry
    /// it out. Result: [`Plan`](super::Plan).
    Plan(OrderRequest),
    /// Go on with the order that waits here for it (baton's own).
    Go,
    /// Give up the order that is under way here, before its cut (baton's own).
    Cancel,
    /// The same snapshot that telemetry publishes (baton's own). Result: [`Telemetry`](super::Telemetry).
    Status,
    /// Start the ICMP probe, or change its target or interval (baton's own).
    ProbeStart {
        /// IPv4 address to probe.
        target: String,
        /// Milliseconds between probes, 1 or more.
        interval_ms: f64,
    },
    /// Stop the ICMP probe (baton's own).
    ProbeStop,
    /// The sequence number of the next probe (baton's own). Result: [`ProbeMark`].
    ProbeMark,
    /// Statistics of all probes from `since` up to now, once each is answered or lost (baton's own). Result: [`ProbeWindow`].
    ProbeWindow {
        /// First probe of the window, from a [`ProbeMark`].
        since: u64,
    },
}

impl Command {
    /// Name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StartD2d { .. } => "start_d2d",
            Self::StartUsrp { .. } => "start_usrp",
            Self::MakeUsrp => "make_usrp",
            Self::LinkUsrp { .. } => "link_usrp",
            Self::Fence { .. } => "fence",
            Self::DoubleKill => "double_kill",
            Self::KillUsrp => "kill_usrp",
            Self::KillD2d => "kill_d2d",
            Self::GetTunIp => "get_tun_ip",
            Self::SetTunIp { .. } => "set_tun_ip",
            Self::GetControl => "get_control",
            Self::GetCollected { .. } => "get_collected",
            Self::SetRoute { .. } => "set_route",
            Self::End => "end",
            Self::SetEth3 { .. } => "set_eth3",
            Self::AwaitSync { .. } => "await_sync",
            Self::Export => "export",
            Self::Prepare { .. } => "prepare",
            Self::Overlap { .. } => "overlap",
            Self::Freeze => "freeze",
            Self::TakeOver { .. } => "take_over",
            Self::Resume { .. } => "resume",
            Self::Commit { .. } => "commit",
            Self::Order(_) => "order",
            Self::Plan(_) => "plan",
            Self::Go => "go",
            Self::Cancel => "cancel",
            Self::Status => "status",
            Self::ProbeStart { .. } => "probe_start",
            Self::ProbeStop => "probe_stop",
            Self::ProbeMark => "probe_mark",
            Self::ProbeWindow { .. } => "probe_window",
        }
    }

    /// Every name on the wire, for "unknown command" answers and the documentation.
    pub const NAMES: [&'static str; 32] = [
        "start_d2d",
        "start_usrp",
        "make_usrp",
        "link_usrp",
        "fence",
        "double_kill",
        "kill_usrp",
        "kill_d2d",
        "get_tun_ip",
        "set_tun_ip",
        "get_control",
        "get_collected",
        "set_route",
        "end",
        "set_eth3",
        "await_sync",
        "export",
        "prepare",
        "overlap",
        "freeze",
        "take_over",
        "resume",
        "commit",
        "order",
        "plan",
        "go",
        "cancel",
        "status",
        "probe_start",
        "probe_stop",
        "probe_mark",
        "probe_window",
    ];

    /// Commands whose arguments may all be left out.
    const OPTIONAL_ARGS: [&'static str; 4] = ["start_usrp", "link_usrp", "resume", "commit"];

    /// `link_usrp` as a plain client sends it: the next epoch, not forced.
    pub const LINK_USRP: Self = Self::LinkUsrp { epoch: None, force: false };

    /// `start_usrp` as a plain client sends it: the next epoch, not forced.
    pub const START_USRP: Self = Self::StartUsrp { epoch: None, force: false };

    /// An order without options, for tests and callers that need none.
    pub fn order(order: Order, method: Method) -> Self {
        Self::Order(OrderRequest::new(order, method))
    }
}

/// A connection of a sender that makes a new one when it has lost the old one, and sends again there what it still waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Identity of the sender.
    pub of: String,
    /// Counted from 1.
    pub number: u64,
}

/// A request: first frame of the message; the second frame, when a cluster key is in use, is the hex HMAC-SHA-256 of the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Protocol version, [`VERSION`].
    pub v: u32,
    /// Identity of the request: a retry carries the same id and is never executed twice.
    pub id: String,
    /// Name of the host addressed.
    pub to: String,
    /// When it was sent, ms since the Unix epoch.
    #[serde(default)]
    pub sent_at_ms: u64,
    /// In a retry, when it was first sent, ms since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_at_ms: Option<u64>,
    /// Which of its sender's connections it was sent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// Random text, never used twice by one sender.
    #[serde(default)]
    pub nonce: String,
    /// What to do.
    #[serde(flatten)]
    pub command: Command,
}

impl Request {
    /// Reads a request from its frame.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] for anything that is no request, [`ErrorCode::Version`] for another protocol version,
    /// [`ErrorCode::UnknownCommand`] for a command that is not in [`Command::NAMES`]; each with a sentence.
    pub fn parse(frame: &[u8]) -> Result<Self, Failure> {
        let bad =
            |message: String| Failure::new(ErrorCode::BadRequest, message).hint("docs/protocol.md shows the format of a request");
        if frame.len() > MAX_FRAME {
            return Err(bad(format!("the request has {} bytes; the limit is {MAX_FRAME}", frame.len())));
        }
        let mut value: Value = serde_json::from_slice(frame).map_err(|e| bad(format!("the request is not JSON: {e}")))?;
        let version =
            value.get("v").and_then(Value::as_u64).ok_or_else(|| bad("the request has no protocol version \"v\"".into()))?;
        if version != u64::from(VERSION) {
            return Err(Failure::new(
                ErrorCode::Version,
                format!("the request speaks protocol version {version}, this agent speaks {VERSION}"),
            )
            .hint("run the same baton on every host"));
        }
        let name = value.get("command").and_then(Value::as_str).ok_or_else(|| bad("the request has no \"command\"".into()))?;
        if !Command::NAMES.contains(&name) {
            return Err(Failure::new(ErrorCode::UnknownCommand, format!("unknown command \"{name}\""))
                .hint(format!("this agent knows {}", Command::NAMES.join(", "))));
        }
        let name = name.to_owned();
        if let Some(fields) = value.as_object_mut() {
            let none =
                fields.get("args").is_none_or(|args| args.is_null() || args.as_object().is_some_and(serde_json::Map::is_empty));
            // serde wants no list of arguments where there are none, and one where all may be left out.
            match Command::OPTIONAL_ARGS.contains(&name.as_str()) {
                true if none => drop(fields.insert("args".into(), Value::Object(serde_json::Map::new()))),
                false if none => drop(fields.remove("args")),
                _ => {}
            }
        }
        serde_json::from_value(value).map_err(|e| bad(format!("the arguments of {name} are wrong: {e}")))
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Protocol version.
    pub v: u32,
    /// Id of the request that is answered; empty when it could not be read.
    pub id: String,
    /// Name of the host that answers.
    pub from: String,
    /// Whether it worked.
    pub ok: bool,
    /// How long it took, ms.
    pub elapsed_ms: f64,
    /// Result of the command, when it worked.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// Why it did not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// Result of `make_usrp` and `start_d2d`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Process id on the host.
    pub pid: u32,
}

/// Result of `get_tun_ip`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunIp {
    /// Address with prefix length.
    pub tun_ip: String,
}

/// Result of `get_control`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
