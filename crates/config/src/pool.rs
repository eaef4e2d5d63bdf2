//! A pool: several servers that serve several radios, in one cluster file.
//!
//! Each radio is seen alone, as a [`Config`] of its own: the hosts that serve it and its far end, with the interfaces and addresses that it has there.
//! Whatever moves one radio's work knows that view and no other radio.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::check::{self, Conflict};
use crate::{
    Addresses, Cidr, CommandLine, Config, Endpoint, Host, HostName, InterfaceName, Probe, Radio, RadioName, Roles, Standby,
    TomlSource, Workload, address, command_line, control,
};
use protocol::{ErrorCode, Failure};

/// The cluster file of a pool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolFile {
    #[serde(default)]
    key_file: Option<PathBuf>,
    #[serde(default)]
    identity_file: Option<PathBuf>,
    records: PathBuf,
    runtime: PathBuf,
    #[serde(default)]
    state: Option<PathBuf>,
    pool: PoolSection,
    workload: Workload,
    host: BTreeMap<HostName, Host>,
    radio: BTreeMap<RadioName, Radio>,
}

/// Who serves, and what is served.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolSection {
    server: BTreeMap<HostName, PoolServer>,
    radio: BTreeMap<RadioName, PoolRadio>,
}

/// A server and its agent, whatever it serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolServer {
    /// As [`Host::command`].
    command: Endpoint,
    /// As [`Host::telemetry`].
    telemetry: Endpoint,
    /// As [`Host::metrics`].
    #[serde(default, deserialize_with = "address::optional_socket")]
    metrics: Option<SocketAddr>,
    /// As [`Host::fence_command`].
    #[serde(default, deserialize_with = "command_line::optional")]
    fence_command: Option<CommandLine>,
}

/// A radio of the pool: what serves it and how.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolRadio {
    /// The two servers that may serve it; the work starts on the first one.
    servers: [HostName; 2],
    /// The host that probes it.
    #[serde(default)]
    far_end: Option<HostName>,
    addresses: Addresses,
    /// Interface towards the radio, on each of its servers.
    #[serde(default = "InterfaceName::eth3")]
    radio_port: InterfaceName,
    /// Interface that carries IP over the air, on each of its servers.
    #[serde(default = "InterfaceName::tun")]
    tun: InterfaceName,
    /// As [`Host::tun_address`].
    #[serde(default)]
    tun_address: Option<Cidr>,
    #[serde(default)]
    probe: Probe,
    #[serde(default)]
    standby: Standby,
    /// Control variables that differ for this radio, over [`Workload::control`].
    #[serde(default, deserialize_with = "control::variables")]
    control: BTreeMap<String, toml::Value>,
    /// This radio's own workload instead of the pool's.
    #[serde(default)]
    workload: Option<Workload>,
}

/// A cluster file, each of its radios seen alone.
#[derive(Debug, Clone, PartialEq)]
pub struct RadioViews {
    radios: BTreeMap<RadioName, Config>,
    /// All hosts, in the first radio's view.
    whole: Config,
}

impl RadioViews {
    /// Reads and checks a cluster file, of one radio or of a pool.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = crate::read_file(path)?;
        Self::read(&TomlSource::of_file(path, &text))
    }

    /// Reads and checks the text of a cluster file.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Self::read(&TomlSource::of_text(text))
    }

    fn read(source: &TomlSource<'_>) -> Result<Self, Failure> {
        if !source.has_section("pool") {
            let config = Config::read(source)?;
            return Ok(Self { radios: BTreeMap::from([(config.moved_radio().clone(), config.clone())]), whole: config });
        }
        let file: PoolFile = source.read()?;
        let views = file.views().and_then(|views| check::pool(&views).map(|()| views));
        let radios = views.map_err(|Conflict { path, what }| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            source.wrong_at(&path, &what)
        })?;
        let Some(first) = radios.values().next() else {
            return Err(source.wrong_at(&["pool", "radio"], "the pool has no radio; name one: [pool.radio.NAME]"));
        };
        let hosts = radios.values().flat_map(|view| view.host.clone());
        let whole = Config { host: hosts.collect(), radio: file.radio, runtime: file.runtime, in_pool: None, ..first.clone() };
        Ok(Self { radios, whole })
    }

    /// Each radio's view, by the radio's name; never empty.
    pub fn radios(&self) -> &BTreeMap<RadioName, Config> {
        &self.radios
    }

    /// All hosts at once, for what reaches them whatever they serve.
    pub fn whole(&self) -> &Config {
        &self.whole
    }

    /// The view of the named radio, or of the only one when none is named.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the radios that there are.
    pub fn into_view(mut self, radio: Option<&str>) -> Result<Config, Failure> {
        let names: Vec<String> = self.radios.keys().map(ToString::to_string).collect();
        let failure = |text: String| Failure::new(ErrorCode::Config, text).hint(format!("the radios are {}", names.join(", ")));
        match radio {
            Some(name) => self.radios.remove(name).ok_or_else(|| failure(format!("there is no radio \"{name}\" in the pool"))),
            None if names.len() > 1 => Err(failure("the pool has several radios: name one with --radio".to_owned())),
            None => Ok(self.radios.pop_first().map_or(self.whole, |(_, view)| view)),
        }
    }
}

/// A cluster file, and which of its radios is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterFile {
    /// Where it is.
    pub path: PathBuf,
    /// The radio; absent: the only one.
    pub radio: Option<RadioName>,
}

impl ClusterFile {
    /// The radio's view of the cluster.
    ///
    /// # Errors
    /// Those of [`RadioViews::load`] and [`RadioViews::into_view`].
    pub fn view(&self) -> Result<Config, Failure> {
        RadioViews::load(&self.path)?.into_view(self.radio.as_deref())
    }
}

impl PoolFile {
    /// Each radio seen alone.
    fn views(&self) -> Result<BTreeMap<RadioName, Config>, Conflict> {
        let radios = self.pool.radio.iter().enumerate();
        radios
            .map(|(index, (name, radio))| Ok((name.clone(), self.view(u16::try_from(index).unwrap_or(u16::MAX), name, radio)?)))
            .collect()
    }

    fn view(&self, index: u16, name: &RadioName, radio: &PoolRadio) -> Result<Config, Conflict> {
        let mut host = BTreeMap::new();
        for (place, server) in radio.servers.iter().enumerate() {
            let Some(settings) = self.pool.server.get(server) else {
                let known = check::listed(self.pool.server.keys().map(|name| name.as_str()));
                let what = format!("there is no server {:?}; the servers are {known}", server.as_str());
                return Err(Conflict::new(&["pool", "radio", name, "servers", &place.to_string()], what));
            };
            host.insert(server.clone(), settings.serving(name, radio));
        }
        if let Some(far_end) = &radio.far_end {
            let Some(settings) = self.host.get(far_end) else {
                let known = check::listed(self.host.keys().map(|name| name.as_str()));
                let what = format!("there is no host {:?}; the hosts are {known}", far_end.as_str());
                return Err(Conflict::new(&["pool", "radio", name, "far_end"], what));
            };
            host.insert(far_end.clone(), settings.clone());
        }
        let [initiator, destination] = radio.servers.clone();
        let state = self.state.clone().unwrap_or_else(|| self.records.join("state"));
        let mut standby = radio.standby.clone();
        if standby.heartbeat_port == Standby::default().heartbeat_port {
            // One socket of a server hears one radio's heartbeats.
            standby.heartbeat_port = standby.heartbeat_port.saturating_add(index);
        }
        let devices = host.values().map(|host| &host.radio).collect::<Vec<_>>();
        let config = Config {
            key_file: self.key_file.clone(),
            identity_file: self.identity_file.clone(),
            records: self.records.clone(),
            runtime: self.runtime.join(name.as_str()),
            state: Some(state.join(name.as_str())),
            terminals: Vec::new(),
            roles: Roles { initiator, destination, far_end: radio.far_end.clone() },
            addresses: radio.addresses.clone(),
            workload: radio.workload.clone().unwrap_or_else(|| self.workload.clone()),
            probe: radio.probe.clone(),
            standby,
            radio: self.radio.iter().filter(|(device, _)| devices.contains(device)).map(|(n, r)| (n.clone(), r.clone())).collect(),
            host,
            in_pool: Some(name.clone()),
        };
        check::whole(&config).map(|()| config).map_err(|conflict| conflict.in_pool(name, &radio.servers))
    }
}

impl PoolServer {
    /// The server as that radio's host.
    fn serving(&self, name: &RadioName, radio: &PoolRadio) -> Host {
        Host {
            command: self.command.clone(),
            telemetry: self.telemetry.clone(),
            radio: name.clone(),
            radio_port: radio.radio_port.clone(),
            tun: radio.tun.clone(),
            metrics: self.metrics,
            tun_address: radio.tun_address,
            autostart: false,
            control: radio.control.clone(),
            fence_command: self.fence_command.clone(),
            workload: None,
        }
    }
}
