//! `baton wait`: returns when the service is served, or when a migration has ended.

use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use tokio::time::{Instant, sleep};

use super::follow::Follower;
use super::service::{ServiceReport, exit, exit_code, line};
use super::{Cluster, block_on, json, print};
use crate::metrics::table::outcome;
use crate::migration::service::ServiceState;
use config::ClusterFile;
use protocol::{ErrorCode, Failure, Outcome, RunRecord};

/// Between two looks where nothing is heard.
const LOOK: Duration = Duration::from_millis(100);
/// Hosts that answer have said what they do within this; the others are not waited for.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Awaited {
    /// The far end is answered.
    Serving,
    /// The migration under way has ended; where none is, the next one.
    Moved,
}

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to wait for.
    #[arg(value_enum)]
    pub what: Awaited,
    /// Give up after this time, e.g. 30s; without it, wait for ever.
    #[arg(long, value_name = "TIME", value_parser = config::time::parse)]
    pub timeout: Option<Duration>,
    /// One JSON document on stdout: the verdict on the service, or the record of the run.
    #[arg(long)]
    pub json: bool,
}

/// Runs it. Exit code 0 when it has come about; 1 when the time is over and the service is not served, or the migration has failed; 3 when the time
/// is over and that is not known.
///
/// # Errors
/// The configuration or the key cannot be read; [`ErrorCode::Deadline`] when no migration has ended in time.
pub fn run(file: &ClusterFile, args: &Args) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    block_on(async {
        let mut follower = Follower::new(&cluster)?;
        let limit = async |timeout: Option<Duration>| match timeout {
            Some(timeout) => sleep(timeout).await,
            None => std::future::pending().await,
        };
        match args.what {
            Awaited::Serving => {
                tokio::select! {
                    heard = serving(&mut follower) => heard?,
                    () = limit(args.timeout) => {}
                }
                let service = follower.service();
                let radio = cluster.config.in_pool.as_deref();
                print(&match args.json {
                    true => json(&ServiceReport::new(&service, radio, chrono::Utc::now()))?,
                    false => line(&service, radio),
                });
                Ok(exit(service.state))
            }
            Awaited::Moved => {
                let record = tokio::select! {
                    record = moved(&mut follower) => record?,
                    () = limit(args.timeout) => return Err(not_moved(&follower, args.timeout.unwrap_or_default())),
                };
                print(&if args.json { json(&record)? } else { outcome(&record) });
                Ok(if record.outcome == Outcome::Ok { ExitCode::SUCCESS } else { ExitCode::from(exit_code(ServiceState::Down)) })
            }
        }
    })
}

fn not_moved(follower: &Follower<'_>, timeout: Duration) -> Failure {
    let under_way = follower.orders().find(|order| !order.finished && order.order.is_migration());
    let text = match under_way {
        Some(progress) => format!("{} has not ended within {timeout:?}", progress.order),
        None => format!("no migration has begun and ended within {timeout:?}"),
    };
    Failure::new(ErrorCode::Deadline, text).hint("`baton status` says what is under way")
}

async fn serving(follower: &mut Follower<'_>) -> Result<(), Failure> {
    while follower.service().state != ServiceState::Serving {
        follower.next(Instant::now() + LOOK).await?;
    }
    Ok(())
}

/// The record of the migration that is under way, or of the next one.
async fn moved(follower: &mut Follower<'_>) -> Result<RunRecord, Failure> {
    let first_words = Instant::now() + FIRST_WORDS;
    while !follower.is_complete() && Instant::now() < first_words {
        follower.next(first_words).await?;
    }
    let ended: Vec<String> = follower.orders().filter(|order| order.finished).map(|order| order.run.clone()).collect();
    loop {
        let news = follower.orders().find(|order| order.finished && order.order.is_migration() && !ended.contains(&order.run));
        if let Some(record) = news.and_then(|order| order.record.clone()) {
            return Ok(record);
        }
        follower.next(Instant::now() + LOOK).await?;
    }
}
