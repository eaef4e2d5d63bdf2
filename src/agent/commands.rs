//! The dispatcher: every command but an order, carried out on the work of its radio, as docs/spec.md orders their steps.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::sleep;

use super::doctor;
use super::fence_command;
use super::host::arp::Probing;
use super::participation::Reservation;
use super::probe::parse_probe;
use super::state::Agent;
use super::store;
use super::telemetry;
use super::work::{RadioClaim, Work};
use crate::metrics::probe::Prober;
use crate::migration::flow::{POD_TAKE_OVER_WITHIN, TAKE_OVER_WITHIN};
use protocol::{Answer, Command, Control, Deadline, Ended, ErrorCode, Failure, Level, SetPort, TunIp};

/// `end` waits this long for its own answer to be on its way.
const FAREWELL: Duration = Duration::from_millis(200);

/// Carries out every command but an order, unless a fault is due. `run` is the run that it is a step of.
///
/// # Errors
/// Those of the command; [`ErrorCode::Busy`] for one that would change what another run counts on.
pub(super) async fn execute(
    agent: &Arc<Agent>,
    work: &Arc<Work>,
    run: Option<String>,
    command: Command,
) -> Result<Answer, Failure> {
    agent.faults.apply(command.name(), carry_out(agent, work, run.as_deref(), command)).await
}

async fn carry_out(agent: &Arc<Agent>, work: &Arc<Work>, run: Option<&str>, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Status => telemetry::snapshot(agent).await.map(Answer::from),
        Command::Survey => {
            // Where the network cannot be asked, telemetry says why.
            let asked = work.survey().await;
            asked.or_else(|failure| if failure.code == ErrorCode::Environment { Ok(()) } else { Err(failure) })?;
            telemetry::snapshot(agent).await.map(Answer::from)
        }
        Command::Examine => doctor::examine(agent, work).await.map(Answer::from),
        Command::RecentEvents => Ok(agent.host.recent_events().into()),
        Command::GetOwner => Ok(work.owner_report().await.into()),
        Command::FenceHost { host } => fence_command::fence_host(&agent.host, &host).await.map(Answer::from),
        Command::GetTunIp => work.tun_address().await.map(|tun_ip| TunIp { tun_ip }.into()),
        Command::GetControl => work.control().await.map(Answer::from),
        Command::GetCollected { of } => work.collected_of_peer(&of).map(Answer::from),
        Command::AwaitGuest { until } => work.await_guest(until).await.map(Answer::from),
        Command::ReadImage { name, from } => work.read_image(&name, from).map(Answer::from),
        Command::Export => work.export().await.map(Answer::from),
        Command::AwaitSync { deadline_ms } => work.await_sync(Duration::from_millis(deadline_ms)).await.map(Answer::from),
        Command::ProbeStart { target, interval_ms } => {
            let (target, interval) = parse_probe(&target, interval_ms)?;
            agent.start_probe(target, interval).map(Answer::from)
        }
        Command::ProbeStop => {
            agent.stop_probe();
            Ok(Answer::Done)
        }
        Command::ProbeMark => agent.ask_probe(Prober::mark).map(Answer::from),
        Command::ProbeWindow { since } => agent.ask_probe(|probe| probe.window(since).boxed())?.await.map(Answer::from),
        Command::SetRoute { ref route_list } => {
            agent.participation.admit(run, &command)?;
            work.set_routes(route_list.clone()).await;
            Ok(Answer::Done)
        }
        Command::Reserve { run, order, executor, age_ms, lease_ms } => {
            let [age, lease] = [age_ms, lease_ms].map(Duration::from_millis);
            reserve(agent, work, Reservation { run, order, executor, age, lease }).await.map(Answer::from)
        }
        Command::Release { run } => {
            agent.participation.release(&run);
            Ok(Answer::Done)
        }
        Command::End => {
            agent.participation.admit(run, &Command::End)?;
            end(agent).await
        }
        Command::Order(_) | Command::Arm | Command::Disarm | Command::Drain | Command::Undrain => {
            Err(Failure::new(ErrorCode::Internal, "an order cannot be a step of an order"))
        }
        command => {
            let _turn = work.lock_changes().await?;
            agent.participation.admit(run, &command)?;
            let result = change(work, command).await;
            agent.host.notify_change();
            result
        }
    }
}

/// Commands that change processes or addresses; the caller holds [`Work::lock_changes`].
async fn change(work: &Arc<Work>, command: Command) -> Result<Answer, Failure> {
    if is_for_processes(&command) {
        work.require_processes()?;
    }
    match command {
        Command::StartGuest => work.start_guest().await.map(Answer::from),
        Command::PrepareGuest { accelerator } => work.prepare_guest(accelerator).await.map(Answer::from),
        Command::MigrateGuest { address, copy } => work.migrate_guest(address, copy).await.map(Answer::from),
        Command::CancelGuest => work.cancel_guest().await.map(Answer::from),
        Command::ConfirmGuest => work.confirm_guest().await.map(Answer::from),
        Command::StartD2d { control_flag, control } => {
            work.start_d2d(carried_control(control_flag, control)?).await.map(Answer::from)
        }
        Command::StartUsrp { epoch, force, despite_foreign, by_radio } => {
            work.start_usrp(RadioClaim { epoch, force, despite_foreign, by_radio }).await.map(Answer::from)
        }
        Command::MakeUsrp => work.make_usrp().await.map(Answer::from),
        Command::LinkUsrp { epoch, force, despite_foreign } => {
            work.link_usrp(RadioClaim { epoch, force, despite_foreign, by_radio: false }).await.map(Answer::from)
        }
        Command::SendHeartbeats(request) => work.send_heartbeats(request).await.map(Answer::from),
        Command::EndHeartbeats => {
            work.end_heartbeats().await;
            Ok(Answer::Done)
        }
        Command::SetOwner { epoch, owner } => work.set_owner(epoch, &owner).await.map(Answer::from),
        Command::Fence { epoch, owner } => work.fence(epoch, &owner).await.map(Answer::from),
        Command::DoubleKill => work.kill_all().await.map(Answer::from),
        Command::KillUsrp => work.kill_usrp().await.map(Answer::from),
        Command::KillD2d => work.kill_d2d().await.map(Answer::from),
        Command::SetTunIp { tun_ip } => work.set_tun_address(&tun_ip).await.map(Answer::from),
        Command::Prepare { state } => work.prepare(state).await.map(Answer::from),
        Command::Overlap { stream } => work.overlap(stream).await.map(Answer::from),
        Command::Freeze => work.freeze().await.map(Answer::from),
        Command::PreparePod => work.prepare_pod().await.map(Answer::from),
        Command::FreezePod => work.freeze_pod().await.map(Answer::from),
        Command::DumpPod => work.dump_pod().await.map(Answer::from),
        Command::CopyImages { of, images } => work.copy_images(&of, &images).await.map(Answer::from),
        Command::RestorePod => work.restore_pod().await.map(Answer::from),
        Command::ConnectPod { epoch, by } => {
            let by = by.unwrap_or_else(|| Deadline::after(POD_TAKE_OVER_WITHIN));
            work.connect_pod(epoch, by).await.map(Answer::from)
        }
        Command::TakeOver { state, mark, epoch, by } => {
            let by = by.unwrap_or_else(|| Deadline::after(TAKE_OVER_WITHIN));
            work.take_over(state, mark, epoch, by).await.map(Answer::from)
        }
        Command::Resume { epoch } => work.resume(epoch).await.map(Answer::from),
        Command::Commit { packets } => work.commit(packets).await.map(Answer::from),
        Command::SetEth3 { port: SetPort::Active } => {
            work.activate_eth3(RadioClaim::default(), Probing::CALM).await.map(|_| Answer::Done)
        }
        Command::SetEth3 { port: SetPort::Parked } => work.park_eth3().await.map(Answer::from),
        other => Err(Failure::new(ErrorCode::Internal, format!("command failed: {} is not carried out here", other.name()))),
    }
}

/// Whether a command starts, freezes or links the D2D and the USRP process.
fn is_for_processes(command: &Command) -> bool {
    matches!(
        command,
        Command::StartD2d { .. }
            | Command::StartUsrp { .. }
            | Command::MakeUsrp
            | Command::LinkUsrp { .. }
            | Command::Prepare { .. }
            | Command::Overlap { .. }
            | Command::Freeze
            | Command::TakeOver { .. }
            | Command::Commit { .. }
            | Command::SetEth3 { port: SetPort::Active }
    )
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

/// Takes part in another host's run. A change that is under way is waited for first: the run must not begin in the middle of it.
async fn reserve(agent: &Agent, work: &Work, reservation: Reservation) -> Result<(), Failure> {
    let _turn = if agent.participation.has(&reservation.run) { None } else { Some(work.lock_changes().await?) };
    agent.participation.reserve(reservation)
}

/// Ends the work because the agent ends; returns what did not work.
pub(super) async fn leave(agent: &Agent) -> Vec<String> {
    agent.host.leaving.cancel();
    let mut problems = Vec::new();
    if let Err(failure) = agent.work.kill_all_on_leaving().await {
        agent.host.event(Level::Error, format!("on leaving: {}", failure.message));
        problems.push(failure.message);
    }
    problems
}

async fn end(agent: &Arc<Agent>) -> Result<Answer, Failure> {
    if agent.order.try_lock().is_err() {
        return Err(Failure::new(ErrorCode::Busy, format!("{} is carrying out an order", agent.host.name))
            .hint("ask again when it is over"));
    }
    let warnings = leave(agent).await;
    if let Some((store, radio)) = &agent.store {
        store::tell_stopped_at_end(store, radio).await;
    }
    let stop = agent.stop.clone();
    tokio::spawn(async move {
        sleep(FAREWELL).await;
        stop.cancel();
    });
    Ok(Some(warnings).filter(|warnings| !warnings.is_empty()).map(|warnings| Ended { warnings }).into())
}
