//! Whether the radio program serves its users now: a verdict on the service, where [`standing`](super::standing) is about one host.
//!
//! Pure. The far end's pings decide where there are any; what the pool says of itself decides at once where it is certain, and names the cause.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::flow::SYNC_DEADLINE;
use super::standing::{holds_radio, is_armed, is_moving, processes, strangers};
use config::Config;
use protocol::{
    ErrorCode, Level, Method, Order, ProbeStatus, ProcessState, ProcessStatus, Progress, SyncState, Telemetry, WorkloadProcess,
};

mod cause;
mod guest;
mod mend;

pub use cause::Cause;

/// Pings that may be unanswered before the service counts as down: one may be lost, and one is on its way.
const PINGS: f64 = 3.0;
/// At short intervals a scheduler's pause must not look like an end of service, ms.
const LEAST_SILENCE_MS: f64 = 400.0;
/// The first replies after a receiver has come into sync are on their way for so long, ms: the order that started it may be over sooner.
const FRESH_SYNC_MS: u64 = 1_000;

/// What a service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// The far end is answered.
    Serving,
    /// An order or a process on its way will serve.
    Starting,
    /// The far end is not answered, or certainly cannot be.
    Down,
    /// What is needed to tell is not heard.
    Unknown,
}

impl ServiceState {
    /// In capitals, for a screen without colours as well.
    pub fn word(self) -> &'static str {
        match self {
            Self::Serving => "SERVING",
            Self::Starting => "STARTING",
            Self::Down => "DOWN",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// The order that brings a service back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mend {
    /// Which.
    pub order: Order,
    /// How: a plain start where nothing is left of the work, else recover or failover.
    pub method: Option<Method>,
}

impl Mend {
    /// The command line that does it: what `baton do` and the console's `:` take.
    pub fn command(self) -> String {
        match self.method {
            None => self.order.to_string(),
            Some(Method::Failover) => format!("{} --method failover", self.order),
            Some(_) => "recover".into(),
        }
    }
}

/// A host as it was last seen.
#[derive(Debug, Clone, Copy)]
pub struct SeenHost<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it said last.
    pub status: Option<&'a Telemetry>,
    /// Whether that describes the present.
    pub heard: bool,
}

impl<'a> SeenHost<'a> {
    /// What it says now.
    fn now(self) -> Option<&'a Telemetry> {
        self.status.filter(|_| self.heard)
    }
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it is doing.
    pub state: ServiceState,
    /// The host that has the work, or had it last.
    pub host: Option<String>,
    /// Why it does not serve, or why that is not known.
    pub cause: Option<Cause>,
    /// Since when the far end has had no answer, ms, where it has none.
    pub silent_ms: Option<u64>,
    /// The order that brings it back.
    pub mend: Option<Mend>,
    /// Between which two of more than two servers that order is meant.
    pub between: Option<[String; 2]>,
}

/// What the far end's pings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pings {
    Answered,
    /// For so long, ms.
    Unanswered(u64),
    /// Nobody pings, or the one who does is not heard.
    NotTold,
}

/// The verdict on the service, from what every host of the cluster said last.
pub fn judge(config: &Config, seen: &[SeenHost<'_>]) -> Service {
    Scene::new(config, seen).judge()
}

struct Scene<'a> {
    active: Ipv4Addr,
    /// Never fewer than two.
    pool: Vec<SeenHost<'a>>,
    far_end: Option<SeenHost<'a>>,
    pings: Pings,
}

impl<'a> Scene<'a> {
    fn new(config: &'a Config, seen: &[SeenHost<'a>]) -> Self {
        let find = |name: &'a str| {
            seen.iter().copied().find(|host| host.name == name).unwrap_or(SeenHost { name, status: None, heard: false })
        };
        let far_end = config.roles.far_end.as_deref().map(find);
        Self {
            active: config.addresses.active.address(),
            pool: config.servers().into_iter().map(|name| find(name)).collect(),
            far_end,
            pings: far_end.and_then(SeenHost::now).and_then(|status| status.probe.as_ref()).map_or(Pings::NotTold, pings),
        }
    }

    fn judge(&self) -> Service {
        let host = self.holder();
        if self.starting() {
            let served = self.pings == Pings::Answered;
            return self.verdict(if served { ServiceState::Serving } else { ServiceState::Starting }, host, None);
        }
        let told = |what: fn(&Telemetry) -> bool| self.pool.iter().copied().filter_map(SeenHost::now).any(what);
        let certain = match (host, host.and_then(SeenHost::now)) {
            // A standby takes over from what has died: whether it does, the pings tell.
            _ if self.pings == Pings::Answered && told(is_armed) => None,
            // At a cut the source's word is newer than that of a destination which followed it until the order began.
            (None, _) if self.pings == Pings::Answered && told(is_moving) => None,
            (_, Some(status)) => self.certain(status),
            (None, _) if self.pool.iter().all(|host| host.now().is_some()) => Some(Cause::NotRunning),
            _ => None,
        };
        if let Some(cause) = certain {
            return self.verdict(ServiceState::Down, host, Some(cause));
        }
        match (self.pings, host.and_then(|host| Some((host, host.now()?)))) {
            (Pings::Answered, _) => self.verdict(ServiceState::Serving, host, None),
            (Pings::NotTold, Some((host, status))) => self.judge_without_pings(host, status),
            (Pings::Unanswered(_), Some((host, status))) if has_just_synced(status) => {
                self.verdict(ServiceState::Starting, Some(host), None)
            }
            (Pings::Unanswered(_), Some((host, status))) => {
                let cause = self.likely(status);
                self.verdict(ServiceState::Down, Some(host), Some(cause))
            }
            (pings, None) => {
                let state = if pings == Pings::NotTold { ServiceState::Unknown } else { ServiceState::Down };
                let unheard = host.or_else(|| self.pool.iter().copied().find(|host| host.now().is_none()));
                self.verdict(state, host, unheard.map(|host| Cause::HostNotHeard { host: host.name.to_owned() }))
            }
        }
    }

    /// Where nobody pings, a receiver in sync proves that the radio and the air work.
    fn judge_without_pings(&self, host: SeenHost<'a>, status: &Telemetry) -> Service {
        let begins = status.d2d.uptime_ms.is_some_and(|uptime| uptime < SYNC_DEADLINE.as_millis() as u64);
        match status.d2d.sync {
            _ if hung(status).is_some() => self.verdict(ServiceState::Down, Some(host), Some(self.likely(status))),
            Some(SyncState::Synced { .. }) => self.verdict(ServiceState::Serving, Some(host), None),
            Some(SyncState::Lost { for_ms }) if (for_ms as f64) < LEAST_SILENCE_MS => {
                self.verdict(ServiceState::Serving, Some(host), None)
            }
            Some(SyncState::Unreported) | None => {
                let cause = match &self.far_end {
                    Some(far) => Cause::FarEndNotHeard { host: far.name.to_owned() },
                    None => Cause::NobodyPings,
                };
                self.verdict(ServiceState::Unknown, Some(host), Some(cause))
            }
            Some(_) if begins => self.verdict(ServiceState::Starting, Some(host), None),
            Some(_) => self.verdict(ServiceState::Down, Some(host), Some(self.likely(status))),
        }
    }

    fn verdict(&self, state: ServiceState, host: Option<SeenHost<'a>>, cause: Option<Cause>) -> Service {
        let silent_ms = if let Pings::Unanswered(ms) = self.pings { Some(ms) } else { None };
        let pair = self.pair(host);
        let mend = cause.as_ref().filter(|_| state == ServiceState::Down).and_then(|cause| self.mend(host, pair, cause));
        let between = mend.filter(|_| self.pool.len() > 2).map(|_| pair.map(|host| host.name.to_owned()));
        Service { state, host: host.map(|host| host.name.to_owned()), cause, silent_ms, mend, between }
    }

    /// Who has the work: whose eth3 points at the radio, who runs it, or who owned the radio last.
    fn holder(&self) -> Option<SeenHost<'a>> {
        let holds = |host: &SeenHost<'_>| host.status.is_some_and(|status| holds_radio(status, self.active));
        let works = |host: &SeenHost<'_>| host.status.is_some_and(|status| !processes(status).is_empty() || has_died(status));
        let known = |host: &SeenHost<'_>| host.now().and_then(|status| Some((status.owner_epoch?, status.owner.clone()?)));
        let owner = self.pool.iter().filter_map(known).max().map(|(_, owner)| owner);
        let find = |wanted: &dyn Fn(&SeenHost<'_>) -> bool| self.pool.iter().copied().find(|host| wanted(host));
        let owns = |host: &SeenHost<'_>| owner.as_deref() == Some(host.name);
        let took_over = |host: &SeenHost<'_>| host.now().is_some_and(|status| status.serves_parked);
        find(&took_over)
            .or_else(|| find(&|host| holds(host) && host.heard))
            .or_else(|| find(&|host| owns(host) && (works(host) || !host.heard)))
            .or_else(|| find(&|host| holds(host)))
            .or_else(|| find(&works))
    }

    /// Whether something on its way is to serve: an order past its cut, or one that starts the work.
    fn starting(&self) -> bool {
        let orders = self.pool.iter().filter_map(|host| host.now()?.migration.as_ref());
        orders.filter(|progress| !progress.finished).any(starts)
    }

    /// Why the host certainly cannot serve.
    fn certain(&self, status: &Telemetry) -> Option<Cause> {
        // At a cut, what the two hosts say of the address and the link may be older than the order's word, or newer: there the pings decide.
        let moves = is_moving(status);
        if let Some(told) = &status.guest {
            return guest::certain(status, told, moves);
        }
        let host = || status.host.clone();
        let roles = [(WorkloadProcess::D2d, &status.d2d), (WorkloadProcess::Usrp, &status.usrp)];
        if let Some((process, _)) = roles.iter().find(|(_, process)| process.state == ProcessState::Died) {
            return Some(Cause::Died { host: host(), process: *process });
        }
        let absent: Vec<WorkloadProcess> =
            roles.iter().filter(|(_, process)| process.state == ProcessState::Stopped).map(|(process, _)| *process).collect();
        match absent.as_slice() {
            [] => {}
            [process] => return Some(Cause::Stopped { host: host(), process: *process }),
            _ => return Some(Cause::NotRunning),
        }
        if moves {
            return None;
        }
        if status.usrp.state != ProcessState::Running {
            return Some(Cause::NotLinked { host: host() });
        }
        if holds_radio(status, self.active) {
            return None;
        }
        // Without its cable a host gives the radio's address up.
        Some(cable_out(status).unwrap_or_else(|| Cause::Parked { host: host(), port: status.radio_port.name.clone() }))
    }

    /// Why the far end is not answered although both processes run: what is nearest to the radio program first.
    fn likely(&self, status: &Telemetry) -> Cause {
        let host = || status.host.clone();
        if let Some(process) = hung(status) {
            return Cause::Hung { host: host(), process };
        }
        if let Some(cause) = cable_out(status) {
            return cause;
        }
        if let Some((_, stranger)) = strangers(self.pool.iter().filter_map(|host| host.now())).first() {
            return Cause::Contested { holder: stranger.mac.clone() };
        }
        let second = self
            .pool
            .iter()
            .filter(|other| other.name != status.host)
            .find(|other| other.now().is_some_and(|status| holds_radio(status, self.active)));
        if let Some(second) = second {
            return Cause::Contested { holder: second.name.to_owned() };
        }
        if status.d2d.sync == Some(SyncState::NoSamples) {
            return Cause::RadioSilent { host: host() };
        }
        if let Some(cause) = self.far_end.and_then(|far| far_end_cause(far, status)) {
            return cause;
        }
        match status.d2d.sync {
            _ if status.guest.is_some() => guest::likely(status),
            Some(SyncState::Synced { .. } | SyncState::Unreported) | None => Cause::Unexplained { host: host() },
            _ => Cause::NotInSync { host: host() },
        }
    }
}

/// The fault is the far end's own.
fn far_end_cause(far: SeenHost<'_>, status: &Telemetry) -> Option<Cause> {
    let told = far.now()?;
    let host = || far.name.to_owned();
    let roles = [(WorkloadProcess::D2d, &told.d2d), (WorkloadProcess::Usrp, &told.usrp)];
    let absent = roles.into_iter().find(|(_, process)| matches!(process.state, ProcessState::Died | ProcessState::Stopped));
    // A far end whose processes no agent runs is another program's.
    let reports = told.d2d != ProcessStatus::default() || told.usrp != ProcessStatus::default();
    if let Some((process, _)) = absent.filter(|_| reports) {
        return Some(Cause::FarEndProcess { host: host(), process });
    }
    if let Some(process) = hung(told) {
        return Some(Cause::FarEndHung { host: host(), process });
    }
    if told.d2d.sync == Some(SyncState::NoSamples) {
        return Some(Cause::FarEndRadioSilent { host: host() });
    }
    let synced = |status: &Telemetry| matches!(status.d2d.sync, Some(SyncState::Synced { .. }));
    let searches = matches!(told.d2d.sync, Some(SyncState::Searching | SyncState::Lost { .. }));
    (synced(status) && searches).then(|| Cause::FarEndDeaf { host: host() })
}

fn has_just_synced(status: &Telemetry) -> bool {
    let fresh = matches!(status.d2d.sync, Some(SyncState::Synced { for_ms }) if for_ms < FRESH_SYNC_MS);
    fresh && hung(status).is_none()
}

fn has_died(status: &Telemetry) -> bool {
    status.d2d.state == ProcessState::Died || status.usrp.state == ProcessState::Died || guest::has_died(status)
}

/// The interface towards the radio has no link.
fn cable_out(status: &Telemetry) -> Option<Cause> {
    let port = &status.radio_port;
    let given_up = status.alarms.iter().any(|alarm| alarm.code == ErrorCode::Address && alarm.level == Level::Error);
    (!port.up || given_up).then(|| Cause::CableOut { host: status.host.clone(), port: port.name.clone() })
}

/// A process that does not answer its agent: stopped by a signal, or hung.
fn hung(status: &Telemetry) -> Option<WorkloadProcess> {
    let hangs = |process: &ProcessStatus| process.unanswered_ms.is_some();
    // The USRP process first: without samples the D2D process may wait as well.
    match (hangs(&status.usrp), hangs(&status.d2d)) {
        (true, _) => Some(WorkloadProcess::Usrp),
        (_, true) => Some(WorkloadProcess::D2d),
        _ => None,
    }
}

/// Whether an order under way is to serve soon, and the one before it does not any more.
fn starts(progress: &Progress) -> bool {
    match progress.order {
        Order::M | Order::MB => !progress.stage.is_before_cut() || progress.method == Method::Failover,
        Order::DS | Order::DSR => true,
        Order::KL | Order::KR => false,
    }
}

fn pings(probe: &ProbeStatus) -> Pings {
    let unanswered = probe.recent.iter().rev().take_while(|ping| ping.rtt_ms.is_none()).count() as f64;
    let silent_ms = unanswered * probe.interval_ms;
    if probe.recent.is_empty() || !silent_ms.is_finite() {
        return Pings::NotTold;
    }
    // Of a probe that has just begun nothing is known yet.
    let enough = (PINGS * probe.interval_ms).max(LEAST_SILENCE_MS);
    let answered = probe.recent.iter().any(|ping| ping.rtt_ms.is_some());
    match (silent_ms >= enough, answered) {
        (true, _) => Pings::Unanswered(silent_ms.round() as u64),
        (false, true) => Pings::Answered,
        (false, false) => Pings::NotTold,
    }
}

#[cfg(test)]
#[path = "tests/service.rs"]
mod tests;
