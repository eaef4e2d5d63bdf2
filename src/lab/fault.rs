//! Faults on demand in a running lab: processes killed or paused, cables pulled, a disk full.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::interior::RUN_SIZE;
use super::{enter, namespace, wiring};
use config::{Config, RadioName, RadioViews};
use protocol::Trying;
use protocol::{ErrorCode, Failure};

/// A fault of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "kebab-case")]
pub enum LabFault {
    /// SIGKILL, to the D2D process.
    KillD2d,
    /// SIGKILL, to the USRP process.
    KillUsrp,
    /// SIGKILL, to the agent; its children live on.
    KillAgent,
    /// SIGSTOP, to the D2D process.
    PauseD2d,
    /// SIGSTOP, to the USRP process.
    PauseUsrp,
    /// SIGSTOP, to the agent.
    PauseAgent,
    /// The cable to the radio's switch is pulled.
    CutEth3,
    /// The cable to the management network is pulled.
    CutMgmt0,
    /// SIGSTOP, to the member of etcd; `mend` goes on with it.
    PauseEtcd,
    /// The lab's disk is full: sockets, logs and what agents remember, of all hosts.
    FullDisk,
}

/// Options of `baton lab fault`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The host: server1, server2, server3; with --relay, server4; in a pool also far1 and on.
    pub host: String,
    /// The fault.
    #[arg(value_enum)]
    pub what: LabFault,
    #[command(flatten)]
    pub of: OfRadio,
    /// Seconds until the fault ends by itself; without it, `baton lab mend` ends it. A killed process stays dead.
    #[arg(long = "for", value_name = "SECONDS")]
    pub lasting: Option<f64>,
}

/// Which radio's work a fault is about.
#[derive(Debug, Clone, clap::Args)]
pub struct OfRadio {
    /// Whose process or cable it is, on a host that has a part in several radios; of the agent, mgmt0 and the disk there is one.
    #[arg(long, env = "BATON_RADIO", value_name = "RADIO")]
    pub radio: Option<RadioName>,
}

/// The target of a fault.
enum FaultTarget {
    /// A process of the work, by its part in it, with a signal.
    Process(&'static str, Signal),
    /// The agent, with a signal.
    Agent(Signal),
    /// The member of etcd, with a signal.
    Etcd(Signal),
    /// The interface towards the radio.
    RadioPort,
    /// The interface on the management network.
    Management,
    /// The lab's /run.
    Disk,
}

impl LabFault {
    fn target(self) -> FaultTarget {
        match self {
            Self::KillD2d => FaultTarget::Process("d2d", Signal::SIGKILL),
            Self::KillUsrp => FaultTarget::Process("usrp", Signal::SIGKILL),
            Self::KillAgent => FaultTarget::Agent(Signal::SIGKILL),
            Self::PauseD2d => FaultTarget::Process("d2d", Signal::SIGSTOP),
            Self::PauseUsrp => FaultTarget::Process("usrp", Signal::SIGSTOP),
            Self::PauseAgent => FaultTarget::Agent(Signal::SIGSTOP),
            Self::PauseEtcd => FaultTarget::Etcd(Signal::SIGSTOP),
            Self::CutEth3 => FaultTarget::RadioPort,
            Self::CutMgmt0 => FaultTarget::Management,
            Self::FullDisk => FaultTarget::Disk,
        }
    }
}

/// Options of `baton lab mend`.
#[derive(Debug, Clone, clap::Args)]
pub struct MendArgs {
    /// The host.
    pub host: String,
    /// The fault to end.
    #[arg(value_enum)]
    pub what: LabFault,
    #[command(flatten)]
    pub of: OfRadio,
}

/// Begins the fault, and ends it after the time given.
///
/// # Errors
/// As [`enter::enter`]; there is no such host, radio or process, or the host has several radios and none is named.
pub fn run(name: Option<&str>, args: &Args) -> Result<ExitCode, Failure> {
    let lasting = args.lasting.map(Duration::try_from_secs_f64).transpose().map_err(|_| {
        Failure::new(ErrorCode::BadRequest, "a fault lasts for a number of seconds, 0 or more").hint("for example --for 2.5")
    })?;
    let place = EnteredHost::enter(name, &args.host, args.of.radio.as_ref())?;
    place.begin(args.what)?;
    if let Some(lasting) = lasting {
        std::thread::sleep(lasting);
        place.mend(args.what)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends the fault.
///
/// # Errors
/// As [`run`].
pub fn mend(name: Option<&str>, args: &MendArgs) -> Result<ExitCode, Failure> {
    EnteredHost::enter(name, &args.host, args.of.radio.as_ref())?.mend(args.what).map(|()| ExitCode::SUCCESS)
}

/// A host of the lab, whose namespaces this process has joined.
struct EnteredHost<'a> {
    host: &'a str,
    radio: Option<&'a RadioName>,
    cluster: RadioViews,
    /// Inode of its network namespace.
    network: u64,
}

impl<'a> EnteredHost<'a> {
    fn enter(name: Option<&str>, host: &'a str, radio: Option<&'a RadioName>) -> Result<Self, Failure> {
        let file = enter::enter(name)?;
        let network = namespace::open(host)?;
        let inode = network.metadata().trying(|| format!("the namespace {host} could not be read"))?.ino();
        namespace::settle(network.as_fd(), host).trying(|| format!("the namespace {host} could not be entered"))?;
        Ok(Self { host, radio, cluster: RadioViews::load(&file)?, network: inode })
    }

    /// The radio that the fault is about.
    fn view(&self) -> Result<&Config, Failure> {
        let views = self.cluster.radios().iter().filter(|(_, view)| view.host.contains_key(self.host));
        select(&views.map(|(name, view)| (name.as_str(), view)).collect(), self.radio.map(RadioName::as_str), self.host).copied()
    }

    fn begin(&self, what: LabFault) -> Result<(), Failure> {
        match what.target() {
            FaultTarget::Process(role, signal) => self.signal(role, self.workload(role)?, signal),
            FaultTarget::Agent(signal) => self.signal("agent", self.agent(), signal),
            FaultTarget::Etcd(signal) => self.signal("etcd", self.etcd(), signal),
            FaultTarget::RadioPort => wiring::set_up(self.host, &self.view()?.host(self.host)?.radio_port, false),
            FaultTarget::Management => wiring::set_up(self.host, "mgmt0", false),
            FaultTarget::Disk => resize(used()?),
        }
    }

    fn mend(&self, what: LabFault) -> Result<(), Failure> {
        match what.target() {
            FaultTarget::Process(role, Signal::SIGSTOP) => self.signal(role, self.workload(role)?, Signal::SIGCONT),
            FaultTarget::Agent(Signal::SIGSTOP) => self.signal("agent", self.agent(), Signal::SIGCONT),
            FaultTarget::Etcd(_) => self.signal("etcd", self.etcd(), Signal::SIGCONT),
            FaultTarget::Process(role, _) => Err(stays_dead(role)),
            FaultTarget::Agent(_) => Err(stays_dead("agent")),
            FaultTarget::RadioPort => wiring::set_up(self.host, &self.view()?.host(self.host)?.radio_port, true),
            FaultTarget::Management => wiring::set_up(self.host, "mgmt0", true),
            FaultTarget::Disk => resize(RUN_SIZE),
        }
    }

    fn signal(&self, role: &str, found: Option<i32>, signal: Signal) -> Result<(), Failure> {
        let pid = found.ok_or_else(|| {
            Failure::new(ErrorCode::State, format!("{} runs no {role} process", self.host))
                .hint("`baton status` shows what runs where")
        })?;
        kill(Pid::from_raw(pid), signal).trying(|| format!("process {pid} could not be sent {signal}"))
    }

    /// By the file in which the agent keeps it: a workload may be any program.
    fn workload(&self, role: &str) -> Result<Option<i32>, Failure> {
        let folder = self.view()?.runtime.join(self.host);
        // In a pod, where there is one.
        let files = [folder.join(format!("pod/{role}.pid")), folder.join(format!("{role}.pid"))];
        let text = files.iter().find_map(|file| std::fs::read_to_string(file).ok());
        let kept = text.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        Ok(kept.and_then(|kept| i32::try_from(kept["pid"].as_i64()?).ok()))
    }

    fn agent(&self) -> Option<i32> {
        self.process(|words| words.nth(1) == Some(b"agent"))
    }

    fn etcd(&self) -> Option<i32> {
        self.process(|words| words.next().is_some_and(|program| program.ends_with(b"/etcd")))
    }

    /// By namespace and command line.
    fn process(&self, is_meant: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> bool) -> Option<i32> {
        let processes = std::fs::read_dir("/proc").ok()?;
        let mut numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        numbers.find(|pid| {
            let here = std::fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|network| network.ino() == self.network);
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            here && is_meant(&mut words.split(|&byte| byte == 0))
        })
    }
}

fn stays_dead(role: &str) -> Failure {
    Failure::new(ErrorCode::State, format!("a {role} process that was killed stays dead"))
        .hint("the orders DS and DSR start the work, `baton agent` starts an agent")
}

/// The named one of a host's radios, or its only one when none is named.
fn select<'a, T>(radios: &'a BTreeMap<&str, T>, named: Option<&str>, host: &str) -> Result<&'a T, Failure> {
    let found = match named {
        Some(name) => radios.get(name),
        None => radios.values().next().filter(|_| radios.len() == 1),
    };
    found.ok_or_else(|| {
        let text = match named {
            _ if radios.is_empty() => return Failure::new(ErrorCode::Config, format!("{host} has a part in no radio")),
            Some(name) => format!("{host} has no part in a radio \"{name}\""),
            None => format!("{host} has a part in several radios, and the fault names none"),
        };
        let names: Vec<&str> = radios.keys().copied().collect();
        Failure::new(ErrorCode::Config, text).hint(format!("name one with --radio: {}", names.join(", ")))
    })
}

/// Bytes of /run in use.
fn used() -> Result<u64, Failure> {
    let status = nix::sys::statvfs::statvfs("/run").trying(|| "the lab's disk could not be measured")?;
    Ok((status.blocks() - status.blocks_free()) * status.fragment_size())
}

/// Sets the size of the lab's /run, bytes.
fn resize(bytes: u64) -> Result<(), Failure> {
    let none = None::<&str>;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(none, "/run", none, flags, Some(format!("size={bytes}").as_str()))
        .trying(|| format!("the lab's disk could not be given {bytes} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_host_with_several_radios_names_one() {
        let mut radios = BTreeMap::from([("radio1", 1)]);
        assert_eq!(select(&radios, None, "far1"), Ok(&1));
        assert_eq!(select(&radios, Some("radio1"), "far1"), Ok(&1));
        radios.insert("radio2", 2);
        assert_eq!(select(&radios, Some("radio2"), "server1"), Ok(&2));
        for (named, text) in [
            (None, "server1 has a part in several radios, and the fault names none"),
            (Some("radio9"), "server1 has no part in a radio \"radio9\""),
        ] {
            let failure = select(&radios, named, "server1").unwrap_err();
            assert_eq!((failure.message.as_str(), failure.hint.as_deref()), (text, Some("name one with --radio: radio1, radio2")));
        }
        assert_eq!(select::<u8>(&BTreeMap::new(), None, "switch").unwrap_err().message, "switch has a part in no radio");
    }
}
