//! A fake fleet: the agents of two pool hosts and a far end, as far as addresses and processes go, with scripted faults.

pub mod guest;
mod pod;
mod status;
mod store;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::Agents;
use config::Config;
pub use pod::PodStage;
use protocol::{
    Access, AddressHolder, Answer, Collected, Command, Control, ControlValues, ErrorCode, Failure, Fenced, Frozen, GuestState,
    Linked, ProbeMark, ProbeStatus, ProbeWindow, ProcessState, Progress, Route, SetPort, SoftState, SyncState, Telemetry, TunIp,
    Unsent,
};
pub use {status::telemetry_of, store::FakeStore};

pub const ACTIVE: &str = "192.168.10.1/24";
pub const PARKED: &str = "192.168.20.2/24";

/// A cluster of server1, server2 and the far end server3, with its records in `records`.
pub fn config(records: &Path, far_end: bool) -> Config {
    let mut config = Config::parse(config::EXAMPLE).unwrap();
    config.runtime = "/nowhere".into();
    config.records = records.to_owned();
    config.roles.far_end = far_end.then(|| "server3".parse().unwrap());
    config
}

/// What goes wrong with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answered with a failure, nothing done.
    Refused,
    /// Answered with a failure after half of it was done (kills: the D2D process only; links: parked again, as the paper has it).
    Half,
    /// Not answered, not done.
    Lost,
    /// Not answered, but done.
    Silent,
    /// Not answered, and done right before the next change that the host is asked for, or at the end.
    Late,
    /// Answered with a failure after all of it was done but the parking of eth3.
    Stuck,
    /// The radio did not answer; eth3 is parked again. For commands that look for it.
    Blind,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Host {
    pub d2d: bool,
    pub pod: PodStage,
    pub usrp: ProcessState,
    pub active: bool,
    pub tun: String,
    pub routes: Vec<Route>,
    pub carried: Option<(Value, Vec<Route>)>,
    /// The highest epoch that it knows.
    pub epoch: Option<u64>,
    /// An order that the host is carrying out.
    pub order: Option<Progress>,
    /// An order of another host that the host takes part in.
    pub takes_part: Option<protocol::RunPart>,
    /// Whether it would follow the one that has the work next.
    pub follows_next: Option<protocol::FollowsNext>,
    /// Packets that programs send into frozen processes.
    pub unsent: Vec<String>,
    pub frozen: bool,
    pub drained: bool,
    pub guest: GuestState,
    /// Packets that it has sent for the other host.
    pub forwarded: Vec<String>,
}

impl Host {
    pub fn serving() -> Self {
        Self { d2d: true, usrp: ProcessState::Running, active: true, tun: "192.168.40.9/24".into(), ..Self::default() }
    }

    pub fn serves(&self) -> bool {
        self.d2d && self.usrp == ProcessState::Running && self.active
    }
}

#[derive(Debug, Clone, Default)]
pub struct Fleet {
    pub hosts: BTreeMap<String, Host>,
    /// Every command, in order: host, name.
    pub log: Vec<(String, &'static str)>,
    /// Faults by host and command name, each met once.
    pub faults: Vec<(&'static str, &'static str, Fault)>,
    /// Faults by the number of the command.
    pub faults_at: BTreeMap<usize, Fault>,
    /// Whether D2D never synchronises.
    pub deaf: bool,
    /// Whether USRP does not tell its stream.
    pub untold_stream: bool,
    /// Hosts whose agent answers nothing from this command on.
    pub dead: BTreeMap<&'static str, usize>,
    /// A host that loses its D2D process as soon as it has answered this command; once.
    pub dies: Option<(&'static str, &'static str)>,
    /// A host that another one has collected the control variables of.
    pub collected: Option<String>,
    /// Epochs of the links that were made.
    pub epochs: Vec<u64>,
    /// The pool's store.
    pub store: FakeStore,
    /// A stranger has the radio's address from the first command of this name on; from the beginning where it is empty.
    pub stranger_from: Option<&'static str>,
    /// ARP tells each host whether another one has the radio's address.
    pub arp_tells: bool,
    /// A `fence_command` is configured, and switches the source off.
    pub fences: bool,
    /// The work is a guest.
    pub guests: Option<guest::FakeGuests>,
    /// What is still to be carried out.
    late: Vec<(String, Command)>,
    /// Replies that the far end has received; more at every look.
    pub replies: u64,
    /// How long the far end has had no reply when it is asked last, ms.
    pub silent_ms: Option<f64>,
    /// Told to point eth3 at the radio while the other pool host's eth3 did.
    pub collision: Option<String>,
}

impl Fleet {
    pub fn new(server1: Host, server2: Host) -> Self {
        let hosts = [("server1", server1), ("server2", server2), ("server3", Host::default())];
        Self { hosts: hosts.into_iter().map(|(n, h)| (n.to_owned(), h)).collect(), ..Self::default() }
    }

    /// Commands that change something, as `command@host`.
    pub fn changes(&self) -> Vec<String> {
        self.log.iter().filter(|(_, name)| !reads(name)).map(|(host, name)| format!("{name}@{host}")).collect()
    }

    fn fault(&mut self, host: &str, name: &str) -> Option<Fault> {
        let by_name = self.faults.iter().position(|&(h, n, _)| (h, n) == (host, name));
        by_name.map(|index| self.faults.remove(index).2).or_else(|| self.faults_at.get(&self.log.len()).copied())
    }

    pub fn answer(&mut self, host: &str, command: &Command) -> Result<Answer, Failure> {
        let name = command.name();
        let dead = self.dead.get(host).is_some_and(|&from| self.log.len() >= from);
        let fault = self.fault(host, name).filter(|_| !dead);
        self.log.push((host.to_owned(), name));
        let refused = || Failure::new(ErrorCode::Process, format!("{name} was refused"));
        let unanswered = || Failure::new(ErrorCode::Deadline, format!("{host} did not answer {name}"));
        if dead {
            return Err(unanswered());
        }
        if fault != Some(Fault::Lost) && fault != Some(Fault::Late) && !command.only_reads() {
            self.come_late(host);
        }
        match fault {
            None if self.dies.is_some_and(|dies| dies == (host, name)) => {
                let answer = self.carry_out(host, command);
                self.dies = None;
                self.hosts.get_mut(host).unwrap().d2d = false;
                answer
            }
            None => self.carry_out(host, command),
            Some(Fault::Refused) => Err(refused()),
            Some(fault @ (Fault::Half | Fault::Stuck)) => {
                self.half(host, command, fault);
                Err(refused())
            }
            Some(Fault::Blind) => {
                if !matches!(command, Command::LinkUsrp { .. } | Command::StartUsrp { .. }) {
                    return Err(refused());
                }
                self.point(host);
                self.half(host, command, Fault::Half);
                Err(Failure::new(ErrorCode::RadioNotFound, "the radio did not answer"))
            }
            Some(Fault::Lost) => Err(unanswered()),
            Some(Fault::Late) if command.only_reads() => Err(unanswered()),
            Some(Fault::Late) => {
                self.late.push((host.to_owned(), command.clone()));
                Err(unanswered())
            }
            Some(Fault::Silent) => self.carry_out(host, command).and(Err(unanswered())),
        }
    }

    /// Carries out what the host was asked for and did not answer.
    fn come_late(&mut self, host: &str) {
        let (now, later) = std::mem::take(&mut self.late).into_iter().partition(|(at, _)| at == host);
        self.late = later;
        let now: Vec<(String, Command)> = now;
        for (host, command) in now {
            // Nobody waits for the answer.
            let _ = self.carry_out(&host, &command);
        }
    }

    /// Carries out everything that is still to come.
    pub fn settle(&mut self) {
        for host in self.hosts.keys().cloned().collect::<Vec<_>>() {
            self.come_late(&host);
        }
    }

    fn half(&mut self, host: &str, command: &Command, fault: Fault) {
        let Some(state) = self.hosts.get_mut(host) else { return };
        match (command, fault) {
            (Command::DoubleKill, Fault::Stuck) => (state.d2d, state.usrp) = (false, ProcessState::Stopped),
            (Command::DoubleKill, _) => state.d2d = false,
            (
                Command::KillUsrp
                | Command::LinkUsrp { .. }
                | Command::StartUsrp { .. }
                | Command::TakeOver { .. }
                | Command::ConnectPod { .. },
                _,
            ) => state.active = false,
            (Command::Resume { .. }, Fault::Stuck) => self.point(host),
            _ => {}
        }
    }

    fn has_stranger(&self) -> bool {
        self.stranger_from.is_some_and(|from| from.is_empty() || self.log.iter().any(|(_, name)| *name == from))
    }

    fn point(&mut self, host: &str) {
        if self.hosts.iter().any(|(name, other)| name != host && other.active) {
            self.collision.get_or_insert_with(|| format!("{host}: {:?}", self.log));
        }
        self.hosts.get_mut(host).unwrap().active = true;
    }

    /// Points eth3 at the radio where the command does, and notes under which epoch.
    fn claim_radio(&mut self, host: &str, command: &Command) {
        let points = matches!(
            command,
            Command::LinkUsrp { .. }
                | Command::StartUsrp { .. }
                | Command::TakeOver { .. }
                | Command::Resume { .. }
                | Command::ConnectPod { .. }
                | Command::SetEth3 { port: SetPort::Active }
        );
        if points {
            self.point(host);
        }
        if let Command::LinkUsrp { epoch: Some(epoch), .. } | Command::StartUsrp { epoch: Some(epoch), .. } = command {
            self.epochs.push(*epoch);
        }
    }

    fn require_possible(&self, host: &str, command: &Command) -> Result<(), Failure> {
        let wrong = |what: &str| Err(Failure::new(ErrorCode::State, format!("{host}: {what}")));
        if matches!(command, Command::LinkUsrp { .. } | Command::TakeOver { .. }) && self.hosts[host].usrp != ProcessState::Made {
            return wrong("nothing is made");
        }
        if matches!(command, Command::Export | Command::Freeze | Command::FreezePod) && !self.hosts[host].serves() {
            return wrong("nothing is in sync");
        }
        if let Some(what) = self.hosts[host].pod.lacks(command, &self.hosts[host]) {
            return wrong(what);
        }
        if let Command::LinkUsrp { despite_foreign: false, .. } | Command::StartUsrp { despite_foreign: false, by_radio: false, .. } =
            command
            && self.has_stranger()
        {
            return Err(Failure::new(ErrorCode::AddressConflict, "a stranger has the radio's address"));
        }
        Ok(())
    }

    fn carry_out(&mut self, host: &str, command: &Command) -> Result<Answer, Failure> {
        self.guest_command(host, command).unwrap_or_else(|| self.carry_out_on_processes(host, command))
    }

    fn carry_out_on_processes(&mut self, host: &str, command: &Command) -> Result<Answer, Failure> {
        let wrong = |what: &str| Err(Failure::new(ErrorCode::State, format!("{host}: {what}")));
        self.require_possible(host, command)?;
        self.claim_radio(host, command);
        self.replies += 3;
        if command.only_reads() {
            return self.tell(host, command);
        }
        let state = self.hosts.get_mut(host).unwrap();
        let linked =
            Linked { eth3_ms: 2.0, make_ms: matches!(command, Command::StartUsrp { .. }).then_some(3.0), ..Linked::default() };
        if let Some(answer) = pod::carry_out(state, command) {
            return Ok(answer);
        }
        match command {
            Command::ConnectPod { .. } => return Ok(linked.into()),
            Command::StartD2d { .. } if state.d2d => return wrong("D2D runs already"),
            Command::StartD2d { control, .. } => {
                state.d2d = true;
                state.carried = Some((json!(control), state.routes.clone()));
            }
            Command::MakeUsrp | Command::StartUsrp { .. } if state.usrp != ProcessState::Stopped => {
                return wrong("USRP runs already");
            }
            Command::MakeUsrp => state.usrp = ProcessState::Made,
            Command::FenceHost { .. } => return Ok(Fenced { fenced: self.fences }.into()),
            Command::Prepare { state: soft } => assert_eq!(*soft, json!({"tick": 1})),
            Command::Overlap { stream } => assert_eq!(*stream, json!({"chain": 1, "tick": 5})),
            Command::Freeze | Command::FreezePod => {
                (state.active, state.frozen) = (false, true);
                let (soft, mark) = (json!({"tick": 2}), json!({"sequence": 9}));
                return Ok(Frozen { state: soft, mark, epoch: 4, trace: vec![] }.into());
            }
            Command::TakeOver { state: soft, mark, .. } => {
                assert_eq!((soft, mark), (&json!({"tick": 2}), &json!({"sequence": 9})));
                state.usrp = ProcessState::Running;
                return Ok(linked.into());
            }
            Command::StartUsrp { .. } | Command::LinkUsrp { .. } => {
                state.usrp = ProcessState::Running;
                return Ok(linked.into());
            }
            Command::DoubleKill => {
                (state.d2d, state.usrp, state.active) = (false, ProcessState::Stopped, false);
                state.pod = PodStage::None;
                if std::mem::take(&mut state.frozen) {
                    return Ok(Some(Unsent { packets: state.unsent.clone() }).into());
                }
            }
            Command::Resume { .. } => state.frozen = false,
            Command::Commit { packets } => state.forwarded.clone_from(packets),
            Command::KillUsrp => (state.usrp, state.active) = (ProcessState::Stopped, false),
            Command::KillD2d => state.d2d = false,
            Command::SetEth3 { port: SetPort::Parked } => state.active = false,
            Command::SetTunIp { tun_ip } => state.tun.clone_from(tun_ip),
            Command::SetRoute { route_list } => state.routes.clone_from(route_list),
            _ => {}
        }
        Ok(Answer::Done)
    }

    /// Answers a command that only reads.
    fn tell(&self, host: &str, command: &Command) -> Result<Answer, Failure> {
        let state = &self.hosts[host];
        let probe = (host == "server3").then(|| ProbeStatus { received: self.replies, ..ProbeStatus::default() });
        Ok(match command {
            Command::Export => {
                let stream = (!self.untold_stream).then(|| json!({"chain": 1, "tick": 5}));
                SoftState { state: json!({"tick": 1}), stream }.into()
            }
            Command::GetTunIp => TunIp { tun_ip: state.tun.clone() }.into(),
            Command::GetCollected { of } if self.collected.as_deref() != Some(of) => {
                return Err(Failure::new(ErrorCode::State, format!("{host}: nothing is known of it")));
            }
            Command::GetCollected { .. } => {
                let values = ControlValues { control: control(), route_list: vec![] };
                Collected { values, tun_ip: "192.168.40.9/24".into(), at: chrono::Utc::now() }.into()
            }
            Command::GetControl => ControlValues { control: control(), route_list: state.routes.clone() }.into(),
            Command::AwaitSync { .. } if self.deaf || !state.serves() => SyncState::Searching.into(),
            Command::AwaitSync { .. } => SyncState::Synced { for_ms: 0 }.into(),
            Command::ProbeMark => ProbeMark { next: 7, unanswered_from: Some(5) }.into(),
            Command::ProbeWindow { since } => {
                let sent = 37 - since;
                ProbeWindow { interval_ms: 100.0, sent, lost: 19, gap_ms: 1900.5, silent_ms: self.silent_ms }.into()
            }
            Command::Status | Command::Survey => {
                let stranger =
                    || AddressHolder { mac: "02:00:00:00:00:99".into(), host: None, since: chrono::DateTime::UNIX_EPOCH };
                let mut address_holders = Vec::from_iter(self.has_stranger().then(stranger));
                let others = self.hosts.iter().filter(|(name, other)| self.arp_tells && *name != host && other.active);
                address_holders.extend(others.map(|(name, _)| AddressHolder { host: Some(name.clone()), ..stranger() }));
                let guest = self.guest_status(state);
                Telemetry { probe, address_holders, guest, ..status::telemetry(host, state, self.deaf) }.into()
            }
            _ => Answer::Done,
        })
    }
}

fn control() -> Control {
    [("RNTI".to_owned(), json!(61))].into_iter().collect()
}

/// Whether a command changes nothing.
fn reads(name: &str) -> bool {
    Command::TABLE.iter().any(|spec| spec.name == name && spec.access == Access::Reads)
}

impl Agents for Mutex<Fleet> {
    async fn reserve(&self, to: &str, above: u64) -> Result<Option<u64>, Failure> {
        self.lock().unwrap().store.reserve(to, above)
    }

    async fn request(&self, host: &str, command: Command, _deadline: Duration) -> Result<Answer, Failure> {
        self.lock().unwrap().answer(host, &command)
    }
}
