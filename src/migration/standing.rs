//! Who serves, from what the hosts say of themselves.

use std::net::Ipv4Addr;

use super::flow::Side;
use protocol::{
    AddressHolder, ErrorCode, Failure, GuestState, GuestStatus, Order, Outcome, ProcessState, RadioOwner, RunPart, StandbyStatus,
    SyncState, Telemetry,
};

/// What a host is doing for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Both processes run and eth3 points at the radio.
    Serves,
    /// Something is left, but it does not serve: a process without the other, or eth3 at the radio without both.
    Partly,
    /// Nothing runs, eth3 is elsewhere.
    Idle,
    /// The host did not say.
    Unknown,
}

/// What a host said of itself, as far as the service goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Its D2D process.
    pub d2d: ProcessState,
    /// Its USRP process.
    pub usrp: ProcessState,
    /// Its eth3 carries the address that the radio talks to.
    pub points: bool,
}

impl Report {
    /// Out of a status; `active` is the address that the radio talks to.
    pub fn of(status: &Telemetry, active: Ipv4Addr) -> Self {
        if let Some(guest) = &status.guest {
            return Self::of_guest(guest);
        }
        if is_standby(status) {
            return Self { points: holds_radio(status, active), ..Self::default() };
        }
        Self { d2d: status.d2d.state, usrp: status.usrp.state, points: holds_radio(status, active) }
    }

    /// A guest stands for both processes, and has the far end's packets when it runs.
    fn of_guest(guest: &GuestStatus) -> Self {
        let process = match guest.state {
            GuestState::Stopped => ProcessState::Stopped,
            GuestState::Died => ProcessState::Died,
            GuestState::Starting | GuestState::Incoming => ProcessState::Starting,
            GuestState::Running | GuestState::Paused => ProcessState::Running,
        };
        Self { d2d: process, usrp: process, points: guest.state == GuestState::Running }
    }

    /// Whether both processes are there and wait, away from the radio.
    pub fn is_frozen(self) -> bool {
        !self.points && self.d2d == ProcessState::Running && self.usrp == ProcessState::Running
    }

    /// Whether eth3 is elsewhere and there is no USRP process.
    pub fn leaves_the_radio_alone(self) -> bool {
        !self.points && !exists(self.usrp)
    }
}

impl Standing {
    /// The standing of a host that said this.
    pub fn of(report: Report) -> Self {
        let running = report.d2d == ProcessState::Running && report.usrp == ProcessState::Running;
        match (report.points, running) {
            (true, true) => Self::Serves,
            (false, false) if !exists(report.d2d) && !exists(report.usrp) => Self::Idle,
            _ => Self::Partly,
        }
    }
}

fn exists(state: ProcessState) -> bool {
    !matches!(state, ProcessState::Stopped | ProcessState::Died)
}

/// Whether a host carries out a migration, or takes part in one.
pub fn is_moving(status: &Telemetry) -> bool {
    let orders = status.migration.as_ref().is_some_and(|progress| !progress.finished && progress.order.is_migration());
    status.takes_part.is_some() || orders
}

/// The hosts that have the radio. One that has taken over has it alone: whoever still carries the radio's address gives way, or is dead.
pub fn holders<'a>(statuses: impl Iterator<Item = &'a Telemetry>, active: Ipv4Addr) -> Vec<&'a Telemetry> {
    let all: Vec<&Telemetry> = statuses.filter(|status| holds_radio(status, active)).collect();
    let taker = all.iter().copied().find(|status| status.serves_parked);
    taker.map_or(all, |taker| vec![taker])
}

/// Whether the host has the far end's packets: its eth3 carries the address that the radio talks to, the radio sends to its parked address, or its
/// guest runs.
pub fn holds_radio(status: &Telemetry, active: Ipv4Addr) -> bool {
    if status.serves_parked {
        return true;
    }
    if let Some(guest) = &status.guest {
        return guest.state == GuestState::Running;
    }
    let host_part = |cidr: &String| cidr.split('/').next()?.parse().ok();
    status.radio_port.addresses.iter().filter_map(host_part).any(|address: Ipv4Addr| address == active)
}

/// Whether a host serves and proves it: both processes run and answer, it has the radio, and its receiver is in sync.
pub fn is_in_service(status: &Telemetry, active: Ipv4Addr) -> bool {
    let serves = Standing::of(Report::of(status, active)) == Standing::Serves;
    if let Some(guest) = &status.guest {
        return serves && guest.damage.is_none();
    }
    serves
        && matches!(status.d2d.sync, Some(SyncState::Synced { .. }))
        && status.d2d.unanswered_ms.is_none()
        && status.usrp.unanswered_ms.is_none()
}

/// Whether what runs on the host follows the other one's work: it serves nobody, and makes way for every order.
pub fn is_standby(status: &Telemetry) -> bool {
    status.standby.is_some() && status.usrp.state != ProcessState::Running
}

/// Whether the host follows the other one, and would take over.
pub fn is_armed(status: &Telemetry) -> bool {
    status.standby.as_ref().is_some_and(StandbyStatus::is_armed)
}

/// Names of the workload processes that exist on the host, those of a standby left out.
pub fn processes(status: &Telemetry) -> Vec<&'static str> {
    if is_standby(status) {
        return Vec::new();
    }
    if let Some(guest) = &status.guest {
        return if exists(Report::of_guest(guest).d2d) { vec!["a guest"] } else { Vec::new() };
    }
    [("D2D", exists(status.d2d.state)), ("USRP", exists(status.usrp.state))]
        .into_iter()
        .filter_map(|(n, t)| t.then_some(n))
        .collect()
}

/// Names the orders that start and stop a host's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orders {
    /// DS or DSR.
    pub start: Order,
    /// KL or KR.
    pub stop: Order,
}

impl Orders {
    /// The migration that moves the work away from this host.
    pub fn away(self) -> Order {
        if self.start == Order::DS { Order::M } else { Order::MB }
    }
}

/// Refuses an order while another one is carried out on a host that it needs.
pub fn busy(status: &Telemetry) -> Failure {
    let order = status.migration.as_ref().map_or_else(|| "an order".into(), |progress| progress.order.to_string());
    Failure::new(ErrorCode::Busy, format!("{} is carrying out {order}", status.host)).hint("ask again when it is over")
}

/// What ends a migration that is in the way.
pub const GIVE_UP: &str = "before its cut `baton do cancel` gives it up; after it, ask again when it is over";

/// Refuses an order on a host that takes part in another host's.
pub fn taken(host: &str, part: &RunPart) -> Failure {
    let RunPart { run, order, executor } = part;
    Failure::new(ErrorCode::Busy, format!("{host} takes part in {order}, which {executor} is carrying out (run {run})"))
        .hint(GIVE_UP)
}

/// That a host serves, and the order that moves the work on.
fn serves_already(host: &str, orders: Orders) -> String {
    format!("{host} already serves; to move the work away from it: {}", orders.away())
}

/// What is meant by an order that a host is in the way of: never to stop one that serves.
fn instead(status: &Telemetry, active: Ipv4Addr, orders: Orders) -> String {
    match Standing::of(Report::of(status, active)) {
        Standing::Serves => serves_already(&status.host, orders),
        _ => format!("it does not serve: {} clears it", orders.stop),
    }
}

/// Refuses an order on a host that already runs something.
pub fn check_free(status: &Telemetry, active: Ipv4Addr, orders: Orders) -> Result<(), Failure> {
    let running = processes(status);
    if running.is_empty() {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::State, format!("{} already runs {}", status.host, running.join(" and ")))
        .hint(instead(status, active, orders)))
}

/// Refuses an order on a host that runs nothing that could be moved.
pub fn check_at_work(status: &Telemetry, orders: Orders) -> Result<(), Failure> {
    if processes(status).is_empty() {
        return Err(Failure::new(ErrorCode::State, format!("{} runs nothing that could be moved", status.host))
            .hint(format!("{} starts it", orders.start)));
    }
    Ok(())
}

/// Refuses an order while another host's eth3 points at the radio.
pub fn check_parked(status: &Telemetry, active: Ipv4Addr, orders: Orders) -> Result<(), Failure> {
    if status.guest.is_some() && holds_radio(status, active) {
        return Err(Failure::new(ErrorCode::State, format!("{} runs the guest, and there is one guest only", status.host))
            .hint(instead(status, active, orders)));
    }
    if holds_radio(status, active) {
        return Err(Failure::new(
            ErrorCode::State,
            format!("{} points eth3 at the radio, and the radio can serve one host only", status.host),
        )
        .hint(instead(status, active, orders)));
    }
    Ok(())
}

/// A machine that has the radio's address and is no host of the cluster that is known, as the hosts of the pool have seen it.
pub fn strangers<'a>(statuses: impl Iterator<Item = &'a Telemetry>) -> Vec<(&'a Telemetry, &'a AddressHolder)> {
    let mut found: Vec<(&Telemetry, &AddressHolder)> = Vec::new();
    for status in statuses {
        for holder in status.address_holders.iter().filter(|holder| holder.host.is_none()) {
            if !found.iter().any(|(_, known)| known.mac == holder.mac) {
                found.push((status, holder));
            }
        }
    }
    found
}

/// Refuses an order that takes the radio while a stranger has its address.
pub fn check_no_stranger(status: &Telemetry, active: Ipv4Addr) -> Result<(), Failure> {
    match status.address_holders.iter().find(|holder| holder.host.is_none()) {
        None => Ok(()),
        Some(holder) => Err(Failure::new(ErrorCode::AddressConflict, stranger(status, holder, active)).hint(FIND_IT)),
    }
}

/// Refuses an order that takes the radio while anybody has its address.
pub fn check_nobody_holds(status: &Telemetry, active: Ipv4Addr) -> Result<(), Failure> {
    check_no_stranger(status, active)?;
    check_no_host_holds(status, active)
}

/// Refuses an order that takes the radio while another host of the cluster has its address.
pub fn check_no_host_holds(status: &Telemetry, active: Ipv4Addr) -> Result<(), Failure> {
    let known = status.address_holders.iter().find_map(|holder| Some((holder.host.as_ref()?, &holder.mac)));
    known.map_or(Ok(()), |(host, mac)| {
        let (port, here) = (&status.radio_port.name, &status.host);
        let text = format!("{host}, with the hardware address {mac}, has {active} on the network of {port} of {here}");
        Err(Failure::new(ErrorCode::AddressConflict, text).hint(format!(
            "if {host} serves, move the work from there instead of starting it here; if it does not, park its {port}"
        )))
    })
}

/// What a stranger does, where it was seen, and since when.
pub fn stranger(status: &Telemetry, holder: &AddressHolder, active: Ipv4Addr) -> String {
    let (port, host, since) = (&status.radio_port.name, &status.host, holder.since.format("%H:%M:%S"));
    format!(
        "a machine with the hardware address {}, which is no known host of this cluster, has {active} on the network of {port} of {host} since {since} UTC",
        holder.mac
    )
}

/// What to do about a stranger.
pub const FIND_IT: &str = "find it by its hardware address in the table of the radio's switch and take that address from it: often it is a laptop that \
     was set up for an N210 as UHD's manual says; --force moves the work all the same";

/// Who has the radio, as far as the hosts that answered tell: a stranger beside a host of the pool is a conflict, too.
pub fn radio_owner(holders: Vec<String>, strangers: &[(&Telemetry, &AddressHolder)]) -> RadioOwner {
    match RadioOwner::from_holders(holders) {
        RadioOwner::Nobody => RadioOwner::Nobody,
        RadioOwner::Host(host) if strangers.is_empty() => RadioOwner::Host(host),
        RadioOwner::Host(host) => RadioOwner::Conflict([host].into_iter().chain(machines(strangers)).collect()),
        RadioOwner::Conflict(hosts) => RadioOwner::Conflict(hosts.into_iter().chain(machines(strangers)).collect()),
    }
}

fn machines(strangers: &[(&Telemetry, &AddressHolder)]) -> impl Iterator<Item = String> {
    strangers.iter().map(|(_, holder)| holder.mac.clone())
}

/// A host of a failed migration.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Its name.
    pub host: &'a str,
    /// What it is doing.
    pub standing: Standing,
    /// The orders for it.
    pub orders: Orders,
}

impl End<'_> {
    /// What to do instead of a migration to this host, where it serves and the `other` does not.
    pub fn serves_already(&self, other: Standing) -> Option<String> {
        (self.standing == Standing::Serves && other != Standing::Serves).then(|| serves_already(self.host, self.orders))
    }
}

/// How a migration that failed has ended.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    /// Where the work was.
    pub source: End<'a>,
    /// Where it was to go.
    pub destination: End<'a>,
    /// Who was asked to serve again.
    pub tried: Option<Side>,
    /// Whether that one is in sync again.
    pub back: bool,
    /// From the cut until it was, ms.
    pub after_ms: Option<f64>,
}

impl Verdict<'_> {
    /// The outcome and one sentence: who serves, or that nobody does and what brings the service back.
    pub fn sentence(&self) -> (Outcome, String) {
        use Standing::{Serves, Unknown};
        let (source, destination) = (self.source, self.destination);
        let (from, to) = (source.host, destination.host);
        let failed = |text: String| (Outcome::Failed, text);
        let after = self.after_ms.map_or_else(String::new, |ms| format!(" after {ms:.0} ms"));
        match (source.standing, destination.standing) {
            (Serves, Serves) => failed(format!(
                "Both {from} and {to} point eth3 at the radio: {} or {} parks one.",
                source.orders.stop, destination.orders.stop
            )),
            (Serves | Unknown, _) if self.back && self.tried == Some(Side::Source) => {
                (Outcome::RolledBack, format!("{from} serves again{after}."))
            }
            (_, Serves | Unknown) if self.back && self.tried == Some(Side::Destination) => {
                failed(format!("{from} could not take the work back; {to} was started anew and serves{after}."))
            }
            (Serves, _) if self.tried.is_some() => failed(not_in_sync(source)),
            (Serves, _) => (Outcome::RolledBack, format!("{from} still serves.")),
            (_, Serves) if self.tried == Some(Side::Destination) => failed(not_in_sync(destination)),
            (_, Serves) => failed(format!("{to} keeps the radio and its processes run.")),
            (Unknown, _) => failed(not_known(source, source.orders.start)),
            (_, Unknown) => failed(not_known(destination, source.orders.start)),
            _ => failed(nobody(source, destination)),
        }
    }
}

fn not_in_sync(end: End<'_>) -> String {
    format!(
        "{} has the radio again and its processes run, but they are not in sync: look at the far end and at the signal.",
        end.host
    )
}

fn nobody(source: End<'_>, destination: End<'_>) -> String {
    let partly = |end: &End<'_>| end.standing == Standing::Partly;
    let stops: Vec<String> =
        [destination, source].iter().filter(|end| partly(end)).map(|end| end.orders.stop.to_string()).collect();
    let (start, from) = (source.orders.start, source.host);
    if stops.is_empty() {
        format!("Nobody serves now: {start} starts {from} again.")
    } else {
        format!("Nobody serves now: {} and then {start} start {from} again.", stops.join(", "))
    }
}

fn not_known(end: End<'_>, start: Order) -> String {
    let (host, stop) = (end.host, end.orders.stop);
    format!(
        "Whether {host} serves is not known: its agent does not answer. Start it with `baton agent --host {host}`; \
         if it does not serve then, {stop} and {start} bring the service back."
    )
}
