//! Every command: its name, its arguments, its answer, whether it only reads, and where it comes from. One table, from which link, agent,
//! engine, fakes and `docs/protocol.md` take what they need.

use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::spec::{Access, Arguments, CommandSpec, Source};
use super::OrderRequest;
use super::answer::{Answer, AnswerType};
use super::{
    Accelerator, Collected, Control, ControlValues, CopiedImages, Deadline, DumpedPod, Ended, ErrorCode, Examination, Failure,
    Fenced, Frozen, GuestCopy, GuestMigration, GuestMoment, GuestPrepared, HeartbeatRequest, ImageFile, ImagePart, Linked,
    Overlapped, OwnerReport, Plan, Prepared, ProbeMark, ProbeWindow, RecentEvents, RestoredPod, Route, RunRecord, SoftState,
    Started, SyncState, Telemetry, TunIp, Unsent,
};

#[macro_use]
mod macros;
mod spec;
mod usual;

/// Where eth3 is to point: at the radio or parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetPort {
    /// 192.168.10.1: the radio talks to this host.
    Active,
    /// 192.168.20.2: out of the radio's sight.
    Parked,
}

/// A command as a type of its own, of [`ask`], that knows the type of its answer.
pub trait TypedCommand: Into<Command> {
    /// What the agent answers.
    type Answer: AnswerType;
}

commands! {
    /// Start the D2D process; `control_flag` 1 passes `Control` to it so that it need not detect the values again.
    [Paper Changes Required, args "`control_flag` 0 or 1, `Control` (object, with flag 1)", result "`{\"pid\"}`"]
    StartD2d {
        /// 0 plain, 1 with control information.
        control_flag: u8,
        /// The control variables; needed when `control_flag` is 1.
        #[serde(default, rename = "Control", skip_serializing_if = "Option::is_none")]
        control: Option<Control>,
    } -> Started,
    /// eth3 to the radio, probe up to 8 times, initialise the radio in full, start the USRP process and link it.
    [Paper Changes Optional, args "`epoch`, `force`, `despite_foreign`, `by_radio`, all optional", result "timings, with `init_ms` and `make_ms`; `epoch`"]
    StartUsrp {
        /// As in `link_usrp`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        /// As in `link_usrp`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        force: bool,
        /// As in `link_usrp`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        despite_foreign: bool,
        /// Take the radio's address although a machine answers for it that is no host of this cluster, where the hardware addresses of all hosts are
        /// known (baton's own): a switch may answer for a host that is dead. Whoever gets the radio's samples serves.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_radio: bool,
    } -> Linked,
    /// Start the USRP process with sockets and buffers made, without a link and without touching eth3.
    [Paper Changes None, args "", result "`{\"pid\"}`"]
    MakeUsrp -> Started,
    /// eth3 to the radio, probe up to 8 times, connect the made entity. No initialisation.
    [Paper Changes Optional, args "`epoch`, `force`, `despite_foreign`, all optional", result "timings: `eth3_ms`, `probe_ms`, `probes`, `link_ms`; `epoch`"]
    LinkUsrp {
        /// The owner's epoch: refused when this agent knows of a newer owner. Absent: one more than the highest that it knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        /// Take the radio's address although another host has it, or although nobody could be asked.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        force: bool,
        /// Take the radio's address although a machine that is no host of this cluster has it (baton's own): the work goes back to
        /// where it served.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        despite_foreign: bool,
    } -> Linked,
    /// The radio has a newer owner: park eth3, and end a USRP process that is linked (baton's own; new owners send it to the others).
    [Baton Changes Required, args "`epoch`, `owner`", result ""]
    Fence {
        /// The new owner's epoch; with the owner's name to decide between equals, refused when this agent knows of a newer one.
        epoch: u64,
        /// The new owner.
        owner: String,
    } -> (),
    /// Kill D2D and USRP, park eth3; success only if all three worked.
    [Paper Changes None, args "", result "none; where the D2D process was frozen and tells, `{\"packets\"}` (baton's own): what programs of this host have sent since, docs/workload.md `unsent`"]
    DoubleKill -> Option<Unsent>,
    /// Park eth3, then kill the USRP process.
    [Paper Changes None, args "", result ""]
    KillUsrp -> (),
    /// Kill the D2D process and stop the collector.
    [Paper Changes None, args "", result ""]
    KillD2d -> (),
    /// Read the address of tun.
    [Paper Reads None, args "", result "`{\"tun_ip\": \"192.168.40.9/24\"}`"]
    GetTunIp -> TunIp,
    /// Set the address of tun.
    [Paper Changes Required, args "`tun_ip`; empty takes the address away (baton's own)", result ""]
    SetTunIp {
        /// Address with prefix length, e.g. `192.168.40.9/24`; empty takes it away (baton's own).
        tun_ip: String,
    } -> (),
    /// Read the control variables.
    [Paper Reads None, args "", result "`{\"Control\": {...}, \"route_list\": [...]}`"]
    GetControl -> ControlValues,
    /// Read what this host has last collected of another one (baton's own).
    [Baton Reads Required, args "`of`: the other host of the pool", result "`{\"Control\", \"route_list\", \"tun_ip\", \"at\"}`: what was last collected of it, for a failover"]
    GetCollected {
        /// The other host.
        of: String,
    } -> Collected,
    /// Store the route list for the next start of the D2D process.
    [Paper Changes Required, args "`route_list`: `[{\"destID\": 1, \"nexthop\": 2}, ...]`", result ""]
    SetRoute {
        /// The routes.
        route_list: Vec<Route>,
    } -> (),
    /// Leave: the agent ends its workload and itself.
    [Paper Changes None, args "", result "none; or `{\"warnings\"}`: what did not work"]
    End -> Option<Ended>,
    /// Point eth3 at the radio or park it (baton's own; `DS` needs it as a step).
    [Baton Changes Required, args "`port`: `active` or `parked`", result ""]
    SetEth3 {
        /// Where to.
        port: SetPort,
    } -> (),
    /// Wait until the D2D process is in sync (baton's own).
    [Baton Reads Required, args "`deadline_ms`", result "`{\"state\": \"synced\", \"for_ms\": 12}`"]
    AwaitSync {
        /// How long to wait, ms.
        deadline_ms: u64,
    } -> SyncState,
    /// Tell the soft state of the running D2D process, for `prepare` (baton's own).
    [Baton Reads None, args "", result "`{\"state\": {...}, \"stream\": {...}}`: the soft state of the running D2D process, its own, and the receive stream of the USRP process (absent where that does not tell); first it does what an earlier migration's `commit` has left undone"]
    Export -> SoftState,
    /// Make everything ready for `take_over`: the D2D process gets the soft state, the radio is found by ARP (baton's own). The radio is not
    /// spoken to and eth3 keeps its address.
    [Baton Changes Required, args "`state` from `export` of the other host", result "`{\"radio_mac\"}`; absent where the agent may not use raw sockets"]
    Prepare {
        /// What `export` on the other host has answered.
        state: Value,
    } -> Prepared,
    /// Receive beside the other host's processes, on the radio's other receive chain, until the D2D process is in sync; give out nothing
    /// (baton's own). The radio is spoken to from the parked address.
    [Baton Changes Required, args "`stream` from `export` of the other host", result "`{\"chain\", \"receive_ms\", \"sync_ms\"}`"]
    Overlap {
        /// `stream` of what `export` on the other host has answered.
        stream: Value,
    } -> Overlapped,
    /// Stop both processes without ending them, and take eth3 away from the radio (baton's own). After a failure they go on.
    [Baton Changes None, args "", result "`{\"state\", \"mark\", \"epoch\", \"trace\"}`"]
    Freeze -> Frozen,
    /// eth3 to the radio, streams here, D2D on from the soft state: no probe, no settings (baton's own). eth3 is taken away again after a failure.
    [Baton Changes Required, args "`state`, `mark`, and one more than `epoch`, from `freeze` of the other host; `within_ms`, optional: time left until the source may go on by itself", result "timings as `link_usrp`, and `trace`; after `overlap` also `handover` (docs/records.md)"]
    TakeOver {
        /// `state` of what `freeze` on the other host has answered.
        state: Value,
        /// `mark` of the same.
        mark: Value,
        /// The owner's epoch, at least: this host takes a higher one if it knows one.
        epoch: u64,
        /// Until when, at most: from then on the source may go on by itself. Absent: the agent counts from when it gets the command.
        #[serde(default, rename = "within_ms", skip_serializing_if = "Option::is_none")]
        by: Option<Deadline>,
    } -> Linked,
    /// Of a work in a pod: make the holder of the pod and its place in the network, parked, for `restore_pod` (baton's own, for comparison).
    [Baton Changes None, args "", result ""]
    PreparePod -> (),
    /// Of a work in a pod: as `freeze`, and leave the processes alone, so that they can be dumped (baton's own, for comparison). They go on after a
    /// failure, and by themselves when nobody else has taken the radio.
    [Baton Changes None, args "", result "as `freeze`; `state` and `mark` are null, since the processes keep them"]
    FreezePod -> Frozen,
    /// Of a work in a pod that is frozen: dump its processes, which stay stopped (baton's own, for comparison).
    [Baton Changes None, args "", result "`{\"images\": [{\"name\", \"bytes\"}], \"frozen_ms\", \"pages_written\"}`"]
    DumpPod -> DumpedPod,
    /// Read a part of an image of the last `dump_pod` (baton's own, for comparison; the other host's agent asks).
    [Baton Reads Required, args "`name`, `from` (bytes)", result "`{\"data\"}`: up to 128 KiB, in base64"]
    ReadImage {
        /// Name of the image.
        name: String,
        /// From where on, bytes.
        from: u64,
    } -> ImagePart,
    /// Fetch the images of a dump from the host that has made it (baton's own, for comparison).
    [Baton Changes Required, args "`of`: the other host; `images` from `dump_pod`", result "`{\"bytes\"}`"]
    CopyImages {
        /// The host that has them.
        of: String,
        /// What `dump_pod` has answered there.
        images: Vec<ImageFile>,
    } -> CopiedImages,
    /// Make the processes of a pod again from the images that were fetched; they wait, frozen, away from the radio (baton's own, for comparison).
    [Baton Changes None, args "", result "`{\"restore_ms\"}`"]
    RestorePod -> RestoredPod,
    /// Plug the restored pod, whose eth3 has the radio's address, into the radio's network (baton's own, for comparison). `resume` has it go on.
    [Baton Changes Required, args "one more than `epoch` from `freeze_pod` of the other host; `within_ms`, optional, as in `take_over`", result "timings as `link_usrp`, and `trace`"]
    ConnectPod {
        /// As in `take_over`.
        epoch: u64,
        /// As in `take_over`.
        #[serde(default, rename = "within_ms", skip_serializing_if = "Option::is_none")]
        by: Option<Deadline>,
    } -> Linked,
    /// Go on after `freeze`: eth3 to the radio, streams back here (baton's own).
    [Baton Changes Optional, args "`epoch`, once another host has become the owner; optional", result ""]
    Resume {
        /// The owner's epoch, at least; absent: nobody else has taken the radio meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
    } -> (),
    /// The migration is over: eth3 keeps the radio's address alone, the other hosts are told who owns the radio, and what the source's programs have
    /// sent into its frozen modem is sent here (baton's own).
    [Baton Changes Optional, args "`packets` from `double_kill` of the other host, optional", result ""]
    Commit {
        /// What `double_kill` on the other host has answered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        packets: Vec<String>,
    } -> (),
    /// Of a work in the form `guest`: boot the guest, and wait until it is ready (baton's own).
    [Baton Changes None, args "", result "`{\"pid\"}`"]
    StartGuest -> Started,
    /// Start a guest that waits for the state of the other host's (baton's own).
    [Baton Changes Required, args "`accelerator`: what runs the other host's guest, `kvm` or `tcg`", result "`{\"address\", \"copy\"}`: where it is waited for, and how its memory is copied"]
    PrepareGuest {
        /// What runs the other host's.
        accelerator: Accelerator,
    } -> GuestPrepared,
    /// Begin to move the guest to another host (baton's own). Answered when it has begun.
    [Baton Changes Required, args "`address`, `copy` from `prepare_guest` of the other host", result ""]
    MigrateGuest {
        /// Where it is waited for.
        address: SocketAddrV4,
        /// How its memory is copied.
        copy: GuestCopy,
    } -> (),
    /// Wait for a moment of the guest's migration (baton's own).
    [Baton Reads Required, args "`until`: `stopped`, `gone` or `completed`", result "QEMU's figures: `{\"state\", \"iteration\", ...}`, docs/other-ways-vm.md"]
    AwaitGuest {
        /// Which.
        until: GuestMoment,
    } -> GuestMigration,
    /// Give the guest's migration up, and wait until the guest runs here again (baton's own).
    [Baton Changes None, args "", result ""]
    CancelGuest -> (),
    /// Wait until the guest that has come runs here, and tell the switches (baton's own).
    [Baton Changes None, args "", result ""]
    ConfirmGuest -> (),
    /// Follow the other host's work as an armed standby from now on, and whenever that has ended for another reason than `disarm` (baton's own).
    /// Answered when it follows.
    [Baton Changes None, args "", result ""]
    Arm -> (),
    /// Follow no longer (baton's own).
    [Baton Changes None, args "", result ""]
    Disarm -> (),
    /// Take on no work of this radio from now on: orders that start or move it here are refused, unless by force, and this host does not follow (baton's
    /// own). What serves here goes on.
    [Baton Changes None, args "", result ""]
    Drain -> (),
    /// Take on work again (baton's own).
    [Baton Changes None, args "", result ""]
    Undrain -> (),
    /// Tell the other host's USRP process, which follows this host's, where it is and how it fares, from now on (baton's own; the standby's agent asks).
    [Baton Changes Required, args "`arming`, `key` (64 hexadecimal digits), `radio`, `management`: where to, address and UDP port, either optional", result ""]
    SendHeartbeats(HeartbeatRequest) -> (),
    /// No longer (baton's own; the standby's agent asks).
    [Baton Changes None, args "", result ""]
    EndHeartbeats -> (),
    /// Carry out an operator's order here (baton's own). Answered when the order is over.
    [Baton Changes Required, args "`order` (`DS KL M MB DSR KR`), `method` (`cold`, `classic`, `hot`, `seamless`, `failover`; in a pod `criu`, in a virtual machine `vm`; `recover` for DS and DSR only), `by`, `budget_ms`, `force`, `hold`, `lease_ms`, `run`, `between` (of more than two servers the two that are meant, initiator first); all but the first optional", result "the record of the order"]
    Order(OrderRequest) -> RunRecord,
    /// What an order would do and how long that is expected to take; nothing is done (baton's own). Asked of the host that would carry
    /// it out.
    [Baton Reads Required, args "as `order`; nothing is done", result "`order`, `method`, `from`, `to`, `steps`, `phases`, `total`, `interruption`: below"]
    Plan(OrderRequest) -> Plan,
    /// Go on with the order that waits here for it (baton's own).
    [Baton Changes Optional, args "`run`: which one; optional", result ""]
    Go {
        /// The run that is meant; absent: the one under way, as long as nobody has decided on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    } -> (),
    /// Give up the order that is under way here, before its cut (baton's own).
    [Baton Changes Optional, args "`run`: which one; optional", result ""]
    Cancel {
        /// As in `go`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    } -> (),
    /// Whoever asked for a hold is still there (baton's own).
    [Baton Reads Required, args "`run`", result ""]
    RenewHold {
        /// The run that holds.
        run: String,
    } -> (),
    /// This host takes part in a run, or still does: until it is over, commands of nobody else change the work here (baton's own).
    [Baton Changes Required, args "`run`, `order`, `executor`, `age_ms`, `lease_ms`", result ""]
    Reserve {
        /// The run.
        run: String,
        /// What was ordered.
        order: crate::Order,
        /// The host that carries it out.
        executor: String,
        /// How long ago the run began, ms.
        age_ms: u64,
        /// The reservation ends by itself when it is not renewed for so long, ms.
        lease_ms: u64,
    } -> (),
    /// The run is over (baton's own).
    [Baton Changes Required, args "`run`", result ""]
    Release {
        /// The run.
        run: String,
    } -> (),
    /// The same snapshot that telemetry publishes (baton's own).
    [Baton Reads None, args "", result "the same as telemetry"]
    Status -> Telemetry,
    /// As `status`, once the radio's network has been asked who has the radio's address (baton's own).
    [Baton Reads None, args "", result "as `status`; `address_holders` are those that have just answered"]
    Survey -> Telemetry,
    /// The lines of the log that this agent has published of late: a console that attaches has missed them (baton's own).
    [Baton Reads None, args "", result "`{\"events\": [...]}`: the last 1000 at most, oldest first, each as in telemetry's `event`"]
    RecentEvents -> RecentEvents,
    /// Who owns the radio, as this agent knows it, and whether this host has the radio's address (baton's own; agents ask one another).
    [Baton Reads None, args "", result "`{\"epoch\", \"owner\", \"holds\", \"changing\", \"mac\"}`"]
    GetOwner -> OwnerReport,
    /// Set the newest owner, whatever this agent knew before (baton's own; `baton repair` sends it). A host that is not named gives way.
    [Baton Changes Required, args "`epoch`, `owner`", result ""]
    SetOwner {
        /// The epoch, at most [`MAX_EPOCH`](crate::MAX_EPOCH).
        epoch: u64,
        /// The owner.
        owner: String,
    } -> (),
    /// Look at how this host is set up: rights, interfaces, kernel settings, radio (baton's own; `baton doctor` asks). Refused as `busy` during an order.
    [Baton Reads None, args "", result "`{\"version\", \"at\", \"cluster_file\", \"radio_port_mac\", \"findings\": [{\"check\", \"grade\", \"sentence\", \"mend\", \"hint\"}]}`: docs/setup.md"]
    Examine -> Examination,
    /// Run the `fence_command` that the configuration has for another host, which switches that host off (baton's own).
    [Baton Changes Required, args "`host`: another host of the pool", result "`{\"fenced\": true}`; `false` where none is configured"]
    FenceHost {
        /// The host that is to be off.
        host: String,
    } -> Fenced,
    /// Start the ICMP probe, or change its target or interval (baton's own).
    [Baton Changes Required, args "`target`, `interval_ms`", result ""]
    ProbeStart {
        /// IPv4 address to probe.
        target: String,
        /// Milliseconds between probes, 1 or more.
        interval_ms: f64,
    } -> (),
    /// Stop the ICMP probe (baton's own).
    [Baton Changes None, args "", result ""]
    ProbeStop -> (),
    /// The sequence number of the next probe (baton's own).
    [Baton Reads None, args "", result "`{\"next\": 1234}`"]
    ProbeMark -> ProbeMark,
    /// Statistics of all probes from `since` up to now, once each is answered or lost (baton's own).
    [Baton Reads Required, args "`since`", result "`{\"interval_ms\", \"sent\", \"lost\", \"gap_ms\"}`, and `silent_ms` while the last probes are lost"]
    ProbeWindow {
        /// First probe of the window, from a [`ProbeMark`].
        since: u64,
    } -> ProbeWindow,
}

#[cfg(test)]
mod tests;
