//! A fake fleet: the agents of two pool hosts and a far end, as far as addresses and processes go, with scripted faults.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::Agents;
use crate::config::Config;
use crate::protocol::{
    Command, ErrorCode, Failure, HostLoad, Linked, Port, ProbeStatus, ProcessState, ProcessStatus, Progress, Route, SetPort,
    SyncState, Telemetry, VERSION,
};

pub const ACTIVE: &str = "192.168.10.1/24";
pub const PARKED: &str = "192.168.20.2/24";

/// A cluster of server1, server2 and the far end server3, with its records in `records`.
pub fn config(records: &Path, far_end: bool) -> Config {
    let mut config: Config = toml::from_str(
        r#"
        records = "/nowhere"
        runtime = "/nowhere"
        roles = { initiator = "server1", destination = "server2" }
        addresses = { active = "192.168.10.1/24", parked = "192.168.20.2/24" }
        workload = { d2d = ["d2d"], usrp = ["usrp"], uhd = ["uhd"] }
        host.server1 = { command = "tcp://127.0.0.1:1", telemetry = "tcp://127.0.0.1:2", radio = "pool" }
        host.server2 = { command = "tcp://127.0.0.1:3", telemetry = "tcp://127.0.0.1:4", radio = "pool" }
        host.server3 = { command = "tcp://127.0.0.1:5", telemetry = "tcp://127.0.0.1:6", radio = "pool" }
        [radio.pool]
        args = "addr=192.168.10.2"
        rate = 1e6
        tx_freq = 1e7
        rx_freq = 2e7
        gain = 0.0
        tx_ant = "A"
        rx_ant = "A"
        ref = "internal"
        bw = 0.0
        "#,
    )
    .unwrap();
    config.records = records.to_owned();
    config.roles.far_end = far_end.then(|| "server3".to_owned());
    config
}

/// What goes wrong with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answered with a failure, nothing done.
    Refused,
    /// Answered with a failure after half of it was done (kills: the D2D process only; links: parked again, as the source has it).
    Half,
    /// Not answered, not done.
    Lost,
    /// Not answered, but done.
    Silent,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Host {
    pub d2d: bool,
    pub usrp: ProcessState,
    pub active: bool,
    pub tun: String,
    pub routes: Vec<Route>,
    pub carried: Option<(Value, Vec<Route>)>,
    /// An order that the host is carrying out.
    pub order: Option<Progress>,
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
    /// Replies that the far end has received; more at every look.
    pub replies: u64,
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
        let asks = ["status", "get_tun_ip", "get_control", "await_sync", "probe_mark", "probe_window"];
        self.log.iter().filter(|(_, name)| !asks.contains(name)).map(|(host, name)| format!("{name}@{host}")).collect()
    }

    fn fault(&mut self, host: &str, name: &str) -> Option<Fault> {
        let by_name = self.faults.iter().position(|&(h, n, _)| (h, n) == (host, name));
        by_name.map(|index| self.faults.remove(index).2).or_else(|| self.faults_at.get(&self.log.len()).copied())
    }

    pub fn answer(&mut self, host: &str, command: &Command) -> Result<Value, Failure> {
        let name = command.name();
        let fault = self.fault(host, name);
        self.log.push((host.to_owned(), name));
        let refused = || Failure::new(ErrorCode::Process, format!("{name} was refused"));
        let unanswered = || Failure::new(ErrorCode::Deadline, format!("{host} did not answer {name}"));
        match fault {
            None => self.carry_out(host, command),
            Some(Fault::Refused) => Err(refused()),
            Some(Fault::Half) => {
                self.half(host, command);
                Err(refused())
            }
            Some(Fault::Lost) => Err(unanswered()),
            Some(Fault::Silent) => self.carry_out(host, command).and(Err(unanswered())),
        }
    }

    fn half(&mut self, host: &str, command: &Command) {
        let Some(state) = self.hosts.get_mut(host) else { return };
        match command {
            Command::DoubleKill => state.d2d = false,
            Command::KillUsrp | Command::LinkUsrp { .. } | Command::StartUsrp { .. } => state.active = false,
            _ => {}
        }
    }

    fn point(&mut self, host: &str) {
        if self.hosts.iter().any(|(name, other)| name != host && other.active) {
            self.collision.get_or_insert_with(|| format!("{host}: {:?}", self.log));
        }
        self.hosts.get_mut(host).unwrap().active = true;
    }

    fn carry_out(&mut self, host: &str, command: &Command) -> Result<Value, Failure> {
        let wrong = |what: &str| Err(Failure::new(ErrorCode::State, format!("{host}: {what}")));
        if matches!(command, Command::LinkUsrp { .. }) && self.hosts[host].usrp != ProcessState::Made {
            return wrong("nothing is made");
        }
        if matches!(command, Command::LinkUsrp { .. } | Command::StartUsrp { .. } | Command::SetEth3 { port: SetPort::Active }) {
            self.point(host);
        }
        let deaf = self.deaf;
        self.replies += 3;
        let probe = (host == "server3").then(|| ProbeStatus { received: self.replies, ..ProbeStatus::default() });
        let state = self.hosts.get_mut(host).unwrap();
        let linked =
            Linked { eth3_ms: 2.0, make_ms: matches!(command, Command::StartUsrp { .. }).then_some(3.0), ..Linked::default() };
        match command {
            Command::StartD2d { .. } if state.d2d => return wrong("D2D runs already"),
            Command::StartD2d { control, .. } => {
                state.d2d = true;
                state.carried = Some((json!(control), state.routes.clone()));
            }
            Command::MakeUsrp | Command::StartUsrp { .. } if state.usrp != ProcessState::Stopped => {
                return wrong("USRP runs already");
            }
            Command::MakeUsrp => state.usrp = ProcessState::Made,
            Command::StartUsrp { .. } | Command::LinkUsrp { .. } => {
                state.usrp = ProcessState::Running;
                return Ok(json!(linked));
            }
            Command::DoubleKill => (state.d2d, state.usrp, state.active) = (false, ProcessState::Stopped, false),
            Command::KillUsrp => (state.usrp, state.active) = (ProcessState::Stopped, false),
            Command::KillD2d => state.d2d = false,
            Command::SetEth3 { port: SetPort::Parked } => state.active = false,
            Command::GetTunIp => return Ok(json!({"tun_ip": state.tun})),
            Command::SetTunIp { tun_ip } => state.tun.clone_from(tun_ip),
            Command::GetControl => return Ok(json!({"Control": {"RNTI": 61}, "route_list": state.routes})),
            Command::SetRoute { route_list } => state.routes.clone_from(route_list),
            Command::AwaitSync { .. } if deaf || !state.d2d => return Ok(json!(SyncState::Searching)),
            Command::AwaitSync { .. } => return Ok(json!(SyncState::Synced { for_ms: 0 })),
            Command::ProbeMark => return Ok(json!({"next": 7})),
            Command::ProbeWindow { .. } => return Ok(json!({"interval_ms": 100.0, "sent": 30, "lost": 19, "gap_ms": 1900.5})),
            Command::Status => return Ok(json!(Telemetry { probe, ..telemetry(host, state) })),
            _ => {}
        }
        Ok(Value::Null)
    }
}

fn telemetry(host: &str, state: &Host) -> Telemetry {
    let process = |state| ProcessStatus { state, ..ProcessStatus::default() };
    let address = if state.active { ACTIVE } else { PARKED };
    Telemetry {
        v: VERSION,
        host: host.to_owned(),
        seq: 0,
        at: chrono::Utc::now(),
        uptime_ms: 0,
        load: HostLoad::default(),
        radio_port: Port { name: "eth3".into(), addresses: vec![address.into()], up: true },
        owner_epoch: None,
        owner: None,
        tun: Port::default(),
        d2d: process(if state.d2d { ProcessState::Running } else { ProcessState::Stopped }),
        usrp: process(state.usrp),
        control: crate::protocol::ControlReport::default(),
        route_list: Vec::new(),
        probe: None,
        migration: state.order.clone(),
    }
}

impl Agents for Mutex<Fleet> {
    async fn request(&self, host: &str, command: Command, _deadline: Duration) -> Result<Value, Failure> {
        self.lock().unwrap().answer(host, &command)
    }
}
