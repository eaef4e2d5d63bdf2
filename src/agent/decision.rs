//! Go, cancel and hold: what is decided about the order under way here. The first decision stands.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::control::OrderControl;
use super::state::Agent;
use crate::migration::Decision;
use crate::migration::hold::HOLD_LIMIT;
use protocol::{ErrorCode, Failure, Level, OrderRequest, Progress};

/// A timer that is late by more was not waiting: this process or its machine was stopped, and nobody could be heard meanwhile.
const OVERSLEPT: Duration = Duration::from_secs(1);
/// Shortest lease of a hold.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// Tells the order under way to go on or to give up, if it still can.
///
/// # Errors
/// [`ErrorCode::State`]: that run is not under way, it is past its cut, or the other was decided before.
pub(super) fn tell_order(agent: &Agent, run: Option<&str>, decision: Decision) -> Result<(), Failure> {
    let state = agent.state();
    let host = &agent.host.name;
    let control = required(host, state.control.as_ref(), state.progress.as_ref(), run)?;
    let progress = state.progress.as_ref().filter(|progress| progress.run == control.run);
    let order = progress.map_or_else(|| "the order".to_owned(), |progress| progress.order.to_string());
    let refused = |text: String| Failure::new(ErrorCode::State, text).hint("watch it to its end; the record says who serves");
    let decided = *control.decision.borrow();
    if decided != Decision::None {
        // A second word of the same is no other one, unless it may be meant for another run.
        if decided == decision && run.is_some() {
            return Ok(());
        }
        return Err(refused(match decided {
            Decision::Go => format!("{order} on {host} was told to go before, and that stands"),
            Decision::Cancel => format!("{order} on {host} was cancelled before, and that stands"),
            _ => format!("{order} on {host} is being given up already"),
        }));
    }
    if let Some(progress) = progress.filter(|progress| !progress.is_before_cut()) {
        let what = if decision == Decision::Go { "waits for go no longer" } else { "cannot be cancelled any more" };
        return Err(refused(format!("{order} on {host} {what}: {}", progress.now)));
    }
    if decision == Decision::Go && !control.holds {
        return Err(refused(format!("{order} on {host} does not wait for go: it was ordered without hold")));
    }
    control.decide(decision);
    Ok(())
}

/// The control of the run that is meant.
fn required<'a>(
    host: &str,
    control: Option<&'a OrderControl>,
    last: Option<&Progress>,
    run: Option<&str>,
) -> Result<&'a OrderControl, Failure> {
    let none = |text: String| Failure::new(ErrorCode::State, text);
    match (control, run) {
        (None, None) => Err(none(format!("{host} is carrying out no order"))),
        (Some(control), None) => Ok(control),
        (Some(control), Some(run)) if control.run == run => Ok(control),
        (_, Some(run)) => Err(match last.filter(|last| last.run == run && last.finished) {
            Some(last) => none(format!("the run {run} ({}) on {host} is over: {}", last.order, last.now)),
            None => none(format!("the run {run} is not under way on {host}: nothing was decided")),
        }
        .hint("`baton status` shows what is under way, `baton runs` how runs have ended")),
    }
}

/// Whoever asked for a hold is still there.
///
/// # Errors
/// [`ErrorCode::State`]: that run is not under way.
pub(super) fn renew_hold(agent: &Agent, run: &str) -> Result<(), Failure> {
    let state = agent.state();
    let control = required(&agent.host.name, state.control.as_ref(), state.progress.as_ref(), Some(run))?;
    control.heard.send_replace(Instant::now());
    Ok(())
}

/// Gives a hold up whose asker is not heard any more; nothing where the asker wants no lease.
pub(super) fn watch_asker(agent: &Arc<Agent>, request: &OrderRequest) -> Option<JoinHandle<()>> {
    let lease = Duration::from_millis(request.lease_ms.filter(|_| request.hold)?).clamp(SHORTEST_LEASE, HOLD_LIMIT);
    let control = agent.state().control.clone()?;
    control.heard.send_replace(Instant::now());
    let (agent, by) = (Arc::clone(agent), request.by.clone().unwrap_or_else(|| "nobody known".into()));
    Some(tokio::spawn(async move {
        until_silent(&control.heard, lease).await;
        if control.decide(Decision::AskerGone) {
            let text = format!("{by} asked for a hold and has not been heard for {} s: it is given up", lease.as_secs());
            agent.host.event(Level::Warning, text);
        }
    }))
}

async fn until_silent(heard: &watch::Sender<Instant>, lease: Duration) {
    loop {
        let ends = *heard.borrow() + lease;
        sleep_until(ends).await;
        if ends.elapsed() > OVERSLEPT {
            heard.send_replace(Instant::now());
        } else if *heard.borrow() + lease <= Instant::now() {
            return;
        }
    }
}

/// Gives the order up that is under way here, where it still can be, because this agent is to end.
pub(super) fn give_up_for_stop(agent: &Agent) {
    let state = agent.state();
    let Some(control) = &state.control else { return };
    let known = state.progress.as_ref().filter(|progress| progress.run == control.run);
    if known.is_none_or(Progress::is_before_cut) {
        control.decide(Decision::AgentStops);
    }
}
