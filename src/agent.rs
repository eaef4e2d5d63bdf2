//! The agent of one host: carries out commands, keeps the works of its radios, publishes telemetry.

mod audit;
mod autostart;
mod commands;
mod control;
mod decision;
pub mod doctor;
mod exporter;
mod faults;
mod fence_command;
mod followable;
mod host;
mod order;
mod owners;
mod participation;
mod peer;
mod probe;
mod reserve;
mod restart;
mod standby;
mod state;
mod stop;
mod systemd;
mod telemetry;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use crate::link::client::Client;
use crate::link::publisher::Publisher;
use crate::link::server::{Scope, Server};
use config::Config;
use faults::CommandFaults;
use host::descriptors;
use protocol::{Command, Failure, Level};
use state::Agent;
use workload::runtime::keep_running;

/// At the end, for what is still to be written.
const FLUSH: Duration = Duration::from_secs(2);

/// Options of `baton agent`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Name of this host in the cluster file.
    #[arg(long, env = "BATON_HOST", value_name = "NAME")]
    pub host: String,
    /// Take unsigned commands on an address that other machines reach, when the cluster has no key.
    #[arg(long)]
    pub insecure: bool,
    /// End the work, too, when the agent is told to stop (SIGTERM). Without this it goes on, and the next agent takes it up.
    #[arg(long)]
    pub end_on_stop: bool,
    /// Test equipment: makes commands fail, wait or end the agent, as this file says (docs/agents.md).
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
}

/// Runs the agent until it is told to end.
///
/// # Errors
/// [`protocol::ErrorCode::Config`] for an unreadable configuration, an unknown host, an address open to all without a key, or files and folders
/// that other users can change;
/// [`protocol::ErrorCode::Environment`] when a socket cannot be bound.
pub fn run(file: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let config = Arc::new(Config::load(file)?);
    config.host(&args.host)?;
    // What is read from them decides what is adopted, ended and believed of the radio's owner.
    config::trust::require_folder(&config.state_folder(), "the folder of what agents remember")?;
    config::trust::require_folder(&config.records, "the folder of the records")?;
    let faults = args.faults.as_deref().map_or_else(|| Ok(CommandFaults::default()), CommandFaults::load)?;
    workload::log::to_stderr("BATON_LOG", LevelFilter::INFO);
    workload::runtime::current_thread()?.block_on(serve(config, args, faults))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Arc<Config>, args: &Args, faults: CommandFaults) -> Result<(), Failure> {
    let limit = descriptors::raise_limit();
    let client = Client::of_host(Arc::clone(&config), &args.host)?;
    let server = Server::bind(&config, &args.host, args.insecure).await?.audited(audit::writer(&config.records));
    let publisher = Publisher::bind(&config, &args.host).await?;
    let agent = Agent::open(config, &args.host, client, publisher, faults)?;
    agent.host.set_interfaces_up().await;
    for work in agent.works() {
        work.restore().await;
        let (collecting, agent, work) = (Arc::clone(work), Arc::clone(&agent), Arc::clone(work));
        let [network, link, asking, session, rehearsing] = [&work; 5].map(Arc::clone);
        tokio::spawn(rehearsing.rehearse_early());
        keep_running("the collector", move || Arc::clone(&collecting).run_collector());
        keep_running("what watches the radio's network", move || Arc::clone(&network).watch_radio_network());
        keep_running("what watches the cable to the radio", move || Arc::clone(&link).watch_radio_link());
        keep_running("what watches the radio's settings", move || Arc::clone(&session).watch_radio_session());
        let owners = Arc::clone(&agent);
        keep_running("what asks for the radio's owner", move || owners::run(Arc::clone(&owners), Arc::clone(&asking)));
        let (following, followed) = (Arc::clone(&agent), Arc::clone(&work));
        keep_running("the standby", move || standby::run(Arc::clone(&following), Arc::clone(&followed)));
        keep_running("what watches the other host", move || peer::run(Arc::clone(&agent), Arc::clone(&work)));
    }
    let host = Arc::clone(&agent.host);
    tokio::spawn(async move { host.watch_resources(limit).await });
    tokio::spawn(order::end_unfinished(Arc::clone(&agent)));
    let publishing = Arc::clone(&agent);
    keep_running("telemetry", move || telemetry::publish(Arc::clone(&publishing)));
    if let Some(address) = agent.host.settings().metrics {
        let exporting = Arc::clone(&agent);
        keep_running("metrics", move || exporter::serve(Arc::clone(&exporting), address));
    }
    stop::listen(&agent, args.end_on_stop);
    start_configured(&agent);
    announce(&args.host);
    systemd::listen(&agent);
    let (answering, stop) = (Arc::clone(&agent), agent.stop.clone());
    let answer = move |scope: Scope, command: Command| {
        let agent = Arc::clone(&answering);
        async move { order::answer(&agent, scope, command).await }
    };
    server.serve_scoped(answer, stop).await;
    if !agent.host.disk.flush(FLUSH).await {
        tracing::warn!("the disk hangs: what the next agent would need was not written");
    }
    Ok(())
}

/// For whoever waits for the agent: both sockets are bound.
fn announce(host: &str) {
    // Nobody need listen.
    let _ = output::write_stdout(format!("agent ready {host}\n").as_bytes());
}

/// Starts what the configuration wants running on this host.
fn start_configured(agent: &Arc<Agent>) {
    let host = &agent.host;
    if host.config.roles.far_end.as_deref() == Some(host.name.as_str()) {
        let probe = &host.config.probe;
        if let Err(failure) = agent.start_probe(probe.target, probe.interval) {
            host.event(Level::Error, format!("the probe was not started: {failure}"));
        }
    }
    if host.settings().autostart {
        for work in agent.works() {
            let (agent, work) = (Arc::clone(agent), Arc::clone(work));
            keep_running("autostart", move || autostart::run(Arc::clone(&agent), Arc::clone(&work)));
        }
    }
}
