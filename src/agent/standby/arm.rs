//! Arming: everything that a seamless move does before its cut, and then heartbeats instead of the cut.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use super::super::commands;
use super::super::state::Agent;
use super::super::work::Work;
use protocol::{Command, ErrorCode, Failure, HeartbeatKey, HeartbeatRequest, Level, SoftState, StandbyState, TypedCommand, ask};

/// The other host answers each question within this, or is not followed.
const ANSWER: Duration = Duration::from_secs(3);

/// The host that a standby here follows: the only other server of the radio, or of several the one that owns it.
///
/// # Errors
/// [`ErrorCode::Config`] without another server, [`ErrorCode::State`] where none of several owns the radio.
pub(super) fn other_host(agent: &Agent, work: &Work) -> Result<String, Failure> {
    let mut others = work.other_hosts();
    if others.len() > 1 {
        let owner = work.owner().map(|owner| owner.owner).filter(|owner| others.contains(owner));
        let nobody = || Failure::new(ErrorCode::State, "no other server is known to own the radio: there is nobody to follow");
        return owner.ok_or_else(|| nobody().hint("start the work first; `baton status` shows the owner"));
    }
    others.pop().ok_or_else(|| Failure::new(ErrorCode::Config, format!("no other host has the radio of {}", agent.host.name)))
}

/// Receives beside the other host's processes and follows them; after a failure nothing is left.
///
/// # Errors
/// Those of each step.
pub(super) async fn arm(agent: &Arc<Agent>, work: &Arc<Work>, other: &str) -> Result<(), Failure> {
    let _alone = work.arming.lock().await;
    // By itself, while this one waited.
    if work.follow_state() == Some(StandbyState::Armed) {
        return Ok(());
    }
    if work.d2d().is_running() || work.usrp().is_running() {
        let text = format!("{} already runs processes of the work", agent.host.name);
        return Err(Failure::new(ErrorCode::State, text).hint("KL or KR ends them"));
    }
    match follow(agent, work, other).await {
        Ok(()) => {
            work.standby_waits(None);
            let after = config::time::milliseconds(agent.host.config.standby.takeover_after);
            let text = format!("{} follows {other} as a standby, and takes over when it is silent for {after} ms", agent.host.name);
            agent.host.event(Level::Info, text);
            agent.host.notify_change();
            Ok(())
        }
        Err(failure) => {
            let cleared = work.end_following().await;
            let _ = agent.client.ask(other, ask::EndHeartbeats {}, ANSWER).await;
            match cleared {
                Ok(()) => Err(failure),
                Err(second) => Err(Failure {
                    message: format!("{}; and what was begun is left: {}", failure.message, second.message),
                    ..failure
                }),
            }
        }
    }
}

async fn follow(agent: &Arc<Agent>, work: &Arc<Work>, other: &str) -> Result<(), Failure> {
    if ask_other(agent, other, ask::Status {}).await?.serves_parked {
        let text = format!("{other} serves from its parked address, which a standby needs: the radio's address is not free yet");
        return Err(Failure::new(ErrorCode::State, text).hint("whoever has it gives it up when its agent answers; then arm again"));
    }
    let SoftState { state, stream } = ask_other(agent, other, ask::Export {}).await?;
    let stream = stream.ok_or_else(|| {
        Failure::new(ErrorCode::Workload, format!("the USRP process of {other} does not tell of its stream: it cannot be followed"))
    })?;
    let values = ask_other(agent, other, ask::GetControl {}).await?;
    let tun = ask_other(agent, other, ask::GetTunIp {}).await?;
    let steps = [
        Command::SetTunIp { tun_ip: tun.tun_ip },
        Command::StartD2d { control_flag: 1, control: Some(values.control) },
        Command::MakeUsrp,
        Command::Prepare { state },
        Command::Overlap { stream },
    ];
    for step in steps {
        if agent.order.try_lock().is_err() {
            return Err(Failure::new(ErrorCode::Busy, format!("{} is carrying out an order", agent.host.name)));
        }
        let starts = matches!(step, Command::StartD2d { .. });
        commands::execute(agent, work, None, step).await?;
        // Not sooner: where an order has this host, the step is refused, and what runs here is the order's.
        if starts {
            work.note_following(true);
        }
    }
    let random = SystemRandom::new();
    let (mut key, mut arming) = ([0; 32], [0; 8]);
    let drawn = random.fill(&mut key).and_then(|()| random.fill(&mut arming));
    drawn
        .map_err(|_| Failure::new(ErrorCode::Environment, "the system gives no random numbers: there is no key for heartbeats"))?;
    let (key, arming) = (HeartbeatKey(key), u64::from_be_bytes(arming) >> 12);
    let port = {
        let _turn = work.lock_changes().await?;
        work.follow(arming, key.clone(), agent.host.config.standby.takeover_after).await?
    };
    let to = |address| SocketAddrV4::new(address, port);
    let request = HeartbeatRequest {
        arming,
        key,
        radio: Some(to(agent.host.config.parked_of(&agent.host.name).address())),
        management: agent.host.settings().command.ipv4().map(to),
    };
    ask_other(agent, other, ask::SendHeartbeats { request }).await?;
    work.await_armed().await
}

async fn ask_other<C: TypedCommand>(agent: &Agent, other: &str, command: C) -> Result<C::Answer, Failure> {
    agent.client.ask(other, command, ANSWER).await
}
