//! A pool: several servers that serve several radios, in one cluster file.
//!
//! Each radio is seen alone, as a [`Config`] of its own: the hosts that serve it and its far end, with the interfaces and addresses that it has there.
//! Whatever moves one radio's work knows that view and no other radio.

mod wishes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::check::{self, Conflict};
use crate::{
    Addresses, BadValue, Cidr, CommandLine, Config, Endpoint, Host, HostName, InterfaceName, Label, PoolPlacement, PoolStore,
    Probe, Radio, RadioName, Roles, Standby, TomlSource, Workload, address, command_line, control, number, placement,
};
use protocol::{ErrorCode, Failure};

/// The cluster file of a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolFile {
    /// As [`Config::key_file`].
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// As [`Config::identity_file`].
    #[serde(default)]
    pub identity_file: Option<PathBuf>,
    /// As [`Config::records`].
    pub records: PathBuf,
    /// As [`Config::runtime`]; each radio has a folder of its name in it.
    pub runtime: PathBuf,
    /// As [`Config::state`]; each radio has a folder of its name in it.
    #[serde(default)]
    pub state: Option<PathBuf>,
    /// Who serves, and what is served.
    pub pool: PoolSection,
    /// The workload of every radio that has none of its own.
    pub workload: Workload,
    /// The far ends by name.
    pub host: BTreeMap<HostName, Host>,
    /// Radios by name, those of the far ends too.
    pub radio: BTreeMap<RadioName, Radio>,
}

/// Who serves, and what is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolSection {
    /// Who keeps the owners of the radios; absent: the agents among themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<PoolStore>,
    /// How servers are chosen for radios.
    #[serde(default, skip_serializing_if = "PoolPlacement::is_default")]
    pub placement: PoolPlacement,
    /// Servers by name.
    pub server: BTreeMap<HostName, PoolServer>,
    /// What serves each radio, by the radio's name.
    pub radio: BTreeMap<RadioName, PoolRadio>,
}

/// A server and its agent, whatever it serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolServer {
    /// As [`Host::command`].
    pub command: Endpoint,
    /// As [`Host::telemetry`].
    pub telemetry: Endpoint,
    /// As [`Host::metrics`].
    #[serde(default, deserialize_with = "address::optional_socket", skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
    /// As [`Host::fence_command`].
    #[serde(default, deserialize_with = "command_line::optional", skip_serializing_if = "Option::is_none")]
    pub fence_command: Option<CommandLine>,
    /// What it can carry, cores; unknown when absent.
    #[serde(default, deserialize_with = "number::optional_cores", skip_serializing_if = "Option::is_none")]
    pub cores: Option<f64>,
    /// What its radios may use of its network together, in the busier direction, Mbit/s; unknown when absent.
    #[serde(default, deserialize_with = "number::optional_rate", skip_serializing_if = "Option::is_none")]
    pub link: Option<f64>,
    /// What it is, in the operator's words, such as `rack-2`.
    #[serde(default, deserialize_with = "labels", skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
}

/// A radio of the pool: what serves it and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRadio {
    /// The servers that may serve it, two or more; the work starts on the first one, and each parks one address behind the one before.
    pub servers: Vec<HostName>,
    /// The host that probes it.
    #[serde(default)]
    pub far_end: Option<HostName>,
    /// Addresses that move with the work; that of the first server while it is parked.
    pub addresses: Addresses,
    /// Interface towards the radio, on each of its servers.
    #[serde(default = "InterfaceName::eth3")]
    pub radio_port: InterfaceName,
    /// Interface that carries IP over the air, on each of its servers.
    #[serde(default = "InterfaceName::tun")]
    pub tun: InterfaceName,
    /// As [`Host::tun_address`].
    #[serde(default)]
    pub tun_address: Option<Cidr>,
    /// Probe of its far end.
    #[serde(default)]
    pub probe: Probe,
    /// What a server does that does not serve it.
    #[serde(default, skip_serializing_if = "Standby::is_default")]
    pub standby: Standby,
    /// Control variables that differ for this radio, over [`Workload::control`].
    #[serde(default, deserialize_with = "control::variables")]
    pub control: BTreeMap<String, toml::Value>,
    /// What its work takes of a server, cores; unknown when absent.
    #[serde(default, deserialize_with = "number::optional_cores", skip_serializing_if = "Option::is_none")]
    pub need_cores: Option<f64>,
    /// What its work takes of a server's [`PoolServer::link`], Mbit/s; unknown when absent.
    #[serde(default, deserialize_with = "number::optional_rate", skip_serializing_if = "Option::is_none")]
    pub need_link: Option<f64>,
    /// Servers, by name or label, that serve it rather than others; one counts more than all behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefer: Vec<Label>,
    /// Servers, by name or label, to which no plan brings it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid: Vec<Label>,
    /// Radios that plans keep off its server; naming it in one of the two is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<RadioName>,
    /// Which radio is served where there is not room for all: the one with the greater number.
    #[serde(default, deserialize_with = "placement::priority", skip_serializing_if = "is_zero")]
    pub priority: u8,
    /// This radio's own workload instead of the pool's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
}

/// A cluster file, each of its radios seen alone.
#[derive(Debug, Clone, PartialEq)]
pub struct RadioViews {
    radios: BTreeMap<RadioName, Config>,
    /// All hosts, in the first radio's view.
    whole: Config,
    /// What the file says of the pool; of a file of one radio its servers alone.
    pool: PoolSection,
}

impl RadioViews {
    /// Reads and checks a cluster file, of one radio or of a pool.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = crate::read_file(path)?;
        Self::read(&TomlSource::of_file(path, &text))?.with_its_store(&TomlSource::of_file(path, &text))
    }

    /// The same of a pool whose store is about to be set up.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_before_its_store(path: &Path) -> Result<Self, Failure> {
        let text = crate::read_file(path)?;
        Self::read(&TomlSource::of_file(path, &text))
    }

    /// Reads and checks the text of a cluster file.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let source = TomlSource::of_text(text);
        Self::read(&source)?.with_its_store(&source)
    }

    /// Two servers can decide between them who owns a radio, more cannot.
    fn with_its_store(self, source: &TomlSource<'_>) -> Result<Self, Failure> {
        if self.servers().len() <= 2 || self.whole.store.is_some() {
            return Ok(self);
        }
        let what = format!(
            "{} servers need a store that says who owns which radio: two can decide between them, more cannot; `baton pool init` sets it up \
             (docs/pool.md)",
            self.servers().len()
        );
        Err(source.wrong_at(&["pool", "server"], &what))
    }

    fn read(source: &TomlSource<'_>) -> Result<Self, Failure> {
        if !source.has_section("pool") {
            let config = Config::read(source)?;
            let radios = BTreeMap::from([(config.moved_radio().clone(), config.clone())]);
            let server = config.servers().into_iter().map(|name| (name.clone(), PoolServer::of(&config.host[name]))).collect();
            let pool = PoolSection { store: None, placement: PoolPlacement::default(), server, radio: BTreeMap::new() };
            return Ok(Self { radios, whole: config, pool });
        }
        let file: PoolFile = source.read()?;
        let views = file.views().and_then(|views| check::pool(&views).and_then(|()| wishes::check(&file.pool)).map(|()| views));
        let radios = views.map_err(|Conflict { path, what }| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            source.wrong_at(&path, &what)
        })?;
        let Some(first) = radios.values().next() else {
            return Err(source.wrong_at(&["pool", "radio"], "the pool has no radio; name one: [pool.radio.NAME]"));
        };
        let hosts = radios.values().flat_map(|view| view.host.clone());
        let whole = Config { host: hosts.collect(), radio: file.radio, runtime: file.runtime, in_pool: None, ..first.clone() };
        Ok(Self { radios, whole, pool: file.pool })
    }

    /// Each radio's view, by the radio's name; never empty.
    pub fn radios(&self) -> &BTreeMap<RadioName, Config> {
        &self.radios
    }

    /// All hosts at once, for what reaches them whatever they serve.
    pub fn whole(&self) -> &Config {
        &self.whole
    }

    /// The servers, with what each can carry.
    pub fn servers(&self) -> &BTreeMap<HostName, PoolServer> {
        &self.pool.server
    }

    /// How servers are chosen for radios.
    pub fn placement(&self) -> &PoolPlacement {
        &self.pool.placement
    }

    /// What the pool's file says of a radio; none in a file of one radio.
    pub fn member(&self, radio: &str) -> Option<&PoolRadio> {
        self.pool.radio.get(radio)
    }

    /// The servers that a name in `prefer` or `forbid` means.
    pub fn meant(&self, named: &Label) -> Vec<&HostName> {
        wishes::meant(&self.pool, named)
    }

    /// What the work of a radio takes of a server, cores, where the file says so.
    pub fn need_of(&self, radio: &str) -> Option<f64> {
        self.member(radio)?.need_cores
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
        let mut host = self.servers_of(name, radio)?;
        if let Some(far_end) = &radio.far_end {
            let Some(settings) = self.host.get(far_end) else {
                let known = check::listed(self.host.keys().map(|name| name.as_str()));
                let what = format!("there is no host {:?}; the hosts are {known}", far_end.as_str());
                return Err(Conflict::new(&["pool", "radio", name, "far_end"], what));
            };
            host.insert(far_end.clone(), settings.clone());
        }
        let [initiator, destination, ..] = radio.servers.as_slice() else {
            let what = "a radio has two servers or more; the work starts on the first one".to_owned();
            return Err(Conflict::new(&["pool", "radio", name, "servers"], what));
        };
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
            roles: Roles { initiator: initiator.clone(), destination: destination.clone(), far_end: radio.far_end.clone() },
            addresses: radio.addresses.clone(),
            workload: radio.workload.clone().unwrap_or_else(|| self.workload.clone()),
            probe: radio.probe.clone(),
            standby,
            radio: self.radio.iter().filter(|(device, _)| devices.contains(device)).map(|(n, r)| (n.clone(), r.clone())).collect(),
            host,
            in_pool: Some(name.clone()),
            store: self.pool.store.clone(),
        };
        check::whole(&config).map(|()| config).map_err(|conflict| conflict.in_pool(name, &radio.servers))
    }

    /// The servers of a radio as its hosts. Several are parked at once, so each has an address of its own meanwhile.
    fn servers_of(&self, name: &RadioName, radio: &PoolRadio) -> Result<BTreeMap<HostName, Host>, Conflict> {
        let mut host = BTreeMap::new();
        for (place, server) in radio.servers.iter().enumerate() {
            let at = |what: String| Err(Conflict::new(&["pool", "radio", name, "servers", &place.to_string()], what));
            let Some(settings) = self.pool.server.get(server) else {
                let known = check::listed(self.pool.server.keys().map(|name| name.as_str()));
                return at(format!("there is no server {:?}; the servers are {known}", server.as_str()));
            };
            let first = radio.addresses.parked;
            let Some(parked) = first.behind(place) else {
                let (count, subnet) = (radio.servers.len(), first.prefix());
                let what = format!(
                    "{count} servers park at {first} and the addresses behind it, and the subnet has none for {server}; choose an earlier \
                     address, or a prefix shorter than {subnet}"
                );
                return Err(Conflict::new(&["pool", "radio", name, "addresses", "parked"], what));
            };
            if host.insert(server.clone(), settings.serving(name, radio, parked)).is_some() {
                return at(format!("{:?} is named twice; each server is named once", server.as_str()));
            }
        }
        Ok(host)
    }
}

fn labels<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Label>, D::Error> {
    let labels = Vec::<Label>::deserialize(from)?;
    match (1..labels.len()).find(|index| labels[..*index].contains(&labels[*index])) {
        Some(twice) => Err(D::Error::custom(BadValue::new(
            format_args!("{:?} is named twice", labels[twice].as_str()),
            "name each label once",
        ))),
        None => Ok(labels),
    }
}

/// As serde asks for it.
fn is_zero(number: &u8) -> bool {
    *number == 0
}

impl PoolServer {
    /// A server of a file that has only one radio.
    fn of(host: &Host) -> Self {
        let Host { command, telemetry, metrics, fence_command, .. } = host.clone();
        Self { command, telemetry, metrics, fence_command, cores: None, link: None, labels: Vec::new() }
    }

    /// The server as that radio's host.
    fn serving(&self, name: &RadioName, radio: &PoolRadio, parked: Cidr) -> Host {
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
            parked: Some(parked),
        }
    }
}
