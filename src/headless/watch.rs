//! `baton watch`: one line for everything that happens, for scripts and other programs.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::follow::Follower;
use super::service::{ServiceReport, line};
use super::{Cluster, block_on, lines};
use crate::link::telemetry::{Heard, LinkState};
use crate::metrics::table::outcome;
use crate::migration::service::ServiceState;
use config::ClusterFile;
use output::one_line;
use protocol::{ErrorCode, Event, Failure, Level, Method, Order, OrderStage, Progress, RunRecord};

/// Between two looks where nothing is heard: a silence is an event as well.
const LOOK: Duration = Duration::from_millis(100);
/// Before that, what is not heard yet is no news.
const FIRST_WORDS: Duration = Duration::from_millis(500);

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// One JSON object a line: `{"at", "event": "service" | "order" | "record" | "host" | "log", ...}`.
    #[arg(long)]
    pub json: bool,
}

/// Something that has happened.
#[derive(Debug, Clone, Serialize)]
struct WatchLine {
    at: DateTime<Utc>,
    #[serde(flatten)]
    what: Happening,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Happening {
    /// The verdict on the service is another one.
    Service {
        #[serde(flatten)]
        report: ServiceReport,
        #[serde(skip)]
        line: String,
    },
    /// An order has begun, or has come to its next stage.
    Order { run: String, order: Order, method: Method, from: String, to: String, stage: OrderStage },
    /// An order has ended.
    Record { record: Box<RunRecord> },
    /// A host's agent is heard, or is not heard any more.
    Host { host: String, heard: bool },
    /// A line of a host's log.
    Log { host: String, level: Level, text: String },
}

/// Watches until the reader of stdout has gone, or until a signal.
///
/// # Errors
/// The configuration or the key cannot be read; stdout has no room.
pub fn run(file: &ClusterFile, args: &Args) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    block_on(watch(&cluster, args))
}

async fn watch(cluster: &Cluster, args: &Args) -> Result<ExitCode, Failure> {
    let mut follower = Follower::new(cluster)?;
    let mut seen = Seen::default();
    let began = Instant::now();
    let no_signals = |e| Failure::new(ErrorCode::Environment, format!("signals cannot be waited for: {e}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    loop {
        let heard = tokio::select! {
            heard = follower.next(Instant::now() + LOOK) => heard?,
            _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
            _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        };
        let mut news = heard.map(|heard| seen.heard(heard)).unwrap_or_default();
        if began.elapsed() >= FIRST_WORDS || follower.is_complete() {
            let service = follower.service();
            let radio = cluster.config.in_pool.as_deref();
            let report = ServiceReport::new(&service, radio, Utc::now());
            news.extend(seen.judged(service.state, report, line(&service, radio)));
        }
        for what in news {
            let line = WatchLine { at: Utc::now(), what };
            match output::write_stdout(&if args.json { json_line(&line)? } else { lines(&text(&line)) }) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
                Err(error) => return Err(Failure::new(ErrorCode::Io, format!("standard output: {error}"))),
            }
        }
    }
}

/// What has been told already.
#[derive(Debug, Default)]
struct Seen {
    state: Option<ServiceState>,
    /// The run and the stage that each host has told last, and whether it had ended.
    orders: BTreeMap<String, (String, OrderStage, bool)>,
    hosts: BTreeMap<String, bool>,
}

impl Seen {
    fn heard(&mut self, heard: Heard) -> Vec<Happening> {
        match heard {
            Heard::Telemetry(telemetry) => {
                let news = self.hosts.insert(telemetry.host.clone(), true) != Some(true);
                let mut out = Vec::new();
                out.extend(news.then(|| Happening::Host { host: telemetry.host.clone(), heard: true }));
                if let Some(progress) = telemetry.migration {
                    // What had ended before this command began is history.
                    let first = news && !self.orders.contains_key(&telemetry.host);
                    out.extend(self.order(&telemetry.host, progress, first));
                }
                out
            }
            Heard::Event(Event { host, level, text, .. }) => vec![Happening::Log { host, level, text }],
            Heard::Link { host, state: LinkState::Silent { .. } | LinkState::Retrying { .. } } => {
                let news = self.hosts.insert(host.clone(), false) != Some(false);
                Vec::from_iter(news.then_some(Happening::Host { host, heard: false }))
            }
            Heard::Link { .. } => Vec::new(),
        }
    }

    fn order(&mut self, host: &str, progress: Progress, first: bool) -> Option<Happening> {
        let ended = progress.finished && progress.record.is_some();
        let now = (progress.run.clone(), progress.stage, ended);
        if self.orders.insert(host.to_owned(), now.clone()).as_ref() == Some(&now) || (first && progress.finished) {
            return None;
        }
        match progress.record {
            Some(record) if progress.finished => Some(Happening::Record { record: Box::new(record) }),
            _ => Some(Happening::Order {
                run: progress.run,
                order: progress.order,
                method: progress.method,
                from: progress.from,
                to: progress.to,
                stage: progress.stage,
            }),
        }
    }

    fn judged(&mut self, state: ServiceState, report: ServiceReport, line: String) -> Option<Happening> {
        (self.state.replace(state) != Some(state)).then_some(Happening::Service { report, line })
    }
}

fn json_line(line: &WatchLine) -> Result<Vec<u8>, Failure> {
    let text =
        serde_json::to_string(line).map_err(|e| Failure::new(ErrorCode::Internal, format!("the event has no JSON form: {e}")))?;
    Ok(format!("{}\n", output::json(text)).into_bytes())
}

fn text(line: &WatchLine) -> String {
    let what = match &line.what {
        Happening::Service { line, .. } => format!("service {line}"),
        Happening::Order { order, method, from, to, stage, .. } if order.is_migration() => {
            format!("{order} ({method}) {from} to {to}: {}", stage_name(*stage))
        }
        Happening::Order { order, to, stage, .. } => format!("{order} on {to}: {}", stage_name(*stage)),
        Happening::Record { record } => outcome(record),
        Happening::Host { host, heard: true } => format!("{host} is heard"),
        Happening::Host { host, heard: false } => format!("{host} is not heard"),
        Happening::Log { host, level, text } => {
            let word = match level {
                Level::Error => "ERROR: ",
                Level::Warning => "warning: ",
                Level::Info => "",
            };
            format!("{host}: {word}{text}")
        }
    };
    format!("{}  {}", line.at.format("%T%.3f"), one_line(&what))
}

fn stage_name(stage: OrderStage) -> &'static str {
    match stage {
        OrderStage::Checking => "checking",
        OrderStage::Preparing => "preparing",
        OrderStage::Ready => "ready, waits for go",
        OrderStage::Moving => "moving",
        OrderStage::CleaningUp => "cleaning up",
        OrderStage::RollingBack => "rolling back",
        OrderStage::Closing => "closing",
    }
}
