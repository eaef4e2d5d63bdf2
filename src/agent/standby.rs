//! The armed standby: whether this host follows the one that serves, and what is done when it has taken over.
//!
//! The processes take over by themselves, in milliseconds (docs/standby.md). Here is what may take its time.

mod arm;
mod taken_over;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::followable::{is_of_the_pool, require_followable, too_often};
use super::host::alarms::Concern;
use super::state::Agent;
use super::work::Work;
use crate::migration::standing::is_in_service;
use config::StandbyPolicy;
use protocol::{Command, ErrorCode, Failure, FollowStatus, Level, Order, ProcessState, StandbyState, SyncState, ask};

/// Between two looks whether there is somebody to follow.
const LOOK: Duration = Duration::from_millis(500);
/// After an arming that failed; twice as long after each further one, up to a minute: it starts processes.
const AGAIN: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// An agent answers `status` at once.
const ANSWER: Duration = Duration::from_secs(2);
/// At most one take-over in so long.
const CALM: Duration = Duration::from_secs(10);

/// Follows whenever that is wanted, and deals with take-overs, until the agent ends; does nothing on a host outside the pool.
pub(super) async fn run(agent: Arc<Agent>, work: Arc<Work>) {
    if !is_of_the_pool(&agent) {
        return;
    }
    if agent.host.config.standby.policy == StandbyPolicy::Armed {
        match require_followable(&agent) {
            Ok(()) => work.want_standby(true),
            Err(failure) => agent.host.event(Level::Warning, format!("policy = \"armed\" has no effect: {failure}")),
        }
    }
    let (mut news, mut rest, mut again) = (work.standby_news(), Duration::ZERO, Instant::now());
    loop {
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = news.changed() => {}
            () = agent.stop.cancelled() => return,
        }
        if let Some(took_over) = work.new_takeover() {
            taken_over::deal_with(&agent, &work, took_over);
        }
        if let Err(failure) = tidy(&agent, &work).await {
            agent.host.event(Level::Warning, format!("what followed on {} was not ended: {failure}", agent.host.name));
        }
        if Instant::now() < again {
            continue;
        }
        match follow(&agent, &work).await {
            Ok(()) => rest = Duration::ZERO,
            Err(failure) => {
                if work.standby_waits(Some(failure.message.clone())) {
                    agent.host.event(Level::Warning, format!("{} does not follow as a standby: {failure}", agent.host.name));
                }
                rest = (rest * 2).clamp(AGAIN, LONGEST);
                again = Instant::now() + rest;
            }
        }
    }
}

/// Ends a standby that has nobody to follow any more, or has lost a process of its own.
async fn tidy(agent: &Arc<Agent>, work: &Arc<Work>) -> Result<(), Failure> {
    // Who arms or stands down tidies up.
    if work.arming.try_lock().is_err() {
        return Ok(());
    }
    let died = || [work.d2d(), work.usrp()].iter().any(|child| child.status().state == ProcessState::Died);
    match work.follow_state() {
        Some(StandbyState::StoodDown) => {
            agent.host.event(Level::Info, format!("the work that {} followed has ended in order", agent.host.name));
            stand_down(agent, work, None).await
        }
        Some(StandbyState::Waiting | StandbyState::Armed) if died() => stand_down(agent, work, None).await,
        Some(StandbyState::Waiting) if is_deaf(agent, work).await => {
            let host = &agent.host.name;
            agent.host.event(
                Level::Warning,
                format!("no samples come to {host}, a standby, while the other host hears them: it begins anew"),
            );
            stand_down(agent, work, None).await
        }
        // Its USRP process is gone, or its agent was before it followed: what there is does not tell whom it follows.
        None if work.has_begun_to_follow() && !work.is_owner() => {
            let _alone = work.arming.lock().await;
            work.end_following().await
        }
        _ => Ok(()),
    }
}

/// Whether a standby's receive chain is silent while the other host has been in sync for a while: a radio that was without power brings back the streams
/// that are asked for, and nobody asks for a standby's.
async fn is_deaf(agent: &Arc<Agent>, work: &Arc<Work>) -> bool {
    let hears_heartbeats = |follows: FollowStatus| follows.radio_ms.is_some() || follows.management_ms.is_some();
    if !work.usrp().follow_status().is_some_and(|follows| follows.state == StandbyState::Waiting && hears_heartbeats(follows)) {
        return false;
    }
    let Ok(other) = arm::other_host(agent, work) else { return false };
    let status = agent.client.ask(&other, ask::Status {}, ANSWER).await;
    let Ok(SyncState::Synced { for_ms }) = status.map(|status| status.d2d.sync.unwrap_or(SyncState::NoSamples)) else {
        return false;
    };
    Duration::from_millis(for_ms) > LOOK
}

/// Follows if that is wanted and possible.
async fn follow(agent: &Arc<Agent>, work: &Arc<Work>) -> Result<(), Failure> {
    if !work.standby_is_wanted() || agent.order.try_lock().is_err() || work.d2d().is_running() || work.usrp().is_running() {
        return Ok(());
    }
    if let Some(failure) = too_often(agent, work) {
        work.want_standby(false);
        agent.host.raise(Concern::Standby, Level::Warning, failure);
        return Ok(());
    }
    if work.takeovers_within(CALM) > 0 {
        return Ok(());
    }
    if agent.drained.is_set() {
        work.standby_waits(Some(agent.drained.failure().message));
        return Ok(());
    }
    let Ok(other) = arm::other_host(agent, work) else { return Ok(()) };
    if !is_first_to_follow(agent, &other).await {
        return Ok(());
    }
    let Ok(status) = agent.client.ask(&other, ask::Status {}, ANSWER).await else { return Ok(()) };
    if status.serves_parked || !is_in_service(&status, agent.host.config.addresses.active.address()) {
        return Ok(());
    }
    arm::arm(agent, work, &other).await
}

/// Of more than two servers one follows: the radio has one more receive chain. It is the first of [`config::Config::servers`] that answers and is
/// not drained.
async fn is_first_to_follow(agent: &Agent, other: &str) -> bool {
    let servers = agent.host.config.servers().into_iter().map(|server| server.as_str());
    let before_this = servers.take_while(|server| *server != agent.host.name).filter(|server| *server != other);
    let answers = join_all(before_this.map(|server| agent.client.ask(server, ask::Status {}, ANSWER))).await;
    !answers.into_iter().flatten().any(|status| !status.drained)
}

/// Follows from now on, at once.
///
/// # Errors
/// Why it cannot.
pub(super) async fn arm(agent: &Arc<Agent>, work: &Arc<Work>) -> Result<(), Failure> {
    if work.usrp().is_linked() {
        let text = format!("{} serves: the standby is the other host", agent.host.name);
        return Err(Failure::new(ErrorCode::State, text).hint("baton do arm asks the right one"));
    }
    if agent.drained.is_set() {
        return Err(agent.drained.failure());
    }
    require_followable(agent)?;
    let armed = match work.follow_state() {
        Some(StandbyState::Armed) => Ok(()),
        _ => arm::arm(agent, work, &arm::other_host(agent, work)?).await,
    };
    if armed.is_ok() {
        work.forget_takeovers();
        agent.host.clear(&Concern::Standby, || format!("{} follows again", agent.host.name));
        work.want_standby(true);
    }
    armed
}

/// Follows no longer.
///
/// # Errors
/// Those of ending the processes.
pub(super) async fn disarm(agent: &Arc<Agent>, work: &Arc<Work>) -> Result<(), Failure> {
    work.want_standby(false);
    stand_down(agent, work, None).await
}

/// Follows no longer for as long as this host is drained.
///
/// # Errors
/// Those of ending the processes.
pub(super) async fn make_room(agent: &Arc<Agent>, work: &Arc<Work>) -> Result<(), Failure> {
    stand_down(agent, work, None).await
}

/// An order is carried out here: a standby makes way, and after one that ends the work it is not armed again by itself.
///
/// # Errors
/// Those of ending the processes.
pub(super) async fn make_way(agent: &Arc<Agent>, work: &Arc<Work>, order: Order, run: &str) -> Result<(), Failure> {
    let policy = agent.host.config.standby.policy;
    match order {
        Order::KL | Order::KR => work.want_standby(false),
        Order::DS | Order::DSR | Order::M | Order::MB if policy == StandbyPolicy::Armed => work.want_standby(true),
        Order::DS | Order::DSR | Order::M | Order::MB => {}
    }
    stand_down(agent, work, Some(run.to_owned())).await
}

/// Ends what follows here, if anything does: an order needs the host, or there is nobody to follow.
///
/// # Errors
/// [`ErrorCode::State`] where it has just taken over, and those of ending the processes.
async fn stand_down(agent: &Arc<Agent>, work: &Arc<Work>, run: Option<String>) -> Result<(), Failure> {
    let _not_while_arming = work.arming.lock().await;
    if work.standby_status().is_none_or(|standby| standby.follows.is_none()) {
        return Ok(());
    }
    work.stop_following().await?;
    if let Ok(other) = arm::other_host(agent, work) {
        // A host that does not answer has nothing to be told.
        let _ = agent.client.ask(&other, ask::EndHeartbeats {}, ANSWER).await;
    }
    super::commands::execute(agent, work, run, Command::DoubleKill).await?;
    work.note_following(false);
    Ok(())
}
