//! What the operator wrote: one TOML file describes the cluster, for the lab and for real hosts alike.
//!
//! Ground floor: imports nothing of baton but the failure type.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use protocol::{ErrorCode, Failure, Order};

/// The cluster file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// File that holds the cluster key (any bytes); commands are signed with it. Without one, agents listen on loopback and ipc only.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Folder for the records of migrations.
    pub records: PathBuf,
    /// Folder for the sockets between an agent and its workload processes.
    pub runtime: PathBuf,
    /// Folder for what an agent has to remember when it is started again; `state` in the folder of the records when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
    /// Tun addresses of the terminals of a relay scenario; a terminal's place in the list is its index in routes (`destID`, `nexthop`).
    /// Empty where there are only two ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terminals: Vec<Ipv4Addr>,
    /// Who plays which part.
    pub roles: Roles,
    /// Addresses that move with the work.
    pub addresses: Addresses,
    /// The workload's two commands.
    pub workload: Workload,
    /// Probe of the far end.
    #[serde(default)]
    pub probe: Probe,
    /// Hosts by name.
    pub host: BTreeMap<String, Host>,
    /// Radios by name.
    pub radio: BTreeMap<String, Radio>,
}

/// Who plays which part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Server1 of the source system.
    pub initiator: String,
    /// Server2.
    pub destination: String,
    /// Server3, which probes; absent where nobody does.
    #[serde(default)]
    pub far_end: Option<String>,
}

/// Addresses that move with the work, with prefix length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// eth3 of the host that the radio talks to.
    pub active: String,
    /// eth3 of a host that must not own the radio.
    pub parked: String,
}

/// Commands of the workload, each a program and its arguments. They come from this file and never from the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The D2D process.
    pub d2d: Vec<String>,
    /// The USRP process.
    pub usrp: Vec<String>,
    /// Discovery and full initialisation: run as `<uhd> find` and `<uhd> init`.
    pub uhd: Vec<String>,
    /// How often the control variables are collected, s.
    #[serde(default = "Workload::default_collect_interval")]
    pub collect_interval_s: f64,
    /// For a D2D program without a contract socket: prints its control variables, a JSON object, whenever it is run. It has the
    /// environment of the D2D process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub control_command: Vec<String>,
    /// For a D2D program that does not describe its control variables itself: name to meaning.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meanings: BTreeMap<String, String>,
    /// Control variables of a plain start, handed to the D2D process as its own settings.
    #[serde(default)]
    pub control: BTreeMap<String, toml::Value>,
}

impl Workload {
    fn default_collect_interval() -> f64 {
        10.0
    }

    /// `at` names its table in the file.
    fn check(&self, at: &str) -> Result<(), Failure> {
        for (what, command) in [("d2d", &self.d2d), ("usrp", &self.usrp), ("uhd", &self.uhd)] {
            if command.is_empty() {
                return Err(Failure::new(ErrorCode::Config, format!("{at}.{what} names no program")));
            }
        }
        Ok(())
    }
}

/// Probe of the far end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// Probed address.
    pub target: String,
    /// Milliseconds between probes, 1 or more.
    pub interval_ms: f64,
}

impl Default for Probe {
    fn default() -> Self {
        Self { target: "192.168.40.9".into(), interval_ms: 100.0 }
    }
}

/// A host and its agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Where the agent takes commands, e.g. `tcp://10.77.0.11:7600` or `ipc:///run/baton/server1.sock`.
    pub command: String,
    /// Where it publishes telemetry.
    pub telemetry: String,
    /// Name of the radio that this host uses.
    pub radio: String,
    /// Interface towards the radio.
    #[serde(default = "Host::default_radio_port")]
    pub radio_port: String,
    /// Interface that carries IP over the air.
    #[serde(default = "Host::default_tun")]
    pub tun: String,
    /// Start the workload when the agent starts, as `DSR` would; for the far end.
    #[serde(default)]
    pub autostart: bool,
    /// Control variables that differ on this host, over [`Workload::control`].
    #[serde(default)]
    pub control: BTreeMap<String, toml::Value>,
    /// This host's own workload instead of the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
}

impl Host {
    fn default_radio_port() -> String {
        "eth3".into()
    }

    fn default_tun() -> String {
        "tun".into()
    }
}

/// Radio parameters (docs/spec.md, "Radio parameters").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radio {
    /// UHD device arguments, e.g. `addr=192.168.10.2`.
    pub args: String,
    /// Samples per second, both ways.
    pub rate: f64,
    /// Transmit centre frequency, Hz.
    pub tx_freq: f64,
    /// Receive centre frequency, Hz.
    pub rx_freq: f64,
    /// Gain, dB, both ways.
    pub gain: f64,
    /// Transmit antenna.
    pub tx_ant: String,
    /// Receive antenna.
    pub rx_ant: String,
    /// Reference: internal, external or mimo.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Front-end bandwidth, Hz.
    pub bw: f64,
}

/// Fastest rate at which two streams of 16-bit samples share the radio's gigabit, samples per second.
const TWO_STREAMS: f64 = 12.5e6;

impl Radio {
    /// Whether both receive chains may stream at once.
    pub fn has_room_for_two_streams(&self) -> bool {
        self.rate <= TWO_STREAMS
    }

    /// The radio's address out of [`Radio::args`].
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when the arguments name no IPv4 address.
    pub fn device(&self) -> Result<std::net::Ipv4Addr, Failure> {
        self.args.split(',').find_map(|pair| pair.trim().strip_prefix("addr=")).and_then(|text| text.parse().ok()).ok_or_else(
            || Failure::new(ErrorCode::Config, format!("the radio's args \"{}\" name no addr=<IPv4 address>", self.args)),
        )
    }
}

impl Config {
    /// Reads and checks a cluster file.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the file, the line and what is wrong.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let fail = |what: String| Failure::new(ErrorCode::Config, format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| {
            fail(format!("the configuration can not be read: {e}"))
                .hint("name the file with --config, or start a lab with `baton lab`")
        })?;
        Self::parse(&text).map_err(|f| Failure { message: format!("{}: {}", path.display(), f.message), ..f })
    }

    /// Reads and checks the text of a cluster file.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the line and what is wrong.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let config: Self = toml::from_str(text)
            .map_err(|e| Failure::new(ErrorCode::Config, format!("the configuration is wrong: {}", e.to_string().trim_end())))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Failure> {
        let wrong = |what: String| Err(Failure::new(ErrorCode::Config, what));
        let named = [Some(&self.roles.initiator), Some(&self.roles.destination), self.roles.far_end.as_ref()];
        for name in named.into_iter().flatten() {
            self.host(name)?;
        }
        if self.roles.initiator == self.roles.destination {
            return wrong(format!("initiator and destination are the same host, \"{}\"", self.roles.initiator));
        }
        for (name, host) in &self.host {
            if !self.radio.contains_key(&host.radio) {
                return wrong(format!("host.{name} uses radio \"{}\", which is not described", host.radio));
            }
        }
        for (name, radio) in &self.radio {
            radio.device().map_err(|f| Failure { message: format!("radio.{name}: {}", f.message), ..f })?;
            if radio.rate.is_nan() || radio.rate <= 0.0 {
                return wrong(format!("radio.{name}: rate is {} samples per second; it must be positive", radio.rate));
            }
        }
        self.workload.check("workload")?;
        for (name, host) in &self.host {
            host.workload.as_ref().map_or(Ok(()), |workload| workload.check(&format!("host.{name}.workload")))?;
        }
        if self.probe.interval_ms.is_nan() || self.probe.interval_ms < 1.0 {
            return wrong(format!("probe.interval_ms is {}; the shortest interval is 1 ms", self.probe.interval_ms));
        }
        Ok(())
    }

    /// Folder for what an agent has to remember when it is started again.
    pub fn state_folder(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| self.records.join("state"))
    }

    /// The host of that name.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the names that exist.
    pub fn host(&self, name: &str) -> Result<&Host, Failure> {
        self.host.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.host.keys().map(String::as_str).collect();
            Failure::new(ErrorCode::Config, format!("there is no host \"{name}\" in the configuration"))
                .hint(format!("the hosts are {}", known.join(", ")))
        })
    }

    /// The workload of a host: its own, or the cluster's.
    pub fn workload_of(&self, host: &str) -> &Workload {
        self.host.get(host).and_then(|host| host.workload.as_ref()).unwrap_or(&self.workload)
    }

    /// The radio that a host uses.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when host or radio are unknown.
    pub fn radio_of(&self, host: &str) -> Result<&Radio, Failure> {
        let name = &self.host(host)?.radio;
        self.radio
            .get(name)
            .ok_or_else(|| Failure::new(ErrorCode::Config, format!("there is no radio \"{name}\" in the configuration")))
    }

    /// From which host to which an order moves the work; orders that move nothing name one host twice.
    pub fn ends(&self, order: Order) -> (&str, &str) {
        let (one, two) = (self.roles.initiator.as_str(), self.roles.destination.as_str());
        match order {
            Order::DS | Order::KL => (one, one),
            Order::M => (one, two),
            Order::MB => (two, one),
            Order::DSR | Order::KR => (two, two),
        }
    }

    /// The host whose agent carries an order out: the one that the work goes to (it pulls the work to itself).
    pub fn executor(&self, order: Order) -> &str {
        self.ends(order).1
    }
}
