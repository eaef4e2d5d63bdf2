//! The pool as a whole: which server serves which radio, and orders that name radio and server.

pub mod demo;
mod draining;
mod look;
mod order;
mod overview;
mod placing;
mod suspending;

use std::process::ExitCode;
use std::time::Duration;

use super::Cluster;
use config::{HostName, RadioName, RadioViews};
use placement::Goal;
use protocol::{ErrorCode, Failure, Method};

/// What may be asked of a pool.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum PoolCommand {
    /// Which server serves which radio, and who follows.
    Status {
        /// One JSON document on stdout: `{"radios": {NAME: {"service", "follows", "servers"}}, "servers": {NAME: {"heard", "serves", "follows"}},
        /// "no_headroom": [{"server", "without"}]}`.
        #[arg(long)]
        json: bool,
    },
    /// The pool's store.
    #[cfg(feature = "etcd")]
    #[command(flatten)]
    Store(crate::setup::store::StoreCommand),
    /// Moves a radio's work to another of its servers.
    Move(MoveArgs),
    /// Starts a radio's work.
    Start {
        /// The radio.
        radio: RadioName,
        /// On which of its servers; without it the first one that the cluster file names.
        server: Option<HostName>,
        /// One JSON document on stdout: the record of the run.
        #[arg(long)]
        json: bool,
    },
    /// Takes everything off a server, so that it can be worked on: its radios move to others, and it takes on nothing until `undrain`.
    Drain {
        /// The server.
        server: HostName,
        /// How.
        #[command(flatten)]
        how: PlaceArgs,
    },
    /// Serves elsewhere what a server had that does not answer any more.
    Failover {
        /// The server.
        server: HostName,
        /// How.
        #[command(flatten)]
        how: PlaceArgs,
    },
    /// A drained server takes on work again.
    Undrain {
        /// The server.
        server: HostName,
        /// One JSON document on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Spreads the radios over the servers.
    Rebalance(PlaceArgs),
    /// Leaves as many servers with nothing to do as can be, and names them.
    Consolidate {
        /// How.
        #[command(flatten)]
        how: PlaceArgs,
        /// Then suspend those that can be spared, by the `suspend_command` of the cluster file.
        #[arg(long, conflicts_with = "plan")]
        suspend: bool,
    },
    /// Ends a radio's work where it is.
    Stop {
        /// The radio.
        radio: RadioName,
        /// One JSON document on stdout: the record of the run.
        #[arg(long)]
        json: bool,
    },
}

/// How a plan is carried out.
#[derive(Debug, Clone, clap::Args)]
pub struct PlaceArgs {
    /// Show what would be moved where, and change nothing.
    #[arg(long)]
    plan: bool,
    /// One JSON document on stdout: the plan, and what became of each change.
    #[arg(long)]
    json: bool,
}

/// Options of `baton pool move`.
#[derive(Debug, Clone, clap::Args)]
pub struct MoveArgs {
    /// The radio.
    radio: RadioName,
    /// Where its work goes.
    server: HostName,
    /// How; without it hot, or the method of the work's form.
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// Refuse a move for which a longer interruption is to be expected, e.g. 200ms.
    #[arg(long, value_name = "TIME", value_parser = config::time::parse)]
    budget: Option<Duration>,
    /// Move whatever the budget says.
    #[arg(long)]
    force: bool,
    /// Stop before the cut, ready, and wait for `baton do go --radio RADIO` or `baton do cancel --radio RADIO`. The hold ends with this command.
    #[arg(long)]
    hold: bool,
    /// One JSON document on stdout: the record of the run.
    #[arg(long)]
    json: bool,
}

/// Runs one. Exit codes as of `baton status` and `baton do`.
///
/// # Errors
/// The cluster file's, and why an order was not carried out.
pub fn run(file: &std::path::Path, command: &PoolCommand) -> Result<ExitCode, Failure> {
    // Not before it is known what is asked: a pool whose store is about to be set up cannot be read as one.
    let views = || RadioViews::load(file);
    match command {
        #[cfg(feature = "etcd")]
        PoolCommand::Store(command) => crate::setup::store::run(file, command),
        PoolCommand::Status { json } => overview::run(&views()?, *json),
        PoolCommand::Move(args) => order::move_to(&of_radio(views()?, &args.radio)?, args),
        PoolCommand::Start { radio, server, json } => order::start(&of_radio(views()?, radio)?, server.as_deref(), *json),
        PoolCommand::Drain { server, how } => draining::run(&views()?, server, how),
        PoolCommand::Failover { server, how } => placing::failover(&views()?, server, how),
        PoolCommand::Undrain { server, json } => placing::undrain(&views()?, server, *json),
        PoolCommand::Rebalance(how) => placing::reach(&views()?, &Goal::Rebalance, how),
        PoolCommand::Consolidate { how, suspend: false } => placing::reach(&views()?, &Goal::Consolidate, how),
        PoolCommand::Consolidate { how, suspend: true } => placing::consolidate_and_suspend(&views()?, how),
        PoolCommand::Stop { radio, json } => order::stop(&of_radio(views()?, radio)?, *json),
    }
}

/// The cluster as that radio sees it.
///
/// # Errors
/// [`ErrorCode::Config`] for a radio that is not there, with those that are.
fn of_radio(views: RadioViews, radio: &RadioName) -> Result<Cluster, Failure> {
    Cluster::of(views.into_view(Some(radio))?)
}

/// A server of the pool, by its name.
///
/// # Errors
/// [`ErrorCode::BadRequest`] with those that there are.
fn require_pool_server(views: &RadioViews, server: &HostName) -> Result<(), Failure> {
    if views.servers().contains_key(server) {
        return Ok(());
    }
    let names: Vec<&str> = views.servers().keys().map(|name| name.as_str()).collect();
    Err(Failure::new(ErrorCode::BadRequest, format!("the pool has no server {server}"))
        .hint(format!("its servers are {}", names.join(", "))))
}

/// A server of a radio, by its name.
///
/// # Errors
/// [`ErrorCode::BadRequest`] with those that the radio has.
fn require_server(cluster: &Cluster, server: &str) -> Result<(), Failure> {
    let config = &cluster.config;
    if config.is_server(server) {
        return Ok(());
    }
    let names: Vec<&str> = config.servers().into_iter().map(|name| name.as_str()).collect();
    let text = format!("{server} does not serve the radio {}", config.moved_radio());
    Err(Failure::new(ErrorCode::BadRequest, text).hint(format!("its servers are {}", names.join(", "))))
}
