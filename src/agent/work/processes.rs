//! Starting the two processes, with what they need to know.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Work;
use super::children::Start;
use super::failures::in_context;
use super::radio_step::RadioStep;
use crate::link::server::runtime_folder;
use protocol::{Control, ControlValues, ErrorCode, Failure, Level, Route, Started, SyncState};
use workload::contract::{Ask, ENV_CONTROL, ENV_RADIO, ENV_SAMPLES, ENV_SETTINGS, ENV_TERMINALS, ENV_TUN};

/// Writing routes is a copy.
const ROUTES: Duration = Duration::from_secs(2);

/// A small file is on a disk that works within this.
const KEPT: Duration = Duration::from_millis(300);

impl Work {
    /// Starts the D2D process, with control variables of another host if there are any.
    ///
    /// # Errors
    /// Those of starting it and of writing the routes into it.
    pub(in crate::agent) async fn start_d2d(&self, control: Option<Control>) -> Result<Started, Failure> {
        let workload = self.workload();
        let environment = self.environment(control.as_ref())?;
        let start = Start { command: &workload.d2d, workload, environment, pod: self.ensure_pod().await? };
        if !self.d2d.is_running() {
            let collected = &mut self.state().collected;
            collected.at = control.as_ref().map(|_| Instant::now());
            collected.values = ControlValues { control: control.unwrap_or_default(), route_list: Vec::new() };
        }
        let pid = self.d2d.start(start).await?;
        let written = self.write_routes().await;
        self.keep().await;
        written?;
        self.collect_now.notify_one();
        Ok(Started { pid })
    }

    /// Stores routes for the next start of the D2D process.
    pub(in crate::agent) async fn set_routes(&self, routes: Vec<Route>) {
        self.state().routes_to_set = routes;
        self.keep().await;
        // Whoever gave them takes them for kept. Nothing of a cut waits for this, and a disk that hangs is waited for no longer.
        self.host.flush_state(KEPT).await;
    }

    /// Writes the routes that were carried over into the D2D process, once.
    async fn write_routes(&self) -> Result<(), Failure> {
        let routes: Vec<Route> = std::mem::take(&mut self.state().routes_to_set);
        if routes.is_empty() {
            return Ok(());
        }
        let count = routes.len();
        match self.d2d.ask(Ask::SetRoutes { route_list: routes.clone() }, ROUTES).await {
            Ok(_) => {
                self.state().collected.values.route_list = routes;
                self.host.event(Level::Info, format!("{count} routes were written into the D2D process"));
                Ok(())
            }
            Err(failure) => {
                // A relay that does not know its routes must not take over; the caller may send them again.
                self.state().routes_to_set = routes;
                self.d2d.kill().await?;
                Err(in_context("the routes could not be written into the D2D process", failure))
            }
        }
    }

    /// Starts the USRP process, without a link.
    ///
    /// # Errors
    /// Those of starting it.
    pub(in crate::agent) async fn make_usrp(&self) -> Result<Started, Failure> {
        let workload = self.workload();
        let environment = self.environment(None)?;
        let start = Start { command: &workload.usrp, workload, environment, pod: self.ensure_pod().await? };
        self.usrp.start(start).await.map(|pid| Started { pid })
    }

    /// Waits until the D2D process is in sync.
    ///
    /// # Errors
    /// [`ErrorCode::Deadline`] when it is not by then, [`ErrorCode::Process`] when one of the processes ends, [`ErrorCode::State`] when it
    /// does not run.
    pub(in crate::agent) async fn await_sync(&self, deadline: Duration) -> Result<SyncState, Failure> {
        let sync = self.d2d.await_sync(deadline).await?;
        // For a moment a process that was just killed still counts as running, and its last report was that all is well.
        match [&self.d2d, &self.usrp].into_iter().find(|child| child.has_died()) {
            Some(dead) => Err(Failure::new(ErrorCode::Process, format!("the {} process has died", dead.name()))),
            None => Ok(sync),
        }
    }

    /// libuhd's steps for this radio.
    pub(super) fn radio_step(&self) -> Result<RadioStep, Failure> {
        let radio = self.radio()?.clone();
        Ok(RadioStep { workload: self.workload().clone(), radio, radio_json: self.radio_json()?, network: self.pod_network() })
    }

    fn radio_json(&self) -> Result<String, Failure> {
        serde_json::to_string(self.radio()?)
            .map_err(|e| Failure::new(ErrorCode::Internal, format!("the radio's parameters have no JSON form: {e}")))
    }

    /// The workload's own control variables: the cluster's, overlaid with this host's.
    pub(super) fn own_control(&self) -> Result<Control, Failure> {
        let pairs = self.workload().control.iter().chain(&self.settings().control);
        pairs
            .map(|(name, value)| match serde_json::to_value(value) {
                Ok(value) => Ok((name.clone(), value)),
                Err(e) => Err(Failure::new(ErrorCode::Config, format!("the control variable {name} has no JSON form: {e}"))),
            })
            .collect()
    }

    /// Environment variables of the contract, the socket's left out.
    pub(super) fn environment(&self, control: Option<&Control>) -> Result<Vec<(&'static str, String)>, Failure> {
        let config = &self.host.config;
        let folder = match &self.pod {
            None => runtime_folder(config, &self.host.name)?,
            Some(pod) => pod.at.clone(),
        };
        let samples = folder.join("samples.sock");
        let mut environment = vec![
            (ENV_SAMPLES, samples.display().to_string()),
            (ENV_RADIO, self.radio_json()?),
            (ENV_TUN, self.settings().tun.to_string()),
            (ENV_SETTINGS, Value::Object(self.own_control()?).to_string()),
        ];
        if !config.terminals.is_empty() {
            let list: Vec<String> = config.terminals.iter().map(ToString::to_string).collect();
            environment.push((ENV_TERMINALS, Value::from(list).to_string()));
        }
        environment.extend(control.map(|control| (ENV_CONTROL, Value::Object(control.clone()).to_string())));
        Ok(environment)
    }
}
