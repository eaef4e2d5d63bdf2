//! The lab: a whole cluster on one machine, in namespaces of its own.
//!
//! Three processes stand under it. The *supervisor* is what the operator started; it stays outside. *Init* is pid 1 of a new pid
//! namespace and is killed by the kernel when the supervisor ends, however it ends. The *lab program* does the work. When init dies the
//! kernel kills every process of the pid namespace; the other namespaces, their interfaces and the private file systems have nobody
//! left to hold them and go, too. So there is no clean-up code that could fail.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use self::interior::LabCluster;
use self::topology::Scenario;
use self::topology::pool::{MOST, PoolSize};
use config::{Config, PoolFile, StandbyPolicy};
use modem::Bandwidth;
use protocol::{ErrorCode, Failure, Form, GuestCopy};

mod children;
mod cluster;
mod directory;
mod enter;
mod exit_code;
mod fault;
mod init;
mod interior;
mod log;
mod namespace;
mod own_workload;
mod programs;
mod store;
mod supervisor;
mod terminal;
mod topology;
mod tun;
mod wait;
mod wiring;

pub use cluster::records_folder;
pub use directory::{ENV_LAB, none_runs};

/// Options of `baton lab`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Name of the lab, for `--in` of the other commands; a second lab of that name becomes NAME-2.
    #[arg(long, default_value = "lab")]
    pub name: String,
    /// Only namespaces, switches, interfaces and addresses: no radios, no agents.
    #[arg(long)]
    pub bare: bool,
    /// A program of your own in the place of the modem on server1 and server2: a TOML file, see docs/workload.md.
    #[arg(long, value_name = "FILE")]
    pub workload: Option<PathBuf>,
    /// What the work of server1 and server2 is: processes, or for comparison a pod, which moves by CRIU, or a guest, which moves by QEMU
    /// (docs/other-ways.md).
    #[arg(long, value_enum, default_value_t)]
    pub form: Form,
    /// With --form guest: copy the guest's memory before it stops, or most of it after it has gone on at the other host.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub copy: GuestCopy,
    /// With --form guest: how much memory the guest changes, MiB per second.
    #[arg(long, value_name = "MIB")]
    pub dirty: Option<u32>,
    /// With --form guest: how fast its memory is copied at most, MiB per second; as fast as it goes if not given.
    #[arg(long, value_name = "MIB", default_value_t)]
    pub bandwidth: u32,
    /// Three terminals on one frequency: server4 joins, an obstacle stands between it and server3, and the pool's server relays.
    #[arg(long)]
    pub relay: bool,
    /// How many servers serve: 2 to 4; 2 if not given. With more than two the far end is far1 (docs/lab.md).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=MOST as i64), conflicts_with_all = ["relay", "form"])]
    pub servers: Option<u8>,
    /// How many radios they serve, each with a far end of its own, far1 and on: 1 to 4; 1 if not given (docs/pool.md).
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u8).range(1..=MOST as i64), conflicts_with_all = ["relay", "form"])]
    pub radios: Option<u8>,
    /// Members of etcd, which keep who owns which radio (docs/pool.md), for two servers, too: more have them anyway.
    #[arg(long, conflicts_with_all = ["relay", "form"])]
    pub store: bool,
    /// The server that does not serve follows the other one as an armed standby, and takes over when that dies (docs/standby.md).
    #[arg(long, conflicts_with_all = ["relay", "form"])]
    pub standby: bool,
    /// Width of the air, MHz: 1.4, 3, 5, 10, 15 or 20; if not given 5, or 1.4 with several radios. A narrower one takes less of the processor.
    #[arg(long, value_name = "MHZ", value_parser = Bandwidth::parse)]
    pub bw: Option<Bandwidth>,
    /// Interval of the far end's pings from the start, e.g. 1ms; 100ms if not given.
    #[arg(long, value_name = "TIME", value_parser = config::time::parse_probe_interval)]
    pub probe_interval: Option<Duration>,
    /// Scene of the radios, which are `pool`, `far` and, with --relay, `receiver`; in a pool `radio1`, `far1` and on (docs/n210.md).
    #[arg(long, value_name = "FILE")]
    pub scene: Option<PathBuf>,
    /// Faults of a host's agent, see docs/agents.md; may be given for several hosts.
    #[arg(long, value_name = "HOST=FILE")]
    pub faults: Vec<String>,
    /// Start the programs of this file instead, see `programs::read`.
    #[arg(long, hide = true, value_name = "FILE")]
    pub programs: Option<PathBuf>,
    /// What to do in a running lab.
    #[command(subcommand)]
    pub command: Option<LabCommand>,
}

/// What to do in a running lab.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum LabCommand {
    /// Run a command inside one of the lab's network namespaces.
    Exec {
        /// The namespace: console, server1, server2, server3, switch, n210, n210-far; with --relay, server4 and n210-receiver; with several
        /// radios far1, n210-1, n210-far1 and on.
        namespace: String,
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Make something fail on a host: a process, a cable, the disk.
    Fault(fault::Args),
    /// End such a fault.
    Mend(fault::MendArgs),
}

/// `baton lab`: a lab in the foreground, or a command in a running one (`name` as `--in` gave it).
///
/// # Errors
/// As [`supervise`] and [`enter`].
pub fn run(args: &Args, name: Option<&str>) -> Result<ExitCode, Failure> {
    match &args.command {
        Some(LabCommand::Exec { namespace, command }) => enter::exec(name, namespace, command),
        Some(LabCommand::Fault(args)) => fault::run(name, args),
        Some(LabCommand::Mend(args)) => fault::mend(name, args),
        None => supervise(args, wait::wait),
    }
}

/// Brings the lab up in namespaces of its own, runs `work` inside with the cluster file, and takes everything down.
///
/// Returns twice, as fork does: in the supervisor with the exit code of what ran inside, and in the lab program with what `work`
/// returned. The caller only has to end with what it gets. Must be called from a process of one thread.
///
/// # Errors
/// What is missing on this machine, or the failure of `work`.
pub fn supervise(args: &Args, work: impl FnOnce(&Path) -> Result<ExitCode, Failure>) -> Result<ExitCode, Failure> {
    let claim = directory::Claim::make(&args.name)?;
    let records = cluster::made_records_folder()?;
    let scenario = scenario(args)?;
    let programs = match &args.programs {
        _ if args.bare => programs::ProgramChoice::None,
        Some(file) => programs::ProgramChoice::These(programs::read(file)?),
        None => programs::ProgramChoice::Standard {
            scene: scene(args.scene.as_deref(), scenario)?,
            faults: args.faults.iter().map(|text| programs::parse_faults(text)).collect::<Result<_, _>>()?,
        },
    };
    let cluster = match scenario {
        Scenario::Pool(size) => LabCluster::of(&pool(args, records, size)?)?,
        _ => LabCluster::of(&single(args, records, scenario)?)?,
    };
    match supervisor::divide()? {
        supervisor::Side::Outside(code) => Ok(code),
        supervisor::Side::Inside(identity) => {
            let file = interior::bring_up(&identity, claim, &cluster, scenario, programs)?;
            work(&file)
        }
    }
}

/// The cluster file of one radio that the options ask for.
fn single(args: &Args, records: PathBuf, scenario: Scenario) -> Result<Config, Failure> {
    let mut config = cluster::config(records, scenario, args.form)?;
    if let Some(guest) = &mut config.workload.guest {
        (guest.copy, guest.dirty_mib_s) = (args.copy, args.dirty.unwrap_or(guest.dirty_mib_s));
        guest.bandwidth_mib_s = args.bandwidth;
    }
    if args.standby {
        config.standby.policy = StandbyPolicy::Armed;
    }
    if let Some(bandwidth) = args.bw {
        cluster::set_bandwidth(&mut config, bandwidth);
    }
    if let Some(interval) = args.probe_interval {
        config.probe.interval = interval;
    }
    if let Some(file) = &args.workload {
        let workload = own_workload::read(file, &config.workload)?;
        own_workload::install(&mut config, &workload);
    }
    Ok(config)
}

/// The same of a pool.
fn pool(args: &Args, records: PathBuf, size: PoolSize) -> Result<PoolFile, Failure> {
    if args.standby && size.servers > 2 {
        let text = format!("an armed standby is one of two servers, and this lab has {}", size.servers);
        return Err(Failure::new(ErrorCode::Config, text).hint("leave out --standby, or take --servers 2"));
    }
    let mut file = cluster::pool::file(records, size, args.bw)?;
    if args.store || size.servers > 2 {
        file.pool.store = Some(store::settings(size)?);
    }
    if let Some(own) = &args.workload {
        let workload = own_workload::read(own, &file.workload)?;
        own_workload::install_in_pool(&mut file, &workload);
    }
    for radio in file.pool.radio.values_mut() {
        if args.standby {
            radio.standby.policy = StandbyPolicy::Armed;
        }
        if let Some(interval) = args.probe_interval {
            radio.probe.interval = interval;
        }
    }
    Ok(file)
}

/// Which network the options ask for.
fn scenario(args: &Args) -> Result<Scenario, Failure> {
    let size = PoolSize { servers: args.servers.unwrap_or(2).into(), radios: args.radios.unwrap_or(1).into() };
    if (size.servers, size.radios) != (2, 1) || args.store {
        return Ok(Scenario::Pool(size));
    }
    let excluded = [("--relay", args.relay), ("--scene", args.scene.is_some()), ("--workload", args.workload.is_some())];
    match (args.form, excluded.into_iter().find(|(_, given)| *given)) {
        (Form::Guest, Some((option, _))) => {
            let text = format!("{option} is of a lab with radios, and one with a guest has none");
            Err(Failure::new(ErrorCode::Config, text).hint("leave out --form guest"))
        }
        (Form::Guest, None) => Ok(Scenario::Guest),
        _ => Ok(if args.relay { Scenario::Relay } else { Scenario::TwoEnds }),
    }
}

/// What stands between the relay scenario's radios.
const OBSTACLE: &str = include_str!("../docs/scenes/relay.toml");

/// The text of a scene for the lab's radios. It is read here because the lab does not see all of the operator's files.
fn scene(file: Option<&Path>, scenario: Scenario) -> Result<Option<String>, Failure> {
    let radios: Vec<&str> = scenario.radios().iter().map(|(name, _)| *name).collect();
    match (file, scenario) {
        (Some(file), _) => n210::check_scene(file, &radios).map(Some),
        (None, Scenario::Relay) => Ok(Some(OBSTACLE.to_owned())),
        (None, Scenario::TwoEnds | Scenario::Guest | Scenario::Pool(_)) => Ok(None),
    }
}

/// Joins the namespaces of a running lab and names its cluster file. Must be called from a process of one thread.
///
/// # Errors
/// [`ErrorCode::Unreachable`](protocol::ErrorCode::Unreachable) when no lab runs,
/// [`ErrorCode::Config`](protocol::ErrorCode::Config) when several do and none was named.
pub fn enter(name: Option<&str>) -> Result<PathBuf, Failure> {
    enter::enter(name)
}
