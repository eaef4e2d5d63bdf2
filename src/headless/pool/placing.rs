//! Plans for the whole pool, and carrying them out: drain, rebalance, consolidate.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use serde::Serialize;

use super::super::standby::ARM;
use super::super::{Cluster, attend, block_on, json, lines, print, write_out};
use super::look::look;
use super::suspending::{self, Suspended};
use super::{PlaceArgs, require_pool_server};
use crate::pool::{Asked, Course, Done, asked, plan, spare};
use config::{HostName, RadioViews};
use placement::{Change, Goal, Plan};
use protocol::{ErrorCode, Failure, RunRecord, ask};

/// An agent notes it at once.
const NOTED: Duration = Duration::from_secs(5);

/// A plan, and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) ok: bool,
    plan: Plan,
    done: Vec<Done>,
    /// From the first change to the last, ms.
    took_ms: f64,
    /// What became of the servers that were to be suspended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suspended: Vec<Suspended>,
}

impl Report {
    /// With what was planned and done after it.
    pub(super) fn go_on(&mut self, next: Report) {
        let waves = std::mem::take(&mut self.plan.waves);
        self.plan = Plan { waves: waves.into_iter().chain(next.plan.waves).collect(), ..next.plan };
        self.done.extend(next.done);
        self.took_ms += next.took_ms;
        self.ok = next.ok;
    }
}

/// Serves elsewhere what a server had that no agent answers for.
///
/// # Errors
/// There is no such server, or it answers; there is no plan.
pub(super) fn failover(views: &RadioViews, server: &HostName, args: &PlaceArgs) -> Result<ExitCode, Failure> {
    require_pool_server(views, server)?;
    // Once: an agent that does not answer is waited for.
    let seen = block_on(look(views))?;
    if seen.is_heard(server) {
        let text = format!("{server} answers: its radios are not lost");
        return Err(Failure::new(ErrorCode::State, text)
            .hint(format!("`baton pool drain {server}` moves them, `baton do recover` mends one")));
    }
    carry_out_or_show(views, plan(&seen, views, &Goal::Lose { server: server.clone(), beyond_budget: false })?, args)
}

/// The server takes on work again. Nothing moves.
///
/// # Errors
/// There is no such server, or it does not take the order.
pub(super) fn undrain(views: &RadioViews, server: &HostName, as_json: bool) -> Result<ExitCode, Failure> {
    require_pool_server(views, server)?;
    block_on(mark(views, server, false))?;
    let report = serde_json::json!({"ok": true, "server": server, "drained": false});
    print(&if as_json { json(&report)? } else { format!("{server} takes on work again; `baton pool rebalance` brings it some.") });
    Ok(ExitCode::SUCCESS)
}

/// Brings the pool to a goal, or shows how.
///
/// # Errors
/// There is no plan.
pub(super) fn reach(views: &RadioViews, goal: &Goal, args: &PlaceArgs) -> Result<ExitCode, Failure> {
    let plan = block_on(async { plan(&look(views).await?, views, goal) })?;
    carry_out_or_show(views, plan, args)
}

fn carry_out_or_show(views: &RadioViews, plan: Plan, args: &PlaceArgs) -> Result<ExitCode, Failure> {
    if args.plan {
        return write_out(&lines(&if args.json { json(&plan)? } else { plan.to_string() }));
    }
    tell(&block_on(async { Ok(follow(views, plan).await) })?, args)
}

/// A report on stdout, and as an exit code.
///
/// # Errors
/// It has no JSON form.
pub(super) fn tell(report: &Report, args: &PlaceArgs) -> Result<ExitCode, Failure> {
    print(&if args.json { json(report)? } else { text(report) });
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Leaves servers with nothing to do, and suspends those that can be spared once all is done.
///
/// # Errors
/// The cluster file has no `suspend_command`; there is no plan.
pub(super) fn consolidate_and_suspend(views: &RadioViews, args: &PlaceArgs) -> Result<ExitCode, Failure> {
    let command = suspending::command(views)?;
    let report = block_on(async {
        let report = bring_about(views, &Goal::Consolidate).await?;
        if !report.ok {
            return Ok(report);
        }
        let suspended = suspending::suspend(views, command, &spare(&report.plan, views)).await;
        let ok = suspended.iter().all(|server| server.ok);
        Ok::<_, Failure>(Report { ok, suspended, ..report })
    })?;
    tell(&report, args)
}

/// Plans, and carries the plan out.
///
/// # Errors
/// There is no plan.
pub(super) async fn bring_about(views: &RadioViews, goal: &Goal) -> Result<Report, Failure> {
    Ok(follow(views, plan(&look(views).await?, views, goal)?).await)
}

/// Carries a plan out: one wave after the other, until a change fails.
pub(super) async fn follow(views: &RadioViews, plan: Plan) -> Report {
    let began = Instant::now();
    let mut course = Course::new(plan);
    loop {
        let wave = course.next_wave();
        if wave.is_empty() {
            break;
        }
        for (change, end) in join_all(wave.into_iter().map(async |change| (change.clone(), order(views, &change).await))).await {
            course.end(&change, end);
        }
    }
    let (took_ms, ok) = (config::time::milliseconds(began.elapsed()), course.is_ok());
    let (plan, done) = course.into_parts();
    Report { ok, plan, done, took_ms, suspended: Vec::new() }
}

/// Tells a server, for every radio that it may serve, whether it takes on work.
pub(super) async fn mark(views: &RadioViews, server: &HostName, drained: bool) -> Result<(), Failure> {
    let of_server = views.radios().values().filter(|view| view.is_server(server));
    try_join_all(of_server.map(async |view| {
        let client = Cluster::of(view.clone())?.client;
        if drained { client.ask(server, ask::Drain {}, NOTED).await } else { client.ask(server, ask::Undrain {}, NOTED).await }
    }))
    .await
    .map(drop)
}

/// Has a change carried out; its record, where it has one.
async fn order(views: &RadioViews, change: &Change) -> Result<Option<RunRecord>, Failure> {
    let cluster = Cluster::of(views.clone().into_view(Some(change.radio()))?)?;
    match asked(&cluster.config, change) {
        Asked::Order(request) => attend::carry_out(&cluster, request).await.map(Some),
        Asked::Arm(at) => cluster.client.ask(&at, ask::Arm {}, ARM).await.map(|()| None),
        Asked::Disarm(at) => cluster.client.ask(&at, ask::Disarm {}, ARM).await.map(|()| None),
    }
}

pub(super) fn text(report: &Report) -> String {
    let mut lines: Vec<String> = report.done.iter().map(line).collect();
    if report.done.is_empty() {
        lines.push("nothing was to be done".to_owned());
    }
    lines.extend(report.plan.unplaced.iter().map(ToString::to_string));
    let left = report.plan.changes().count() - report.done.len();
    if left > 0 {
        lines.push(format!("{left} more were planned, and not begun after that"));
    }
    if !report.plan.empty.is_empty() {
        let empty: Vec<&str> = report.plan.empty.iter().map(|server| server.as_str()).collect();
        lines.push(format!("with nothing to do: {}", empty.join(", ")));
    }
    lines.push(format!("took {:.2} s", report.took_ms / 1e3));
    lines.extend(report.suspended.iter().map(ToString::to_string));
    lines.join("\n")
}

fn line(done: &Done) -> String {
    let interruption = done.interruption.as_ref().and_then(|interruption| interruption.by_phases_ms);
    match (&done.reason, interruption) {
        (Some(reason), _) if !done.ok => format!("{}: not done: {reason}", done.change),
        (_, Some(ms)) => format!("{}: done, interruption {ms:.1} ms", done.change),
        _ => format!("{}: done", done.change),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_says_why() {
        let change = Change::Move {
            radio: "alpha".parse().unwrap(),
            from: "server1".parse().unwrap(),
            to: "server2".parse().unwrap(),
            detour: false,
        };
        let done = |ok, reason: Option<&str>| Done {
            change: change.clone(),
            ok,
            reason: reason.map(str::to_owned),
            run: None,
            total_ms: None,
            interruption: None,
        };
        assert!(line(&done(false, Some("server2 is drained"))).ends_with("not done: server2 is drained"));
        assert!(line(&done(true, None)).ends_with("done"));
    }
}
