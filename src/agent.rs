//! The agent of one host: carries out commands, watches the workload, publishes telemetry.

mod children;
mod collector;
mod commands;
mod faults;
mod host;
mod hot;
mod lease;
mod linking;
mod memory;
mod order;
mod ownership;
mod peer;
mod radio_step;
mod seamless;
mod state;
mod telemetry;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

use crate::link::client::Client;
use crate::link::publisher::Publisher;
use crate::link::server::Server;
use config::Config;
use faults::Faults;
use protocol::{Command, Failure, Level, ProcessState};
use state::Agent;

/// Between two looks of an autostart.
const AUTOSTART_RETRY: Duration = Duration::from_secs(2);

/// Options of `baton agent`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Name of this host in the cluster file.
    #[arg(long, env = "BATON_HOST", value_name = "NAME")]
    pub host: String,
    /// Take unsigned commands on an address that other machines reach, when the cluster has no key.
    #[arg(long)]
    pub insecure: bool,
    /// Test equipment: makes commands fail, wait or end the agent, as this file says (docs/agents.md).
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
}

/// Runs the agent until it is told to end.
///
/// # Errors
/// [`protocol::ErrorCode::Config`] for an unreadable configuration, an unknown host, or an address open to all without a key;
/// [`protocol::ErrorCode::Environment`] when a socket can not be bound.
pub fn run(file: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let config = Arc::new(Config::load(file)?);
    config.host(&args.host)?;
    let faults = args.faults.as_deref().map_or_else(|| Ok(Faults::default()), Faults::load)?;
    workload::log::to_stderr("BATON_LOG", LevelFilter::INFO);
    workload::runtime::current_thread()?.block_on(serve(config, args, faults))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Arc<Config>, args: &Args, faults: Faults) -> Result<(), Failure> {
    let client = Client::new(Arc::clone(&config))?;
    let server = Server::bind(&config, &args.host, args.insecure).await?;
    let publisher = Publisher::bind(&config, &args.host).await?;
    let (agent, news) = Agent::new(config, &args.host, client, publisher, faults)?;
    tokio::spawn(state::follow(Arc::clone(&agent), news));
    memory::take_up(&agent);
    tokio::join!(agent.d2d.adopt(), agent.usrp.adopt());
    take_stock(&agent).await;
    tokio::spawn(order::take_up(Arc::clone(&agent)));
    tokio::spawn(telemetry::publish(Arc::clone(&agent)));
    tokio::spawn(collector::run(Arc::clone(&agent)));
    tokio::spawn(peer::run(Arc::clone(&agent)));
    tokio::spawn(end_on_signal(Arc::clone(&agent)));
    start_what_the_host_is_for(&agent);
    announce(&args.host);
    let (answering, stop) = (Arc::clone(&agent), agent.stop.clone());
    let answer = move |command: Command| {
        let agent = Arc::clone(&answering);
        async move { order::answer(&agent, command).await }
    };
    server.serve(answer, stop).await;
    Ok(())
}

/// What an earlier life of this agent has left is as it would be had it gone on.
async fn take_stock(agent: &Arc<Agent>) {
    // Beside the source they are frozen as well, and are no source: not linked.
    if agent.d2d.is_frozen() && agent.usrp.is_frozen() && agent.usrp.is_linked() {
        return lease::begin(agent);
    }
    let addresses = agent.ports.read(&agent.settings().radio_port).await.map(|port| port.addresses).unwrap_or_default();
    let [points, parked] =
        [agent.config.addresses.active, agent.config.addresses.parked].map(|address| addresses.contains(&address.to_string()));
    if agent.usrp.is_linked() && agent.ownership.newest().owner == agent.host {
        // A cut leaves both addresses until its order is over, and streams that may come to either.
        agent.state().unsettled = points && parked;
        return ownership::tell_others(agent);
    }
    if points && !agent.usrp.is_running() {
        // The address without a USRP process serves nobody, and keeps others from serving.
        let text = format!("eth3 of {} pointed at the radio, and no USRP process runs", agent.host);
        match commands::set_eth3(agent, protocol::SetPort::Parked).await {
            Ok(()) => agent.event(Level::Warning, format!("{text}: it is parked")),
            Err(failure) => agent.event(Level::Error, format!("{text}: {failure}")),
        }
    }
}

/// For whoever waits for the agent: both sockets are bound.
fn announce(host: &str) {
    use std::io::Write;
    // Nobody need listen.
    let _ = writeln!(std::io::stdout(), "agent ready {host}");
    let _ = std::io::stdout().flush();
}

/// A signal ends the agent as `end` does: what it started must not be left without it.
async fn end_on_signal(agent: Arc<Agent>) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    commands::clear_away(&agent).await;
    agent.stop.cancel();
}

fn start_what_the_host_is_for(agent: &Arc<Agent>) {
    if agent.config.roles.far_end.as_deref() == Some(agent.host.as_str()) {
        let probe = &agent.config.probe;
        if let Err(failure) = commands::start_probe(agent, probe.target, probe.interval) {
            agent.event(Level::Error, format!("the probe was not started: {failure}"));
        }
    }
    if agent.settings().autostart {
        tokio::spawn(autostart(Arc::clone(agent)));
    }
}

/// Does what `DSR` does, until it works, and again when a process has died by itself. What was killed by a command stays so.
async fn autostart(agent: Arc<Agent>) {
    let mut said = String::new();
    let mut wanted = !(agent.d2d.is_running() && agent.usrp.is_running());
    loop {
        if wanted || [&agent.d2d, &agent.usrp].iter().any(|child| child.status().state == ProcessState::Died) {
            match autostart_once(&agent).await {
                Ok(()) => {
                    agent.event(Level::Info, "D2D and USRP were started, as the configuration asks (autostart)");
                    (wanted, said) = (false, String::new());
                }
                Err(failure) => {
                    wanted = true;
                    let failure = failure.to_string();
                    if failure != said {
                        let every = AUTOSTART_RETRY.as_secs();
                        agent.event(Level::Warning, format!("autostart: {failure}; tried again every {every} s"));
                        said = failure;
                    }
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(AUTOSTART_RETRY) => {}
            () = agent.leaving.cancelled() => return,
        }
    }
}

async fn autostart_once(agent: &Arc<Agent>) -> Result<(), Failure> {
    if !agent.d2d.is_running() {
        commands::execute(agent, Command::StartD2d { control_flag: 0, control: None }).await?;
    }
    if agent.usrp.is_running() {
        return Ok(());
    }
    let started = commands::execute(agent, Command::START_USRP).await;
    if started.is_err() {
        commands::execute(agent, Command::KillD2d).await?;
    }
    started.map(drop)
}
