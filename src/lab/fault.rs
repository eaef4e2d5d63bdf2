//! Faults on demand in a running lab: processes killed or paused, cables pulled, a disk full.

use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::cluster::RUNTIME;
use super::interior::RUN_SIZE;
use super::{enter, namespace, wiring};
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
    /// The lab's disk is full: sockets, logs and what agents remember, of all hosts.
    FullDisk,
}

/// Options of `baton lab fault`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The host: server1, server2, server3; with --relay, server4.
    pub host: String,
    /// The fault.
    #[arg(value_enum)]
    pub what: LabFault,
    /// Seconds until the fault ends by itself; without it, `baton lab mend` ends it. A killed process stays dead.
    #[arg(long = "for", value_name = "SECONDS")]
    pub lasting: Option<f64>,
}

/// The target of a fault.
enum FaultTarget {
    /// A process, by the name of its subcommand, with a signal.
    Process(&'static str, Signal),
    /// An interface.
    Cable(&'static str),
    /// The lab's /run.
    Disk,
}

impl LabFault {
    fn target(self) -> FaultTarget {
        match self {
            Self::KillD2d => FaultTarget::Process("d2d", Signal::SIGKILL),
            Self::KillUsrp => FaultTarget::Process("usrp", Signal::SIGKILL),
            Self::KillAgent => FaultTarget::Process("agent", Signal::SIGKILL),
            Self::PauseD2d => FaultTarget::Process("d2d", Signal::SIGSTOP),
            Self::PauseUsrp => FaultTarget::Process("usrp", Signal::SIGSTOP),
            Self::PauseAgent => FaultTarget::Process("agent", Signal::SIGSTOP),
            Self::CutEth3 => FaultTarget::Cable("eth3"),
            Self::CutMgmt0 => FaultTarget::Cable("mgmt0"),
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
}

/// Begins the fault, and ends it after the time given.
///
/// # Errors
/// As [`enter::enter`]; there is no such host, or no such process.
pub fn run(name: Option<&str>, args: &Args) -> Result<ExitCode, Failure> {
    let lasting = args.lasting.map(Duration::try_from_secs_f64).transpose().map_err(|_| {
        Failure::new(ErrorCode::BadRequest, "a fault lasts for a number of seconds, 0 or more").hint("for example --for 2.5")
    })?;
    let place = EnteredHost::enter(name, &args.host)?;
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
    EnteredHost::enter(name, &args.host)?.mend(args.what).map(|()| ExitCode::SUCCESS)
}

/// A host of the lab, whose namespaces this process has joined.
struct EnteredHost<'a> {
    host: &'a str,
    /// Inode of its network namespace.
    network: u64,
}

impl<'a> EnteredHost<'a> {
    fn enter(name: Option<&str>, host: &'a str) -> Result<Self, Failure> {
        enter::enter(name)?;
        let network = namespace::open(host)?;
        let inode = network.metadata().trying(|| format!("the namespace {host} could not be read"))?.ino();
        namespace::settle(network.as_fd(), host).trying(|| format!("the namespace {host} could not be entered"))?;
        Ok(Self { host, network: inode })
    }

    fn begin(&self, what: LabFault) -> Result<(), Failure> {
        match what.target() {
            FaultTarget::Process(role, signal) => self.signal(role, signal),
            FaultTarget::Cable(interface) => wiring::set_up(self.host, interface, false),
            FaultTarget::Disk => resize(used()?),
        }
    }

    fn mend(&self, what: LabFault) -> Result<(), Failure> {
        match what.target() {
            FaultTarget::Process(role, Signal::SIGSTOP) => self.signal(role, Signal::SIGCONT),
            FaultTarget::Process(role, _) => {
                Err(Failure::new(ErrorCode::State, format!("a {role} process that was killed stays dead"))
                    .hint("the orders DS and DSR start the work, `baton agent` starts an agent"))
            }
            FaultTarget::Cable(interface) => wiring::set_up(self.host, interface, true),
            FaultTarget::Disk => resize(RUN_SIZE),
        }
    }

    fn signal(&self, role: &str, signal: Signal) -> Result<(), Failure> {
        let found = if role == "agent" { self.agent() } else { self.workload(role) };
        let pid = found.ok_or_else(|| {
            Failure::new(ErrorCode::State, format!("{} runs no {role} process", self.host))
                .hint("`baton status` shows what runs where")
        })?;
        kill(Pid::from_raw(pid), signal).trying(|| format!("process {pid} could not be sent {signal}"))
    }

    /// By the file in which the agent keeps it: a workload may be any program.
    fn workload(&self, role: &str) -> Option<i32> {
        let folder = Path::new(RUNTIME).join(self.host);
        // In a pod, where there is one.
        let files = [folder.join(format!("pod/{role}.pid")), folder.join(format!("{role}.pid"))];
        let text = files.iter().find_map(|file| std::fs::read_to_string(file).ok())?;
        let pid = serde_json::from_str::<serde_json::Value>(&text).ok()?["pid"].as_i64()?;
        i32::try_from(pid).ok()
    }

    /// By namespace and command line.
    fn agent(&self) -> Option<i32> {
        let processes = std::fs::read_dir("/proc").ok()?;
        let mut numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        numbers.find(|pid| {
            let here = std::fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|network| network.ino() == self.network);
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            here && words.split(|&byte| byte == 0).nth(1) == Some(b"agent")
        })
    }
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
