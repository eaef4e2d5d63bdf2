//! Collects the control variables and routes of the running D2D process: at intervals, and when it comes into sync.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::Work;
use crate::mover::confine::confine;
use config::{CommandLine, Workload};
use protocol::{Control, ControlValues, ErrorCode, Failure, Level, Route};
use workload::contract::Ask;

/// A process that is asked for what it knows answers at once.
const ANSWER: Duration = Duration::from_secs(1);
/// A program that prints control variables only reads a file or two.
const COMMAND: Duration = Duration::from_secs(2);
/// Shortest interval, so that a zero in the configuration does not keep the process busy.
const SHORTEST: Duration = Duration::from_millis(100);
/// A relay that does not know all routes yet is asked this often: a migration must not miss the routes by a whole interval.
const DISCOVERING: Duration = Duration::from_secs(1);

impl Work {
    /// Collects until the agent ends.
    pub(in crate::agent) async fn run_collector(self: Arc<Self>) {
        let mut ticks = interval(self.workload().collect_interval.max(SHORTEST));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = sleep(DISCOVERING), if self.discovers_routes() => {}
                () = self.collect_now.notified() => ticks.reset(),
                () = self.host.leaving.cancelled() => return,
            }
            if !self.tells_control() || !self.d2d.is_running() {
                continue;
            }
            let problem = self.collect().await.err().map(|failure| failure.message);
            // A process that was killed meanwhile is not worth a line.
            if let Some(text) = problem.as_ref().filter(|_| self.d2d.is_running() && problem != reported) {
                self.host.event(Level::Warning, format!("the control variables were not collected: {text}"));
            }
            reported = problem;
        }
    }

    /// Whether the D2D program has a way to tell its control variables.
    fn tells_control(&self) -> bool {
        self.d2d.has_contract() || self.workload().control_command.is_some()
    }

    /// Whether the D2D process is one of several terminals and does not know the routes to all of them yet.
    fn discovers_routes(&self) -> bool {
        let others = self.host.config.terminals.len().saturating_sub(1);
        self.d2d.is_running() && self.state().collected.values.route_list.len() < others
    }

    /// The control variables and routes, collected now if they never were.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when the D2D process does not run, and those of collecting.
    pub(in crate::agent) async fn control(&self) -> Result<ControlValues, Failure> {
        if self.state().collected.at.is_none() {
            let running = self.d2d.is_running();
            if running && self.tells_control() {
                self.collect().await?;
            } else if running {
                // A program that does not tell runs with what it was started with.
                let control = self.own_control()?;
                let collected = &mut self.state().collected;
                (collected.values.control, collected.at) = (control, Some(Instant::now()));
            } else {
                return Err(Failure::new(
                    ErrorCode::State,
                    format!("no control variables were collected on {}: the D2D process does not run", self.host.name),
                )
                .hint("start it first"));
            }
        }
        Ok(self.state().collected.values.clone())
    }

    /// Collects once.
    ///
    /// # Errors
    /// Those of asking; [`ErrorCode::Workload`] when the answer is not in the contract's form.
    async fn collect(&self) -> Result<(), Failure> {
        let control = if self.d2d.has_contract() {
            match self.d2d.ask(Ask::GetControl, ANSWER).await? {
                Value::Object(control) => control,
                _ => {
                    return Err(Failure::new(ErrorCode::Workload, "the D2D process answered get_control with no JSON object"));
                }
            }
        } else {
            let Some(command) = &self.workload().control_command else {
                return Err(Failure::new(
                    ErrorCode::Workload,
                    "the D2D process has no contract socket, and the workload no control_command",
                ));
            };
            run_control_command(command, self.workload(), self.environment(None)?).await?
        };
        // A program need not know routes or meanings.
        let routes: Option<Vec<Route>> =
            self.d2d.ask(Ask::GetRoutes, ANSWER).await.ok().and_then(|routes| serde_json::from_value(routes).ok());
        let unknown = self.state().collected.meanings.is_empty();
        let meanings = if unknown { self.d2d.ask(Ask::Describe, ANSWER).await.ok() } else { None };
        {
            let collected = &mut self.state().collected;
            collected.values = ControlValues { control, route_list: routes.unwrap_or_default() };
            if let Some(Value::Object(meanings)) = meanings {
                collected.meanings = meanings;
            } else if unknown {
                let configured = self.workload().meanings.iter();
                collected.meanings = configured.map(|(name, meaning)| (name.clone(), Value::from(meaning.as_str()))).collect();
            }
            collected.at = Some(Instant::now());
        }
        self.host.notify_change();
        self.keep().await;
        Ok(())
    }
}

/// Runs the program that prints the control variables of a D2D program without a contract socket.
async fn run_control_command(
    command: &CommandLine,
    workload: &Workload,
    environment: Vec<(&str, String)>,
) -> Result<Control, Failure> {
    let failed = |what: String| {
        Failure::new(ErrorCode::Workload, format!("workload.control_command ({command}) {what}"))
            .hint("it must print the control variables as one JSON object; docs/workload.md has an example")
    };
    let mut run = Command::new(command.program());
    confine(&mut run, workload);
    run.args(command.arguments()).envs(environment).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(COMMAND, run.output()).await.map_err(|_| failed(format!("did not end within {} s", COMMAND.as_secs())))?;
    let output = output.map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("failed ({}): {}", output.status, text.trim())));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(format!("printed no JSON object: {error}")))
}
