//! What the operator wrote: one TOML file describes the cluster, for the lab and for real hosts alike.
//!
//! Every value has a type that only good values have, so that a bad one is refused where the file is read, with file, line, key and what is
//! allowed. Ground floor: imports nothing of baton but the failure type.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use protocol::{ErrorCode, Failure, Form};

mod address;
mod apart;
mod bad_value;
mod capability;
mod check;
mod command_line;
mod control;
mod endpoint;
mod example;
mod guest;
mod name;
mod number;
mod place;
mod placement;
mod pool;
mod radio;
mod servers;
mod standby;
mod store;
mod text_type;
pub mod time;
pub mod trust;

pub use address::Cidr;
pub use bad_value::BadValue;
pub use capability::Capability;
pub use command_line::CommandLine;
pub use endpoint::Endpoint;
pub use example::{EXAMPLE, example_in};
pub use guest::Guest;
pub use name::{HostName, InterfaceName, Label, RadioName};
pub use number::{checked_frequency, checked_gain};
pub use place::TomlSource;
pub use placement::{PoolPlacement, Strategy};
pub use pool::{ClusterFile, PoolFile, PoolRadio, PoolSection, PoolServer, RadioViews};
pub use radio::{DeviceArgs, Radio, Reference};
pub use standby::{Standby, StandbyPolicy};
pub use store::{FailoverPolicy, PoolStore};

/// The cluster file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// File that holds the cluster key (any bytes); commands are signed with it. Without one, agents listen on loopback and ipc only.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// On an operator's machine, in the place of the key: the certificate of an operator, whose role says what may be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<PathBuf>,
    /// Folder for the records of migrations.
    pub records: PathBuf,
    /// Folder for the sockets between an agent and its workload processes.
    pub runtime: PathBuf,
    /// Folder for what an agent has to remember when it is started again; `state` in the folder of the records when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
    /// Tun addresses of the terminals of a relay scenario; a terminal's place in the list is its index in routes (`destID`, `nexthop`).
    /// Empty where there are only two ends.
    #[serde(default, deserialize_with = "address::plain_list", skip_serializing_if = "Vec::is_empty")]
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
    /// What the host of the pool does that does not serve.
    #[serde(default, skip_serializing_if = "Standby::is_default")]
    pub standby: Standby,
    /// Hosts by name.
    pub host: BTreeMap<HostName, Host>,
    /// Radios by name.
    pub radio: BTreeMap<RadioName, Radio>,
    /// The radio that is seen here alone, of a pool that has others; absent where the file has one.
    #[serde(skip)]
    pub in_pool: Option<RadioName>,
    /// The pool's store of owners; absent where there is none, as in a file of one radio.
    #[serde(skip)]
    pub store: Option<PoolStore>,
}

/// Who plays which part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Server1 of the paper, where the work starts.
    pub initiator: HostName,
    /// Server2 of the paper, where the work goes to.
    pub destination: HostName,
    /// Server3, which probes; absent where nobody does.
    #[serde(default)]
    pub far_end: Option<HostName>,
}

/// Addresses that move with the work, with prefix length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// Of the interface towards the radio, on the host that the radio talks to.
    pub active: Cidr,
    /// Of the same interface on a host that must not own the radio; in another subnet. In a pool, that of the radio's first server ([`Config::parked_of`]).
    pub parked: Cidr,
}

/// Commands of the workload, each a program and its arguments. They come from this file and never from the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The D2D process.
    pub d2d: CommandLine,
    /// The USRP process.
    pub usrp: CommandLine,
    /// Discovery and full initialisation: run as `<uhd> find` and `<uhd> init`.
    pub uhd: CommandLine,
    /// What the work of the pool is while it runs: `processes`, or for comparison `pod` or `guest` (docs/other-ways.md).
    #[serde(default, skip_serializing_if = "is_processes")]
    pub form: Form,
    /// How often the control variables are collected; 0.1 s to a day, in seconds in the file.
    #[serde(rename = "collect_interval_s", default = "Workload::default_collect_interval", with = "number::seconds")]
    pub collect_interval: Duration,
    /// For a D2D program without a contract socket: prints its control variables, a JSON object, whenever it is run. It has the
    /// environment of the D2D process.
    #[serde(default, deserialize_with = "command_line::optional", skip_serializing_if = "Option::is_none")]
    pub control_command: Option<CommandLine>,
    /// For a D2D program that does not describe its control variables itself: name to meaning.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meanings: BTreeMap<String, String>,
    /// Environment variables of the three programs, beside those that baton gives them (docs/workload.md).
    #[serde(default, deserialize_with = "capability::environment", skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Capabilities that they keep of the agent's.
    #[serde(default = "Capability::of_the_reference", skip_serializing_if = "Capability::are_of_the_reference")]
    pub capabilities: Vec<Capability>,
    /// Control variables of a plain start, handed to the D2D process as its own settings.
    #[serde(default, deserialize_with = "control::variables")]
    pub control: BTreeMap<String, toml::Value>,
    /// The virtual machine, for the form `guest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_processes(form: &Form) -> bool {
    *form == Form::Processes
}

impl Workload {
    fn default_collect_interval() -> Duration {
        Duration::from_secs(10)
    }
}

/// The workload file of `baton lab --workload`: what it leaves out stays as in another workload.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnWorkload {
    /// As [`Workload::d2d`].
    pub d2d: CommandLine,
    /// As [`Workload::usrp`].
    pub usrp: Option<CommandLine>,
    /// As [`Workload::uhd`].
    pub uhd: Option<CommandLine>,
    /// As [`Workload::collect_interval`].
    #[serde(rename = "collect_interval_s", default, deserialize_with = "number::optional_seconds")]
    pub collect_interval: Option<Duration>,
    /// As [`Workload::control_command`]; without one there is none.
    #[serde(default, deserialize_with = "command_line::optional")]
    pub control_command: Option<CommandLine>,
    /// As [`Workload::meanings`].
    #[serde(default)]
    pub meanings: BTreeMap<String, String>,
    /// As [`Workload::environment`].
    #[serde(default, deserialize_with = "capability::environment")]
    pub environment: BTreeMap<String, String>,
    /// As [`Workload::capabilities`].
    pub capabilities: Option<Vec<Capability>>,
    /// As [`Workload::control`].
    #[serde(default, deserialize_with = "control::variables")]
    pub control: BTreeMap<String, toml::Value>,
}

/// Probe of the far end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// Probed address.
    #[serde(deserialize_with = "address::plain")]
    pub target: Ipv4Addr,
    /// From one probe to the next; 1 ms to 60 s, in milliseconds in the file.
    #[serde(rename = "interval_ms", with = "number::probe_interval")]
    pub interval: Duration,
}

impl Default for Probe {
    fn default() -> Self {
        Self { target: Ipv4Addr::new(192, 168, 40, 9), interval: Duration::from_millis(100) }
    }
}

/// A host and its agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Where the agent takes commands, e.g. `tcp://10.77.0.11:7600` or `ipc:///run/baton/server1.sock`.
    pub command: Endpoint,
    /// Where it publishes telemetry.
    pub telemetry: Endpoint,
    /// Name of the radio that this host uses.
    pub radio: RadioName,
    /// Interface towards the radio.
    #[serde(default = "InterfaceName::eth3")]
    pub radio_port: InterfaceName,
    /// Interface that carries IP over the air.
    #[serde(default = "InterfaceName::tun")]
    pub tun: InterfaceName,
    /// Where the agent answers Prometheus over HTTP, at `/metrics`, address and port; nowhere when absent. Whoever reaches it may read it.
    #[serde(default, deserialize_with = "address::optional_socket", skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
    /// Address of tun, with prefix length. With it the agent sets its interfaces up when it starts: it makes tun where there is none, gives it
    /// this address where it has none, switches `radio_port` on, and parks that one where it has no address. Without it, whoever runs the host does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tun_address: Option<Cidr>,
    /// Start the workload when the agent starts, as `DSR` would; for the far end.
    #[serde(default)]
    pub autostart: bool,
    /// Control variables that differ on this host, over [`Workload::control`].
    #[serde(default, deserialize_with = "control::variables")]
    pub control: BTreeMap<String, toml::Value>,
    /// Switches this host off, e.g. by its management board: run on the other host of the pool before a failover takes the radio. Exit code 0
    /// means that this host is certainly off.
    #[serde(default, deserialize_with = "command_line::optional", skip_serializing_if = "Option::is_none")]
    pub fence_command: Option<CommandLine>,
    /// This host's own workload instead of the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// Its own parked address, where several servers of a pool are parked at once; absent where [`Addresses::parked`] is everybody's.
    #[serde(skip)]
    pub parked: Option<Cidr>,
}

impl Host {
    /// The interface towards the radio where the cluster file names none.
    pub fn usual_radio_port() -> InterfaceName {
        InterfaceName::eth3()
    }
}

/// The text of a cluster file.
fn read_file(path: &Path) -> Result<String, Failure> {
    trust::require_file(path, "the configuration")?;
    std::fs::read_to_string(path).map_err(|error| {
        Failure::new(ErrorCode::Config, format!("{}: the configuration cannot be read: {error}", path.display()))
            .hint("name the file with --config, or start a lab with `baton lab`")
    })
}

impl Config {
    /// Reads and checks a cluster file of one radio; [`RadioViews`] reads those of a pool, too.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the file, the line, the key and what is wrong; also for a file that another user could change, because it names the
    /// programs that agents run.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = read_file(path)?;
        Self::read(&TomlSource::of_file(path, &text))
    }

    /// Reads and checks the text of a cluster file.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the line, the key and what is wrong.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Self::read(&TomlSource::of_text(text))
    }

    pub(crate) fn read(source: &TomlSource<'_>) -> Result<Self, Failure> {
        let config: Self = source.read()?;
        check::whole(&config).map_err(|conflict| {
            let path: Vec<&str> = conflict.path.iter().map(String::as_str).collect();
            source.wrong_at(&path, &conflict.what)
        })?;
        Ok(config)
    }

    /// The radio's name in telemetry, events and records: absent where the file has only one.
    pub fn radio_to_tell(&self) -> Option<String> {
        self.in_pool.as_ref().map(ToString::to_string)
    }

    /// The radio whose work is moved.
    pub fn moved_radio(&self) -> &RadioName {
        // The checks see to it that there is such a host.
        &self.host[&self.roles.initiator].radio
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
            let known: Vec<&str> = self.host.keys().map(HostName::as_str).collect();
            Failure::new(ErrorCode::Config, format!("there is no host \"{name}\" in the configuration"))
                .hint(format!("the hosts are {}", known.join(", ")))
        })
    }

    /// The address of a host's interface towards the radio while that host is parked.
    pub fn parked_of(&self, host: &str) -> Cidr {
        self.host.get(host).and_then(|host| host.parked).unwrap_or(self.addresses.parked)
    }

    /// The workload of a host: its own, or the cluster's.
    pub fn workload_of(&self, host: &str) -> &Workload {
        self.host.get(host).and_then(|host| host.workload.as_ref()).unwrap_or(&self.workload)
    }

    /// The form of the work on a host. What runs outside the pool is never moved, and runs as processes.
    pub fn form_of(&self, host: &str) -> Form {
        if self.is_server(host) { self.workload.form } else { Form::Processes }
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
}
