//! The standby has taken over: the radio's owner, the other host, the record.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::time::sleep;

use super::super::state::Agent;
use super::super::work::Work;
use super::arm::other_host;
use protocol::{
    Expected, Failure, Interruption, Level, Method, Order, OrderRequest, OrderStage, Outcome, Phase, PhaseName, ProbeWindow,
    Progress, RunRecord, Step, StepState, TakeoverCause, TookOver, ask,
};
use workload::clock::monotonic_us;

/// The far end answers at once.
const ANSWER: Duration = Duration::from_secs(2);
/// Probes of so long before and after belong to the take-over: one counts as lost after a second.
const AROUND: Duration = Duration::from_secs(1);

/// This host owns the radio, and tells everybody.
pub(super) fn deal_with(agent: &Arc<Agent>, work: &Arc<Work>, took_over: TookOver) {
    let from = other_host(agent, work).unwrap_or_default();
    let cause = cause(took_over, &from);
    let host = &agent.host;
    match work.own_taken_over() {
        Ok(()) => host.alert(Level::Warning, format!("{} has taken over: {cause}", host.name)),
        Err(failure) => host.alert(Level::Error, format!("{} has taken over, and may not: {failure}", host.name)),
    }
    let (agent, work) = (Arc::clone(agent), Arc::clone(work));
    tokio::spawn(async move { note(&agent, &work, took_over, from, cause).await });
}

/// Why, in a sentence.
fn cause(took_over: TookOver, from: &str) -> String {
    let ms = took_over.decided_us.saturating_sub(took_over.well_us) as f64 / 1e3;
    match took_over.cause {
        TakeoverCause::NoHeartbeat => format!("{from} sent no heartbeat for {ms:.1} ms"),
        TakeoverCause::NoSamples => format!("{from} said that it has heard no samples of the radio for {ms:.1} ms"),
        TakeoverCause::NoProgress => format!("{from} said that its D2D process has done nothing for {ms:.1} ms"),
    }
}

async fn note(agent: &Agent, work: &Work, took_over: TookOver, from: String, cause: String) {
    let ago = Duration::from_micros(monotonic_us().saturating_sub(took_over.well_us));
    let (window, restart) = tokio::join!(window(agent, ago), expected_restart(agent, &from));
    // By now it has transmitted.
    let newest = work.usrp().follow_status().and_then(|follows| follows.took_over);
    let took_over = newest.filter(|newest| newest.claimed_us == took_over.claimed_us).unwrap_or(took_over);
    let cause = restart.map_or(cause.clone(), |restart| format!("{cause}; {}", weighed(took_over, restart, &from)));
    let record = record(agent, took_over, (from, cause), ago, window);
    let steps = record.phases.iter().map(|phase| Step { name: phase.name, state: StepState::Done, ms: phase.ms });
    let progress = Progress {
        run: record.run.clone(),
        order: record.order,
        method: record.method,
        from: record.from.clone(),
        to: record.to.clone(),
        steps: steps.collect(),
        stage: OrderStage::Closing,
        now: String::new(),
        finished: true,
        record: Some(record.clone()),
    };
    let (folder, copy) = (agent.host.config.records.clone(), record.clone());
    // A disk that hangs costs the record, and nothing else.
    let written = tokio::task::spawn_blocking(move || crate::metrics::records::append(&folder, &copy)).await;
    if let Ok(Err(failure)) = written {
        agent.host.event(Level::Warning, failure.to_string());
    }
    agent.counted.ended(&record);
    // An order that runs meanwhile is what the screen shows.
    if agent.order.try_lock().is_ok() {
        agent.state().progress = Some(progress);
    }
    agent.host.end_of_run(Level::Warning, format!("{} by takeover is done", record.order), &record.run);
    agent.host.notify_change();
}

/// What a start of the work on that host is to be expected to take, from its own history: where its agent does not answer, a restart there was no choice.
async fn expected_restart(agent: &Agent, host: &str) -> Option<Expected> {
    let config = &agent.host.config;
    let between = config.roles_to_tell().map(|_| [host.to_owned(), agent.host.name.clone()]);
    let order = if between.is_some() || host == config.roles.initiator.as_str() { Order::DS } else { Order::DSR };
    let request = OrderRequest { between, ..OrderRequest::new(order, config.form_of(host).default_method()) };
    agent.client.ask(host, ask::Plan { request }, ANSWER).await.ok().map(|plan| plan.total)
}

/// What stood against each other: a restart where a process failed, and the take-over.
fn weighed(took_over: TookOver, restart: Expected, from: &str) -> String {
    let took = (end_of(took_over) - took_over.well_us.min(end_of(took_over))) as f64 / 1e3;
    match restart {
        Expected { ms: Some(ms), runs, .. } => {
            format!(
                "a restart there is expected to take {ms:.0} ms, by the median of its last starts ({runs}), and the take-over took {took:.1} ms"
            )
        }
        Expected { ms: None, .. } => {
            format!("no start on {from} was measured that a restart could be expected by, and the take-over took {took:.1} ms")
        }
    }
}

/// When it was over: with the first burst, or where none was seen, when the D2D process had been told to go on.
fn end_of(took_over: TookOver) -> u64 {
    took_over.first_burst_us.unwrap_or(took_over.gone_on_us)
}

/// What the far end's probe counted around it; `None` where nobody probes or it does not answer.
async fn window(agent: &Agent, ago: Duration) -> Result<ProbeWindow, Failure> {
    let config = &agent.host.config;
    let Some(far_end) = config.roles.far_end.as_deref() else {
        return Err(Failure::new(protocol::ErrorCode::Config, "nobody probes"));
    };
    let mark = agent.client.ask(far_end, ask::ProbeMark {}, ANSWER).await?;
    let probes = (ago + AROUND).as_secs_f64() / config.probe.interval.as_secs_f64();
    sleep(AROUND).await;
    agent.client.ask(far_end, ask::ProbeWindow { since: mark.next.saturating_sub(probes as u64) }, ANSWER + AROUND * 2).await
}

fn record(
    agent: &Agent,
    took_over: TookOver,
    (from, cause): (String, String),
    ago: Duration,
    window: Result<ProbeWindow, Failure>,
) -> RunRecord {
    let TookOver { well_us, decided_us, gone_on_us, .. } = took_over;
    let phase = |name, from: u64, to: u64| Phase { name, ms: to.saturating_sub(from) as f64 / 1e3, paper_ms: None };
    let mut phases = vec![phase(PhaseName::Detect, well_us, decided_us), phase(PhaseName::LinkUsrp, decided_us, gone_on_us)];
    phases.extend(took_over.first_burst_us.map(|first| phase(PhaseName::Sync, gone_on_us, first)));
    let total_ms = end_of(took_over).saturating_sub(well_us) as f64 / 1e3;
    let mut warnings = vec![format!("Cause: {cause}.")];
    if took_over.first_burst_us.is_none() {
        warnings.push(format!("The first burst of {} was not seen: this phase is not measured.", agent.host.name));
    }
    let window = match window {
        Ok(window) => Some(window),
        Err(failure) => {
            warnings.push(format!("Lost pings and the gap are not measured: {failure}."));
            None
        }
    };
    let config = &agent.host.config;
    let to = agent.host.name.clone();
    let window = window.as_ref();
    RunRecord {
        run: uuid::Uuid::now_v7().to_string(),
        started: Utc::now() - ago - AROUND,
        order: if to == config.roles.initiator.as_str() { Order::MB } else { Order::M },
        method: Method::Takeover,
        by: Some(format!("the standby of {to}")),
        from,
        to,
        radio: config.radio_to_tell(),
        relay: false,
        taken_up: false,
        outcome: Outcome::Ok,
        reason: None,
        failure: None,
        warnings,
        phases,
        total_ms,
        trace: Vec::new(),
        handover: None,
        mechanism: None,
        packets_forwarded: 0,
        held_ms: None,
        interruption: Interruption {
            by_phases_ms: Some(total_ms),
            probe_interval_ms: window.map(|window| window.interval_ms),
            probes_sent: window.map(|window| window.sent),
            probes_lost: window.map(|window| window.lost),
            by_loss_ms: window.map(|window| window.lost as f64 * window.interval_ms),
            gap_ms: window.map(|window| window.gap_ms),
        },
        rollback: None,
    }
}
