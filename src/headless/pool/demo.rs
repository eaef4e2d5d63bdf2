//! The demonstration of a pool without a screen: start all radios, drain a server, take it back, balance, report.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::super::{Cluster, attend, block_on, json, print, status};
use super::draining;
use super::placing::{self, Report};
use crate::pool::{between, other};
use config::{HostName, RadioName, RadioViews};
use placement::Goal;
use protocol::{ErrorCode, Failure, Method, Order, Outcome, RunRecord, ask};

/// An agent that was just started answers within this.
const AGENTS: Duration = Duration::from_secs(20);
const COMMAND: Duration = Duration::from_secs(5);

/// The document on stdout.
#[derive(Debug, Default, Serialize)]
struct DemoReport {
    ok: bool,
    /// Why not, where it was no move that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// The start of each radio's work.
    starts: Vec<RunRecord>,
    /// Which server was drained.
    drained: Option<HostName>,
    drain: Option<Report>,
    /// After the server was taken back.
    rebalance: Option<Report>,
}

/// Runs it in a lab that is up. Exit code 0 only if all went well.
///
/// # Errors
/// The cluster file cannot be read; anything else is in the report.
pub fn run(file: &std::path::Path, probe_interval: Duration, as_json: bool) -> Result<ExitCode, Failure> {
    let views = RadioViews::load(file)?;
    let mut report = DemoReport::default();
    let mut code = 1;
    match block_on(demonstrate(&views, probe_interval, &mut report)) {
        Ok(()) => report.ok = [&report.drain, &report.rebalance].into_iter().flatten().all(|part| part.ok),
        Err(failure) => {
            code = failure.exit_code();
            report.failure = Some(failure);
        }
    }
    print(&if as_json { json(&report)? } else { text(&report) });
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::from(code) })
}

async fn demonstrate(views: &RadioViews, probe_interval: Duration, report: &mut DemoReport) -> Result<(), Failure> {
    for (name, view) in views.radios() {
        let cluster = Cluster::of(view.clone())?;
        for host in cluster.config.host.keys() {
            status::ask_one(&cluster, host, AGENTS).await?;
        }
        if let Some(far_end) = cluster.config.roles.far_end.as_deref() {
            let target = cluster.config.probe.target.to_string();
            let interval_ms = config::time::milliseconds(probe_interval);
            cluster.client.ask(far_end, ask::ProbeStart { target, interval_ms }, COMMAND).await?;
        }
        start(&cluster, name, report).await?;
    }
    let first = views.servers().keys().next();
    let server = first.ok_or_else(|| Failure::new(ErrorCode::Config, "the pool has no servers"))?.clone();
    say(&format!("draining {server}"));
    report.drained = Some(server.clone());
    report.drain = Some(draining::drain(views, &server).await?);
    placing::mark(views, &server, false).await?;
    say(&format!("{server} takes on work again; balancing"));
    report.rebalance = Some(placing::bring_about(views, &Goal::Rebalance).await?);
    Ok(())
}

async fn start(cluster: &Cluster, radio: &RadioName, report: &mut DemoReport) -> Result<(), Failure> {
    let on = cluster.config.roles.initiator.as_str();
    say(&format!("starting {radio} on {on}"));
    let record =
        attend::carry_out(cluster, between(&cluster.config, [on, other(&cluster.config, on)], Order::DS, Method::default()))
            .await?;
    let (outcome, failure) = (record.outcome, record.failure.clone());
    report.starts.push(record);
    if outcome == Outcome::Ok {
        return Ok(());
    }
    Err(failure.unwrap_or_else(|| Failure::new(ErrorCode::State, format!("the work of {radio} did not start"))))
}

/// A line for whoever waits.
fn say(text: &str) {
    output::say(&format!("baton: {text}"));
}

fn text(report: &DemoReport) -> String {
    let mut lines: Vec<String> = report
        .starts
        .iter()
        .map(|record| format!("{} starts on {}: {:.0} ms", record.radio.as_deref().unwrap_or("-"), record.to, record.total_ms))
        .collect();
    if let (Some(server), Some(drain)) = (&report.drained, &report.drain) {
        lines.push(format!("\ndrain {server}:\n{}", placing::text(drain)));
    }
    lines.extend(report.rebalance.as_ref().map(|rebalance| format!("\nrebalance:\n{}", placing::text(rebalance))));
    lines.extend(report.failure.as_ref().map(|failure| format!("\nfailed: {failure}")));
    lines.join("\n")
}
