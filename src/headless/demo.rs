//! The demonstration without a screen: in a running lab, start the work, migrate there and back, report.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::{Cluster, block_on, json, order, print, status};
use crate::metrics::table::{TimingTable, list};
use config::ClusterFile;
use config::time::milliseconds;
use protocol::{ErrorCode, Failure, Method, Order, Outcome, ProbeStatus, RunRecord, ask};

/// An agent that was just started answers within this.
const AGENTS_DEADLINE: Duration = Duration::from_secs(20);
/// From the start of the work or the end of a migration until pings flow; the replies' own time comes on top.
const PINGS_DEADLINE: Duration = Duration::from_secs(20);
/// A relay probes for seconds, and what it found is collected within a second more.
const ROUTES_DEADLINE: Duration = Duration::from_secs(30);
/// Time between two requests for the status of a host.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// New replies that count as "pings flow".
const REPLIES: u64 = 5;
const COMMAND_DEADLINE: Duration = Duration::from_secs(5);

/// Options.
#[derive(Debug, Clone, clap::Args)]
// clap names the group after the struct, and main flattens the Args of the console beside these.
#[group(id = "headless_demo")]
pub struct Args {
    /// No screen: start the work, migrate, tear down, report on stdout.
    #[arg(long)]
    pub headless: bool,
    /// How to migrate; with a screen, how to begin with. Without it hot, or the method of the work's form.
    #[arg(long, value_enum)]
    pub method: Option<Method>,
    /// With --headless: how many migrations, M, MB, M, MB and so on.
    #[arg(long, default_value_t = 2, value_name = "N", requires = "headless")]
    pub migrations: usize,
    /// Interval of the far end's pings, e.g. 100ms; 1ms to 60s.
    #[arg(long, default_value = "100ms", value_name = "TIME", value_parser = config::time::parse_probe_interval)]
    pub probe_interval: Duration,
    /// With --headless: exactly one JSON document on stdout.
    #[arg(long, requires = "headless")]
    pub json: bool,
}

/// A migration with the replies that were counted on either side of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DemoRun {
    #[serde(flatten)]
    pub(super) record: RunRecord,
    /// Replies at the far end between the work before (start or migration) and this order.
    pub(super) replies_before: u64,
    /// Replies at the far end after it, until pings were seen to flow.
    pub(super) replies_after: u64,
}

/// The document on stdout.
#[derive(Debug, Default, Serialize)]
pub(super) struct DemoReport {
    ok: bool,
    /// Why not, when it was not a migration that failed.
    reason: Option<String>,
    failure: Option<Failure>,
    /// The start of the work.
    start: Option<RunRecord>,
    pub(super) runs: Vec<DemoRun>,
}

/// Runs it in a lab that is up. Exit code 0 only if every run is ok.
///
/// # Errors
/// The configuration cannot be read or stdout is closed; anything else is in the report.
pub fn run(file: &ClusterFile, args: &Args) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let mut report = DemoReport::default();
    let mut code = 1;
    match block_on(demonstrate(&cluster, args, &mut report)) {
        Ok(()) => report.ok = report.runs.len() == args.migrations && report.runs.iter().all(|r| r.record.outcome == Outcome::Ok),
        Err(failure) => {
            code = failure.exit_code();
            report.reason = Some(failure.message.clone());
            report.failure = Some(failure);
        }
    }
    print(&if args.json { json(&report)? } else { text(&report) });
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::from(code) })
}

pub(super) async fn demonstrate(cluster: &Cluster, args: &Args, report: &mut DemoReport) -> Result<(), Failure> {
    let far_end = cluster.config.roles.far_end.as_deref().ok_or_else(|| {
        Failure::new(ErrorCode::Config, "the configuration names no far end, and without pings there is nothing to show")
            .hint("set roles.far_end")
    })?;
    let method = cluster.method(args.method);
    report_progress("waiting for the agents");
    for host in cluster.config.host.keys() {
        status::ask_one(cluster, host, AGENTS_DEADLINE).await?;
    }
    let target = cluster.config.probe.target.to_string();
    let start = ask::ProbeStart { target, interval_ms: milliseconds(args.probe_interval) };
    cluster.client.ask(far_end, start, COMMAND_DEADLINE).await?;
    report_progress("starting the work on both sides: DS");
    let started = order::carry_out(cluster, Order::DS, method).await?;
    let (outcome, failure) = (started.outcome, started.failure.clone());
    report.start = Some(started);
    if outcome != Outcome::Ok {
        return Err(failure.unwrap_or_else(|| Failure::new(ErrorCode::State, "the work did not start")));
    }
    let mut replies_before = await_pings(cluster, far_end, args.probe_interval).await?;
    for order in [Order::M, Order::MB].into_iter().cycle().take(args.migrations) {
        await_routes(cluster, cluster.config.ends(order).0).await?;
        report_progress(&format!("pings flow ({replies_before} replies); migrating: {order} {method}"));
        let record = order::carry_out(cluster, order, method).await?;
        let ok = record.outcome == Outcome::Ok;
        report.runs.push(DemoRun { record, replies_before, replies_after: 0 });
        if !ok {
            return Ok(());
        }
        replies_before = await_pings(cluster, far_end, args.probe_interval).await?;
        if let Some(run) = report.runs.last_mut() {
            run.replies_after = replies_before;
        }
    }
    Ok(())
}

/// Waits until replies arrive at the far end, and returns how many were counted.
async fn await_pings(cluster: &Cluster, far_end: &str, interval: Duration) -> Result<u64, Failure> {
    let patience = PINGS_DEADLINE + interval * (REPLIES as u32 + 1);
    let deadline = Instant::now() + patience;
    let mut first: Option<ProbeStatus> = None;
    loop {
        let now = status::ask_one(cluster, far_end, COMMAND_DEADLINE).await?.probe;
        let now = now.ok_or_else(|| Failure::new(ErrorCode::State, format!("no probe runs on {far_end}")))?;
        let replies = first.as_ref().map_or(0, |first| now.received.saturating_sub(first.received));
        if replies >= REPLIES {
            return Ok(replies);
        }
        if Instant::now() >= deadline {
            return Err(Failure::new(
                ErrorCode::Deadline,
                format!("{replies} replies from {} arrived at {far_end} within {} s", now.target, patience.as_secs()),
            )
            .hint("`baton status` shows which side is not in sync"));
        }
        first.get_or_insert(now);
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// In a relay scenario, waits until the routes of the host that serves have been collected: they are to be carried.
async fn await_routes(cluster: &Cluster, host: &str) -> Result<(), Failure> {
    let others = cluster.config.terminals.len().saturating_sub(1);
    let deadline = Instant::now() + ROUTES_DEADLINE;
    loop {
        let known = status::ask_one(cluster, host, COMMAND_DEADLINE).await?.route_list.len();
        if known >= others {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let seconds = ROUTES_DEADLINE.as_secs();
            let text = format!("{host} knows {known} routes after {seconds} s; it needs {others}");
            return Err(Failure::new(ErrorCode::Deadline, text).hint("`baton status` shows which terminals it hears"));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn text(report: &DemoReport) -> String {
    let records: Vec<RunRecord> = report.runs.iter().map(|r| r.record.clone()).collect();
    let mut text = String::new();
    if !records.is_empty() {
        let replies: Vec<String> = report.runs.iter().map(|r| format!("{}/{}", r.replies_before, r.replies_after)).collect();
        text = format!("{}\n{}\n", list(&records), TimingTable::from_runs(&records).text());
        text.push_str(&format!("replies counted before/after each: {}\n", replies.join(" ")));
    }
    if let Some(failure) = &report.failure {
        let hint = failure.hint.as_deref().unwrap_or_default();
        text.push_str(&format!("failed: {}\n{}\n", output::one_line(&failure.message), output::one_line(hint)));
    }
    text
}

/// Progress goes to stderr: stdout is for the report.
fn report_progress(text: &str) {
    output::say(&format!("demo: {text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_what_other_tools_read() {
        let run = crate::metrics::table::tests::run(Method::Classic, 1.5, Some(2));
        let report = DemoReport {
            ok: true,
            runs: vec![DemoRun { record: run, replies_before: 5, replies_after: 6 }],
            ..DemoReport::default()
        };
        let value: serde_json::Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
        let run = &value["runs"][0];
        for name in ["run", "started", "order", "method", "from", "to", "outcome", "reason", "phases", "total_ms", "interruption"] {
            assert!(run.get(name).is_some(), "{name}");
        }
        for name in ["by_phases_ms", "probe_interval_ms", "probes_sent", "probes_lost", "by_loss_ms", "gap_ms"] {
            assert!(run["interruption"].get(name).is_some(), "{name}");
        }
        assert_eq!(run["phases"][0], serde_json::json!({"name": "tun_ip", "ms": 0.4, "source_ms": 6.0}));
        assert_eq!((&run["order"], &run["method"], &run["outcome"]), (&"M".into(), &"classic".into(), &"ok".into()));
        assert!(text(&report).contains("5/6"));
    }
}
