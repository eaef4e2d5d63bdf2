//! What an order would do, and how long that is expected to take.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use futures::future::join_all;

use super::{Cluster, block_on, json, lines, write_out};
use crate::metrics::measure::number;
use crate::migration::check::{Answers, check_offered, count_standby};
use config::ClusterFile;
use output::{one_line, pad};
use protocol::{Expected, Failure, Method, Order, OrderRequest, Origin, Plan, PlanStep, ask};

/// Reading the records and answering.
const DEADLINE: Duration = Duration::from_secs(5);

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// DS, KL, M (or Migration), MB, DSR or KR.
    pub order: Order,
    /// How to migrate, for M and MB; without it hot, or the method of the work's form.
    #[arg(long, value_enum)]
    pub method: Option<Method>,
    /// One JSON document on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Runs it: the host that would carry the order out has its history.
///
/// # Errors
/// Why that host could not be asked.
pub fn run(file: &ClusterFile, args: &Args) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let host = cluster.config.executor(args.order).to_owned();
    let plain = OrderRequest::new(args.order, cluster.method(args.method));
    let request = OrderRequest { between: cluster.config.roles_to_tell(), ..plain };
    let source = Some(cluster.config.ends(args.order).0.to_owned()).filter(|_| args.order.is_migration());
    let plan = block_on(async {
        let plan = cluster.client.ask(&host, ask::Plan { request: request.clone() }, DEADLINE).await?;
        // Whether the programs at work can be moved so, and whether a standby follows, only the hosts know; one that does not answer says nothing
        // against it.
        let Some(source) = source else { return Ok(plan) };
        let said = [&source, &host].map(|name| async { (name.clone(), cluster.client.ask(name, ask::Status {}, DEADLINE).await) });
        let answers: Answers = join_all(said).await.into_iter().collect();
        let status = answers.get(&source).and_then(|answer| answer.as_ref().ok());
        let refused = status.and_then(|status| check_offered(plan.method, status).err());
        let standby = count_standby(&request, &cluster.config, &answers).map(|finding| finding.sentence);
        Ok(Plan { not_offered: refused.map(|failure| failure.to_string()), standby, ..plan })
    })?;
    write_out(&lines(&if args.json { json(&plan)? } else { text(&plan) }))
}

fn text(plan: &Plan) -> String {
    let mut text = String::new();
    if let Some(why) = &plan.not_offered {
        let _ = writeln!(text, "not possible now: {}\n", one_line(why));
    }
    let _ = match plan.order.is_migration() {
        true => writeln!(text, "{} {}: {} -> {}", plan.order, plan.method, one_line(&plan.from), one_line(&plan.to)),
        false => writeln!(text, "{}: {}", plan.order, one_line(&plan.to)),
    };
    for (index, step) in plan.steps.iter().enumerate() {
        let PlanStep { host, command, phases, cut, relay_only, afterwards } = step;
        let phases: Vec<&str> = phases.iter().map(|phase| phase.name()).collect();
        let notes = [(*cut, "the cut"), (*relay_only, "relay only"), (*afterwards, "afterwards")];
        let notes: Vec<&str> = notes.into_iter().filter_map(|(so, note)| so.then_some(note)).collect();
        let (command, host) = (pad(&one_line(command), 12), pad(&one_line(host), 10));
        let line = format!("{:>3}  {command} {host} {:<24} {}", index + 1, phases.join(", "), notes.join(", "));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if let Some(standby) = &plan.standby {
        let _ = writeln!(text, "\n{}", one_line(standby));
    }
    let phases = plan.phases.iter().map(|phase| (phase.name.name(), phase.expected));
    let _ = writeln!(text, "\nexpected, ms");
    for (name, expected) in phases.chain([("total", plan.total), ("interruption", plan.interruption)]) {
        let _ = writeln!(text, "     {name:<12} {}", said(expected));
    }
    text
}

fn said(expected: Expected) -> String {
    let Expected { ms, origin, runs } = expected;
    let figure = ms.map_or_else(|| "-".into(), number);
    let from = match origin {
        Origin::History if runs == 1 => "one run".into(),
        Origin::History => format!("median of {runs} runs"),
        Origin::Paper => "paper".into(),
        Origin::NoHistory => "no history".into(),
    };
    format!("{figure:>10}  {from}")
}
