//! Performs the engine's effects against agents, times them, and keeps the record.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::Agents;
use super::decision::Decision;
use super::engine;
use super::flow::{MARGIN, deadline};
use super::hold;
use super::plan;
use super::setting::Setting;
use super::state::{Effect, Event, State};
use crate::metrics::records;
use config::Config;
use protocol::{Answer, Command, Deadline, ErrorCode, Failure, GuestMoment, OrderRequest, Progress, RunRecord};

/// How often a long step reports how long it has taken so far: as often as telemetry is published.
const TICK: Duration = Duration::from_millis(100);
/// A disk that takes longer hangs.
const DISK: Duration = Duration::from_secs(2);

/// Carries out an operator's order and returns its record, which is then already on disk (`<records>/runs.jsonl`): the caller must
/// not write it again. Never fails: a failure is an outcome, and a record that could not be written is a warning in it.
///
/// `decisions` holds what was decided about the order while it is under way.
/// `on_progress` is called at every change and ten times a second during a long step; it must not block. The last call has
/// `finished` and the record. Only one order may be carried out at a time; refusing a second one is the caller's task.
pub async fn carry_out(
    request: &OrderRequest,
    config: &Config,
    agents: &impl Agents,
    mut decisions: watch::Receiver<Decision>,
    mut on_progress: impl FnMut(&Progress) + Send,
) -> RunRecord {
    let run = request.run.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let mut setting = Setting::new(run, Utc::now(), request, config);
    if request.budget_ms.is_some() {
        setting.expected = plan::plan(request, config, &history(request, config).await).interruption;
    }
    follow(engine::begin(setting), config, agents, &mut decisions, &mut on_progress).await
}

/// Brings a migration to its end that the caller's own earlier life began and did not finish: what is left of it is done where the destination
/// serves, otherwise the service goes back. As [`carry_out`]. `tun_before` is the address that the destination's tun had before the order.
pub async fn bring_to_an_end(
    request: &OrderRequest,
    started: DateTime<Utc>,
    tun_before: String,
    config: &Config,
    agents: &impl Agents,
    mut decisions: watch::Receiver<Decision>,
    mut on_progress: impl FnMut(&Progress) + Send,
) -> RunRecord {
    let run = request.run.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let setting = Setting::new(run, started, request, config);
    follow(engine::take_up(setting, tun_before), config, agents, &mut decisions, &mut on_progress).await
}

async fn follow(
    (mut state, mut effect): (State, Effect),
    config: &Config,
    agents: &impl Agents,
    decisions: &mut watch::Receiver<Decision>,
    mut on_progress: impl FnMut(&Progress) + Send,
) -> RunRecord {
    // Both at the same moment: a time of the engine's becomes a deadline that another process can look at.
    let (clock, began) = (Instant::now(), Deadline::after(Duration::ZERO));
    loop {
        on_progress(&state.progress(clock.elapsed()));
        let result = match effect {
            Effect::Request { host, mut command } => {
                if let Command::TakeOver { by, .. } | Command::ConnectPod { by, .. } = &mut command {
                    *by = state.take_over_by().map(|time| began.plus(time));
                }
                let tick = || on_progress(&state.progress(clock.elapsed()));
                match command {
                    Command::AwaitGuest { until: GuestMoment::Stopped } => {
                        ask_or_cancel(agents, &host, command, decisions.clone(), tick).await
                    }
                    command => ask(agents, &host, command, tick).await,
                }
            }
            Effect::Reserve { to, above } => agents.reserve(&to, above).await.map(|epoch| {
                epoch.into_iter().for_each(|epoch| state.may_take(epoch));
                Answer::Done
            }),
            Effect::Wait(time) => {
                tokio::time::sleep(time).await;
                Ok(Answer::Done)
            }
            Effect::AwaitGo(limit) => wait_for_go(decisions, limit).await,
            Effect::End(record) => return over(*record, &state, agents, &config.records, on_progress).await,
        };
        let decision = *decisions.borrow();
        (state, effect) = engine::step(state, Event { at: clock.elapsed(), result, decision });
    }
}

/// How far back the records are read for a plan, bytes: years of orders by hand.
const READ_BACK: u64 = 16 << 20;

/// The records of this host that say how long an order takes, oldest first; none where they cannot be read, which is no reason not to migrate.
pub async fn history(request: &OrderRequest, config: &Config) -> Vec<RunRecord> {
    let (folder, same) = (config.records.clone(), plan::same_order(request, config));
    let reading = tokio::task::spawn_blocking(move || records::latest(&folder, plan::RUNS, READ_BACK, same));
    timeout(DISK, reading).await.ok().and_then(Result::ok).and_then(Result::ok).unwrap_or_default().runs
}

async fn wait_for_go(decisions: &mut watch::Receiver<Decision>, limit: Duration) -> Result<Answer, Failure> {
    let decided = timeout(limit, decisions.wait_for(|decision| *decision != Decision::None)).await;
    match decided.map(|decided| decided.map(|decision| *decision)) {
        Ok(Ok(Decision::Go)) => Ok(Answer::Done),
        Ok(Ok(decision)) => Err(decision.failure().unwrap_or_else(hold::forgotten)),
        // The time is over, or nobody is left who could say go.
        Err(_) | Ok(Err(_)) => Err(hold::forgotten()),
    }
}

/// Asks a host, calling `tick` while it works, and gives up by itself on one that keeps no deadline.
async fn ask(agents: &impl Agents, host: &str, command: Command, mut tick: impl FnMut() + Send) -> Result<Answer, Failure> {
    let (name, deadline) = (command.name(), deadline(&command));
    let answer = timeout(deadline + MARGIN, agents.request(host, command, deadline));
    tokio::pin!(answer);
    let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer.unwrap_or_else(|_| {
                Err(Failure::new(ErrorCode::Deadline, format!("{host} did not answer {name} within {} s", deadline.as_secs_f64()))
                    .hint(format!("look at the log of the agent on {host}")))
            }),
            _ = ticks.tick() => tick(),
        }
    }
}

/// Waits until the order is given up; false when nobody is left who could.
async fn given_up(decisions: &mut watch::Receiver<Decision>) -> bool {
    decisions.wait_for(|decision| decision.failure().is_some()).await.is_ok()
}

/// As [`ask`]; a source that copies its guest is told when the order is given up meanwhile, which ends the waiting.
async fn ask_or_cancel(
    agents: &impl Agents,
    host: &str,
    command: Command,
    mut decisions: watch::Receiver<Decision>,
    tick: impl FnMut() + Send,
) -> Result<Answer, Failure> {
    let waiting = ask(agents, host, command, tick);
    tokio::pin!(waiting);
    tokio::select! {
        biased;
        answer = &mut waiting => return answer,
        decided = given_up(&mut decisions) => if !decided {
            // Nobody is left who could give it up.
            return waiting.await;
        },
    }
    // Whether it was still in time, the answer to the first question says.
    let _ = ask(agents, host, Command::CancelGuest, || {}).await;
    waiting.await
}

/// Writes a record down, unless the disk hangs: the service does not wait for that.
///
/// # Errors
/// [`ErrorCode::Io`] with what could not be written where.
pub async fn write_record(folder: &Path, record: &RunRecord) -> Result<(), Failure> {
    let (path, copy) = (folder.to_owned(), record.clone());
    let writing = tokio::task::spawn_blocking(move || records::append(&path, &copy));
    match timeout(DISK, writing).await {
        Ok(Ok(written)) => written,
        Ok(Err(e)) => Err(Failure::new(ErrorCode::Internal, format!("writing the record failed: {e}"))),
        Err(_) => {
            let text = format!(
                "the record {} was not written to {} within {} s: the disk hangs",
                record.run,
                folder.display(),
                DISK.as_secs()
            );
            Err(Failure::new(ErrorCode::Io, text).hint("look at the disk and its mount; the order itself is not affected"))
        }
    }
}

/// Writes the record, then tells that the order is over.
async fn over(
    mut record: RunRecord,
    state: &State,
    agents: &impl Agents,
    folder: &Path,
    mut on_progress: impl FnMut(&Progress) + Send,
) -> RunRecord {
    if let Err(failure) = write_record(folder, &record).await {
        record.warnings.push(match failure.hint {
            Some(hint) => format!("{}: {hint}.", failure.message),
            None => format!("{}.", failure.message),
        });
    }
    // Whoever hears that it is over may order something else at once.
    agents.release().await;
    let mut last = state.progress(Duration::ZERO);
    last.now = record.reason.clone().unwrap_or_else(|| "done".into());
    last.finished = true;
    last.record = Some(record.clone());
    on_progress(&last);
    record
}
