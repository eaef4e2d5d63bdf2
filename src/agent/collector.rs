//! Collects the control variables and routes of the running D2D process, every ten seconds and when it comes into sync.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command as Process;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::commands;
use super::memory;
use super::state::Agent;
use config::CommandLine;
use protocol::{Control, ErrorCode, Failure, Level, Route};
use workload::contract::Ask;

/// A process that is asked for what it knows answers at once.
const ANSWER: Duration = Duration::from_secs(1);
/// A program that prints control variables only reads a file or two.
const COMMAND: Duration = Duration::from_secs(2);
/// Shortest interval, so that a zero in the configuration does not keep the process busy.
const SHORTEST: Duration = Duration::from_millis(100);

/// A relay that still probes is asked this often: a migration must not miss the routes by a whole interval.
const PROBING: Duration = Duration::from_secs(1);

/// Collects until the agent ends.
pub async fn run(agent: Arc<Agent>) {
    let mut ticks = interval(agent.workload().collect_interval.max(SHORTEST));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = sleep(PROBING), if agent.is_probing() => {}
            () = agent.collect.notified() => ticks.reset(),
            () = agent.stop.cancelled() => return,
        }
        let tells = agent.d2d.has_contract() || agent.workload().control_command.is_some();
        if !tells || !agent.d2d.is_running() {
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

/// What a D2D program without a contract socket says of itself by another program.
async fn control_command(command: &CommandLine, environment: Vec<(&str, String)>) -> Result<Control, Failure> {
    let failed = |what: String| {
        Failure::new(ErrorCode::Workload, format!("workload.control_command ({command}) {what}"))
            .hint("it must print the control variables as one JSON object; docs/workload.md has an example")
    };
    let run = Process::new(command.program())
        .args(command.arguments())
        .envs(environment)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(COMMAND, run).await.map_err(|_| failed(format!("did not end within {} s", COMMAND.as_secs())))?;
    let output = output.map_err(|error| failed(format!("can not be run: {error}")))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("failed ({}): {}", output.status, words.trim())));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(format!("printed no JSON object: {error}")))
}

/// Asks once.
///
/// # Errors
/// Those of asking; [`ErrorCode::Workload`] when the answer is not in the contract's form.
pub async fn collect(agent: &Agent) -> Result<(), Failure> {
    let control = if agent.d2d.has_contract() {
        match agent.d2d.ask(Ask::GetControl, ANSWER).await? {
            Value::Object(control) => control,
            _ => return Err(Failure::new(ErrorCode::Workload, "the D2D process answered get_control in a form that is none")),
        }
    } else {
        let Some(command) = &agent.workload().control_command else {
            return Err(Failure::new(
                ErrorCode::Workload,
                "the D2D process has no contract socket, and the workload no control_command",
            ));
        };
        control_command(command, commands::environment(agent, None)?).await?
    };
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
        } else if unknown {
            let told = agent.workload().meanings.iter();
            collected.meanings = told.map(|(name, meaning)| (name.clone(), Value::from(meaning.as_str()))).collect();
        }
        collected.at = Some(Instant::now());
    }
    agent.changed.notify_one();
    memory::keep(agent).await;
    Ok(())
}
