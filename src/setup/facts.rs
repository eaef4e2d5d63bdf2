//! What a host looks like, as plain values: gathered in one place, judged in another.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use config::trust::Distrust;
use config::{Cidr, Config, HostName};
use protocol::Port;
use radio::inquiry::RadioNumbers;

/// Who asks for the examination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The agent, of itself.
    OfAgent {
        /// Whether its work drives the radio now.
        drives_radio: bool,
    },
    /// Somebody at a terminal of the host, for the agent that would run there.
    AtTerminal,
}

/// Everything that is known of a host.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The cluster.
    pub config: Arc<Config>,
    /// Its name in the cluster file.
    pub host: HostName,
    /// The agent's process.
    pub process: ProcessFacts,
    /// Key, configuration and folders.
    pub files: FileFacts,
    /// The tun device and interface.
    pub tun: TunFacts,
    /// libuhd's executable.
    pub uhd: UhdFacts,
    /// The interface towards the radio.
    pub radio_port: PortFacts,
    /// Settings of the kernel's network stack.
    pub stack: StackFacts,
    /// Packet filters.
    pub firewall: FirewallFacts,
    /// Processors.
    pub processors: ProcessorFacts,
    /// Who has addresses of this host.
    pub held: Vec<HeldAddress>,
    /// The radio, where it is an N210.
    pub radio: Option<RadioFacts>,
}

/// The process that is or would be the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessFacts {
    /// The unit that would run it, where that is who was looked at.
    pub unit: Option<String>,
    /// Name of its user.
    pub user: String,
    /// Which of the three it has.
    pub rights: Rights,
    /// Its limit of real-time priority.
    pub rtprio: u64,
    /// Its limit of open files; none: no limit.
    pub files: Option<u64>,
    /// Microseconds of each second in which real-time threads may run, of `kernel.sched_rt_*`; none: no limit, or not told.
    pub real_time_us: Option<u64>,
    /// Whether a thread of it got real-time priority, where it could be tried.
    pub real_time: Option<Result<(), String>>,
}

/// Capabilities of docs/agents.md.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// `CAP_NET_ADMIN`.
    pub net_admin: bool,
    /// `CAP_NET_RAW`.
    pub net_raw: bool,
    /// `CAP_SYS_NICE`.
    pub sys_nice: bool,
}

/// Files and folders that decide what runs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Whether an agent on this host listens on TCP.
    pub listens_on_tcp: bool,
    /// The key, where the cluster has one.
    pub key: Option<KeyFile>,
    /// The folders.
    pub folders: Vec<FolderFacts>,
}

/// The file of the cluster key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Where.
    pub path: PathBuf,
    /// What is there; none: nothing that can be seen.
    pub found: Option<KeyFacts>,
}

/// A key as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its bytes.
    pub bytes: u64,
    /// Mode.
    pub mode: u32,
    /// Whether users beside the agent's and root can read or change it.
    pub open: bool,
    /// Whether the agent's user can read it.
    pub readable: bool,
    /// Whether it can be replaced.
    pub trust: Result<(), Distrust>,
}

/// A folder of the cluster file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFacts {
    /// Its key in the cluster file.
    pub key: &'static str,
    /// Where.
    pub path: PathBuf,
    /// Whether it is there, and whether the agent's user may write; where it is not there, whether it can be made.
    pub place: FolderPlace,
    /// Whether others can change it.
    pub trust: Result<(), Distrust>,
    /// Bytes that are free there; none: not told.
    pub free: Option<u64>,
}

/// Whether a folder can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderPlace {
    /// It is there, and the agent writes to it.
    Writable,
    /// It is there, and the agent may not write to it.
    NotWritable,
    /// It is missing, and the agent makes it.
    CanBeMade,
    /// It is missing, and the agent may not make it.
    CannotBeMade,
}

/// The tun device and interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunFacts {
    /// Whether the device can be opened.
    pub device: Device,
    /// The interface; none: missing.
    pub port: Option<Port>,
}

/// A device file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// Can be opened.
    Opens,
    /// Is not there, or has no driver.
    Missing,
    /// May not be opened.
    Forbidden,
    /// Cannot be opened for another reason.
    Broken(String),
}

/// The executable that stands on libuhd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UhdFacts {
    /// Path of the program.
    pub program: String,
    /// What it says of libuhd; an error is a clause.
    pub version: Result<String, String>,
}

/// The interface towards the radio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortFacts {
    /// Its name.
    pub name: String,
    /// The interface; none: missing.
    pub found: Option<Port>,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// Its speed, Mbit/s; none: not told, as of virtual ones.
    pub speed: Option<u32>,
    /// Whether it sends and receives at once; none: not told.
    pub full_duplex: Option<bool>,
    /// How long it waits for more packets before it tells of one, µs; none: not told.
    pub rx_usecs: Option<u32>,
    /// Other Ethernet interfaces of the host by name, and whether each has a carrier.
    pub others: Vec<(String, bool)>,
}

/// Settings below `/proc/sys`; none: not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackFacts {
    /// `net.core.rmem_max`, bytes.
    pub rmem_max: Option<u64>,
    /// `net.core.wmem_max`, bytes.
    pub wmem_max: Option<u64>,
    /// `rp_filter` of the interface towards the radio, as the kernel combines it with `all`.
    pub rp_filter_port: Option<u64>,
    /// The same of tun.
    pub rp_filter_tun: Option<u64>,
    /// `arp_ignore` of the interface towards the radio, as the kernel combines it with `all`.
    pub arp_ignore: Option<u64>,
    /// `arp_announce`, the same.
    pub arp_announce: Option<u64>,
    /// Whether an endpoint of this host is an IPv6 address.
    pub speaks_ipv6: bool,
    /// Whether IPv6 is switched off; none: the kernel has none.
    pub ipv6_disabled: Option<bool>,
}

/// What a packet filter does with packets that this project needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirewallFacts {
    /// There is no program to list them with.
    NoTool,
    /// They could not be listed: a clause.
    Unread(String),
    /// What was listed.
    Rules {
        /// What each packet that is needed meets, where that is not a free way.
        stopped: Vec<Stopped>,
        /// Input chains that were read.
        chains: usize,
        /// Whether there are tables of the older iptables, which cannot be listed so.
        legacy: bool,
    },
}

/// A chain that stops a packet, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// `inet filter input`.
    pub chain: String,
    /// Which packet.
    pub packet: Needed,
    /// Whether it certainly does; otherwise a rule decides that is not understood here.
    pub certainly: bool,
}

/// A packet that must come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// UDP from the radio.
    FromRadio {
        /// Interface.
        interface: String,
        /// The radio.
        radio: Ipv4Addr,
    },
    /// UDP to the port of an armed standby's heartbeats.
    Heartbeats {
        /// Port.
        port: u16,
    },
    /// TCP to a port of the agent.
    ToAgent {
        /// Port.
        port: u16,
    },
}

/// Processors, by what they do when there is little to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessorFacts {
    /// Governors that are in use; empty: the kernel does not set clock rates here.
    pub governors: Vec<String>,
    /// Enabled idle states with their exit latency, µs, the longest last; empty: the kernel does not choose them here.
    pub idle_states: Vec<(String, u64)>,
}

/// What a network has answered to the question who has an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAddress {
    /// Address.
    pub address: Ipv4Addr,
    /// Interface by which it was asked.
    pub interface: String,
    /// Whether the address is this host's alone, or moves with the radio.
    pub own: bool,
    /// Whether this host has it now.
    pub here: bool,
    /// Hardware addresses of all others that have answered, each with the host of the cluster if that is known; an error is a clause.
    pub holders: Result<Vec<(String, Option<String>)>, String>,
}

/// The radio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadioFacts {
    /// Its address in the cluster file.
    pub address: Ipv4Addr,
    /// Its numbers; an error is a sentence. None: it was not asked.
    pub numbers: Option<Result<RadioNumbers, String>>,
    /// The address with which it starts the next time; none: it was not asked, or does not tell.
    pub next_address: Option<Ipv4Addr>,
}

impl Facts {
    /// This host's section of the cluster file.
    pub fn settings(&self) -> &config::Host {
        // Looked up when the facts were gathered.
        &self.config.host[self.host.as_str()]
    }

    /// The address that tun has where the work starts: the one that is configured, else for the initiator the one that is probed.
    pub fn tun_address(&self) -> Option<Cidr> {
        let probed = || Cidr::new(self.config.probe.target, 24).ok().filter(|_| self.config.roles.initiator == self.host);
        self.settings().tun_address.or_else(probed)
    }
}
