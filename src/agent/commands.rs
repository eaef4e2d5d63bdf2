//! The dispatcher: every command but an order, carried out on the work of its radio, as docs/spec.md orders their steps.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::state::Agent;
use super::telemetry;
use super::work::{RadioClaim, Work};
use crate::metrics::probe::Prober;
use protocol::{Command, Control, ErrorCode, Failure, Level, SetPort, TunIp};

/// `end` waits this long for its own answer to be on its way.
const FAREWELL: Duration = Duration::from_millis(200);

/// Carries out every command but an order, unless a fault is due.
///
/// # Errors
/// Those of the command.
pub(super) async fn execute(agent: &Arc<Agent>, work: &Arc<Work>, command: Command) -> Result<Value, Failure> {
    agent.faults.apply(command.name(), carry_out(agent, work, command)).await
}

async fn carry_out(agent: &Arc<Agent>, work: &Arc<Work>, command: Command) -> Result<Value, Failure> {
    match command {
        Command::Status => value(telemetry::snapshot(agent, work).await?),
        Command::GetTunIp => value(TunIp { tun_ip: work.tun_address().await? }),
        Command::GetControl => value(work.control().await?),
        Command::GetCollected { of } => value(work.collected_of_peer(&of)?),
        Command::Export => value(work.export().await?),
        Command::AwaitSync { deadline_ms } => value(work.await_sync(Duration::from_millis(deadline_ms)).await?),
        Command::ProbeStart { target, interval_ms } => agent.start_probe(&target, interval_ms).map(|()| Value::Null),
        Command::ProbeStop => {
            agent.stop_probe();
            Ok(Value::Null)
        }
        Command::ProbeMark => value(agent.ask_probe(Prober::mark)?),
        Command::ProbeWindow { since } => {
            let window = agent.ask_probe(|probe| probe.window(since).boxed())?;
            value(window.await?)
        }
        Command::SetRoute { route_list } => {
            work.set_routes(route_list).await;
            Ok(Value::Null)
        }
        Command::End => end(agent).await,
        Command::Order(_) => Err(Failure::new(ErrorCode::Internal, "an order cannot be a step of an order")),
        command => {
            let _turn = work.lock_changes().await?;
            let result = change(work, command).await;
            agent.host.notify_change();
            result
        }
    }
}

/// Commands that change processes or addresses; the caller holds [`Work::lock_changes`].
async fn change(work: &Arc<Work>, command: Command) -> Result<Value, Failure> {
    match command {
        Command::StartD2d { control_flag, control } => value(work.start_d2d(carried_control(control_flag, control)?).await?),
        Command::StartUsrp { epoch, force } => value(work.start_usrp(RadioClaim { epoch, force }).await?),
        Command::MakeUsrp => value(work.make_usrp().await?),
        Command::LinkUsrp { epoch, force } => value(work.link_usrp(RadioClaim { epoch, force }).await?),
        Command::Fence { epoch, owner } => work.fence(epoch, &owner).await.map(|()| Value::Null),
        Command::DoubleKill => work.kill_all().await?.map_or(Ok(Value::Null), value),
        Command::KillUsrp => work.kill_usrp().await.map(|()| Value::Null),
        Command::KillD2d => work.kill_d2d().await.map(|()| Value::Null),
        Command::SetTunIp { tun_ip } => work.set_tun_address(&tun_ip).await.map(|()| Value::Null),
        Command::Prepare { state } => value(work.prepare(state).await?),
        Command::Overlap { stream } => value(work.overlap(stream).await?),
        Command::Freeze => value(work.freeze().await?),
        Command::TakeOver { state, mark, epoch } => value(work.take_over(state, mark, epoch).await?),
        Command::Resume { epoch } => work.resume(epoch).await.map(|()| Value::Null),
        Command::Commit { packets } => work.commit(packets).await.map(|()| Value::Null),
        Command::SetEth3 { port: SetPort::Active } => work.activate_eth3(RadioClaim::default()).await.map(|_| Value::Null),
        Command::SetEth3 { port: SetPort::Parked } => work.park_eth3().await.map(|()| Value::Null),
        other => Err(Failure::new(ErrorCode::Internal, format!("command failed: {} is not carried out here", other.name()))),
    }
}

fn value(result: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(result).map_err(|e| Failure::new(ErrorCode::Internal, format!("the result has no JSON form: {e}")))
}

/// The control variables with which `start_d2d` is to start the D2D process.
fn carried_control(control_flag: u8, control: Option<Control>) -> Result<Option<Control>, Failure> {
    let bad = |message: &str| Err(Failure::new(ErrorCode::BadRequest, message));
    match (control_flag, control) {
        (0, _) => Ok(None),
        (1, Some(control)) => Ok(Some(control)),
        (1, None) => bad("start_d2d with control_flag 1 needs Control"),
        _ => bad("control_flag is 0 or 1"),
    }
}

/// Ends all works because the agent ends; returns what did not work.
pub(super) async fn leave(agent: &Agent) -> Vec<String> {
    agent.host.leaving.cancel();
    let mut problems = Vec::new();
    for work in agent.works() {
        if let Err(failure) = work.kill_all_on_leaving().await {
            agent.host.event(Level::Error, format!("on leaving: {}", failure.message));
            problems.push(failure.message);
        }
    }
    problems
}

async fn end(agent: &Arc<Agent>) -> Result<Value, Failure> {
    if agent.order.try_lock().is_err() {
        return Err(Failure::new(ErrorCode::Busy, format!("{} is carrying out an order", agent.host.name))
            .hint("ask again when it is over"));
    }
    let warnings = leave(agent).await;
    let stop = agent.stop.clone();
    tokio::spawn(async move {
        sleep(FAREWELL).await;
        stop.cancel();
    });
    Ok(if warnings.is_empty() { Value::Null } else { json!({ "warnings": warnings }) })
}
