//! Collects the control variables and routes of the running D2D process, every ten seconds and when it comes into sync.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::state::Agent;
use crate::protocol::{ErrorCode, Failure, Level, Route};
use crate::workload::contract::Ask;

/// A process that is asked for what it knows answers at once.
const ANSWER: Duration = Duration::from_secs(1);
/// Shortest interval, so that a zero in the configuration does not keep the process busy.
const SHORTEST: Duration = Duration::from_millis(100);

/// Collects until the agent ends.
pub async fn run(agent: Arc<Agent>) {
    let wanted = Duration::try_from_secs_f64(agent.config.workload.collect_interval_s).unwrap_or(SHORTEST);
    let mut ticks = interval(wanted.max(SHORTEST));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = agent.collect.notified() => ticks.reset(),
            () = agent.stop.cancelled() => return,
        }
        if !agent.d2d.has_contract() {
            continue;
        }
        let problem = collect(&agent).await.err().map(|failure| failure.message);
        // A process that was killed meanwhile is no news.
        if let Some(text) = problem.as_ref().filter(|_| agent.d2d.is_running() && problem != said) {
            agent.event(Level::Warning, format!("the control variables were not collected: {text}"));
        }
        said = problem;
    }
}

/// Asks once.
///
/// # Errors
/// Those of asking; [`ErrorCode::Workload`] when the answer is not in the contract's form.
pub async fn collect(agent: &Agent) -> Result<(), Failure> {
    let form = |what: &str| Failure::new(ErrorCode::Workload, format!("the D2D process answered {what} in a form that is none"));
    let control = agent.d2d.ask(Ask::GetControl, ANSWER).await?;
    let Value::Object(control) = control else { return Err(form("get_control")) };
    // Programs without routes or meanings are none the worse.
    let routes: Option<Vec<Route>> =
        agent.d2d.ask(Ask::GetRoutes, ANSWER).await.ok().and_then(|routes| serde_json::from_value(routes).ok());
    let unknown = agent.state().collected.meanings.is_empty();
    let meanings = if unknown { agent.d2d.ask(Ask::Describe, ANSWER).await.ok() } else { None };
    {
        let collected = &mut agent.state().collected;
        collected.control = control;
        collected.routes = routes.unwrap_or_default();
        if let Some(Value::Object(meanings)) = meanings {
            collected.meanings = meanings;
        }
        collected.at = Some(Instant::now());
    }
    agent.changed.notify_one();
    Ok(())
}
