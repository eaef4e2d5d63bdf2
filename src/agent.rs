//! The agent of one host: carries out commands, keeps the works of its radios, publishes telemetry.

mod audit;
mod autostart;
mod commands;
mod control;
mod decision;
pub mod doctor;
mod drained;
mod exporter;
mod faults;
mod fence_command;
mod followable;
mod host;
mod order;
mod owners;
mod participation;
mod peer;
mod pool;
mod probe;
mod radios;
mod reserve;
mod restart;
mod standby;
mod state;
mod stop;
mod store;
mod systemd;
mod telemetry;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use crate::link::publisher::Publisher;
use crate::link::server::{Scope, Server};
use config::RadioViews;
use faults::CommandFaults;
use host::descriptors;
use protocol::{Command, Failure, Level};
use radios::Radios;
use state::Agent;
use store::Store;
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
    let cluster = Arc::new(RadioViews::load(file)?);
    let config = cluster.whole();
    config.host(&args.host)?;
    // What is read from them decides what is adopted, ended and believed of the radio's owner.
    config::trust::require_folder(&config.state_folder(), "the folder of what agents remember")?;
    config::trust::require_folder(&config.records, "the folder of the records")?;
    let faults = args.faults.as_deref().map_or_else(|| Ok(CommandFaults::default()), CommandFaults::load)?;
    workload::log::to_stderr("BATON_LOG", LevelFilter::INFO);
    workload::runtime::current_thread()?.block_on(serve(&cluster, args, faults))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(cluster: &Arc<RadioViews>, args: &Args, faults: CommandFaults) -> Result<(), Failure> {
    let limit = descriptors::raise_limit();
    let config = cluster.whole();
    let server = Server::bind(config, &args.host, args.insecure).await?.audited(audit::writer(&config.records));
    let publisher = Publisher::bind(config, &args.host).await?;
    let store = Store::open(cluster, &args.host)?;
    let radios = Radios::open(cluster, &args.host, &publisher, faults, store.as_ref())?;
    for agent in radios.all() {
        begin(agent, limit).await;
    }
    if let Some(store) = &store {
        pool::begin(store, cluster, &radios);
    }
    let stop = radios.ending().stop.clone();
    if let Some(address) = config.host(&args.host)?.metrics {
        let (exporting, stop) = (radios.clone(), stop.clone());
        keep_running("metrics", move || exporter::serve(exporting.clone(), stop.clone(), address));
    }
    stop::listen(&radios, args.end_on_stop);
    radios.all().for_each(start_configured);
    announce(&args.host);
    systemd::listen(&radios);
    let answering = radios.clone();
    let answer = move |scope: Scope, command: Command| {
        let radios = answering.clone();
        async move { order::answer(radios.agent(scope.radio.as_deref())?, scope, command).await }
    };
    server.serve_scoped(answer, stop).await;
    for agent in radios.all() {
        end(agent).await;
    }
    Ok(())
}

/// Has the agent of a radio do all that it does unasked.
async fn begin(agent: &Arc<Agent>, limit: Option<u64>) {
    agent.host.set_interfaces_up().await;
    agent.work.restore().await;
    let (collecting, followed) = (Arc::clone(&agent.work), Arc::clone(&agent.work));
    let [network, link, asking, session, rehearsing, watched] = [&agent.work; 6].map(Arc::clone);
    tokio::spawn(rehearsing.rehearse_early());
    keep_running("the collector", move || Arc::clone(&collecting).run_collector());
    keep_running("what watches the radio's network", move || Arc::clone(&network).watch_radio_network());
    keep_running("what watches the cable to the radio", move || Arc::clone(&link).watch_radio_link());
    keep_running("what watches the radio's settings", move || Arc::clone(&session).watch_radio_session());
    let [owners, following, watching, publishing] = [agent; 4].map(Arc::clone);
    keep_running("what asks for the radio's owner", move || owners::run(Arc::clone(&owners), Arc::clone(&asking)));
    keep_running("the standby", move || standby::run(Arc::clone(&following), Arc::clone(&followed)));
    keep_running("what watches the other host", move || peer::run(Arc::clone(&watching), Arc::clone(&watched)));
    keep_running("telemetry", move || telemetry::publish(Arc::clone(&publishing)));
    let host = Arc::clone(&agent.host);
    tokio::spawn(async move { host.watch_resources(limit).await });
    tokio::spawn(order::end_unfinished(Arc::clone(agent)));
}

/// What is left to do when the process ends.
async fn end(agent: &Arc<Agent>) {
    // The command `end` was another radio's.
    if !agent.host.leaving.is_cancelled() {
        commands::leave(agent).await;
    }
    if !agent.host.disk.flush(FLUSH).await {
        tracing::warn!("the disk hangs: what the next agent would need was not written");
    }
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
        let (agent, work) = (Arc::clone(agent), Arc::clone(&agent.work));
        keep_running("autostart", move || autostart::run(Arc::clone(&agent), Arc::clone(&work)));
    }
}
