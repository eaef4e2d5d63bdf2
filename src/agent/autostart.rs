//! Starts the workload when the agent starts, as `DSR` would; for the far end.

use std::sync::Arc;
use std::time::Duration;

use super::commands;
use super::state::Agent;
use super::work::Work;
use protocol::{Command, Failure, Level, ProcessState};

/// Between two attempts.
const RETRY: Duration = Duration::from_secs(2);

/// Starts both processes, until that works, and again when one has died by itself. What was killed by a command stays so.
pub(super) async fn run(agent: Arc<Agent>, work: Arc<Work>) {
    let mut reported = String::new();
    let mut wanted = !(work.d2d().is_running() && work.usrp().is_running());
    loop {
        if wanted || [work.d2d(), work.usrp()].iter().any(|child| child.status().state == ProcessState::Died) {
            match start(&agent, &work).await {
                Ok(()) => {
                    agent.host.event(Level::Info, "D2D and USRP were started, as the configuration asks (autostart)");
                    (wanted, reported) = (false, String::new());
                }
                Err(failure) => {
                    wanted = true;
                    let failure = failure.to_string();
                    if failure != reported {
                        let every = RETRY.as_secs();
                        agent.host.event(Level::Warning, format!("autostart: {failure}; tried again every {every} s"));
                        reported = failure;
                    }
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = agent.host.leaving.cancelled() => return,
        }
    }
}

async fn start(agent: &Arc<Agent>, work: &Arc<Work>) -> Result<(), Failure> {
    if !work.d2d().is_running() {
        commands::execute(agent, work, None, Command::StartD2d { control_flag: 0, control: None }).await?;
    }
    if work.usrp().is_running() {
        return Ok(());
    }
    let started = commands::execute(agent, work, None, Command::START_USRP).await;
    if started.is_err() {
        commands::execute(agent, work, None, Command::KillD2d).await?;
    }
    started.map(drop)
}
