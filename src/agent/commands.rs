//! The commands, as docs/spec.md orders their steps and their failure branches.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::children::Start;
use super::collector;
use super::hot;
use super::lease;
use super::linking::{self, Claim};
use super::memory;
use super::peer;
use super::radio_step::RadioStep;
use super::seamless;
use super::state::Agent;
use super::telemetry;
use crate::link::server::runtime_folder;
use crate::metrics::probe::Prober;
use protocol::{
    Answer, Command, Control, ControlValues, Ended, ErrorCode, Failure, Level, Route, SetPort, Started, SyncState, TunIp,
};
use workload::contract::{Ask, ENV_CONTROL, ENV_RADIO, ENV_SAMPLES, ENV_SETTINGS, ENV_TERMINALS, ENV_TUN};

/// Writing routes is a copy.
const ROUTES: Duration = Duration::from_secs(2);
/// `end` waits this long for its own answer to be on its way.
const FAREWELL: Duration = Duration::from_millis(200);

/// Executes every command but an order, unless a fault is due.
pub async fn execute(agent: &Arc<Agent>, command: Command) -> Result<Answer, Failure> {
    agent.faults.meet(command.name(), carry_out(agent, command)).await
}

async fn carry_out(agent: &Arc<Agent>, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Status => telemetry::snapshot(agent).await.map(Answer::from),
        Command::GetTunIp => Ok(TunIp { tun_ip: agent.ports.address(&agent.settings().tun).await? }.into()),
        Command::GetControl => get_control(agent).await.map(Answer::from),
        Command::GetCollected { of } => peer::collected(agent, &of).map(Answer::from),
        Command::Export => hot::export(agent).await.map(Answer::from),
        Command::AwaitSync { deadline_ms } => await_sync(agent, Duration::from_millis(deadline_ms)).await.map(Answer::from),
        Command::ProbeStart { target, interval_ms } => {
            let (target, interval) = probe_request(&target, interval_ms)?;
            start_probe(agent, target, interval).map(Answer::from)
        }
        Command::ProbeStop => {
            agent.state().probe = None;
            agent.changed.notify_one();
            Ok(Answer::Done)
        }
        Command::ProbeMark => with_probe(agent, Prober::mark).map(Answer::from),
        Command::ProbeWindow { since } => {
            let window = with_probe(agent, |probe| probe.window(since).boxed())?;
            window.await.map(Answer::from)
        }
        Command::SetRoute { route_list } => {
            agent.state().routes_to_set = route_list;
            memory::keep(agent).await;
            Ok(Answer::Done)
        }
        Command::End => end(agent).await,
        Command::Order(_) => Err(Failure::new(ErrorCode::Internal, "an order can not be a step of an order")),
        deed => {
            let _one_at_a_time = agent.deeds.lock().await;
            if agent.leaving.is_cancelled() {
                return Err(leaving(agent));
            }
            let result = change(agent, deed).await;
            agent.changed.notify_one();
            result
        }
    }
}

/// The failure of whatever is asked of an agent that ends.
pub fn leaving(agent: &Agent) -> Failure {
    Failure::new(ErrorCode::State, format!("the agent of {} is about to end", agent.host)).hint("start it again")
}

/// Commands that change processes or addresses; the caller holds [`Agent::deeds`].
async fn change(agent: &Arc<Agent>, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::StartD2d { control_flag, control } => start_d2d(agent, control_flag, control).await.map(Answer::from),
        Command::StartUsrp { epoch, force } => linking::start_usrp(agent, Claim { epoch, force }).await.map(Answer::from),
        Command::MakeUsrp => Ok(Started { pid: make_usrp(agent).await? }.into()),
        Command::LinkUsrp { epoch, force } => linking::link_usrp(agent, Claim { epoch, force }).await.map(Answer::from),
        Command::Fence { epoch, owner } => linking::fence(agent, epoch, &owner).await.map(Answer::from),
        Command::DoubleKill => double_kill(agent).await,
        Command::KillUsrp => {
            set_eth3(agent, SetPort::Parked).await?;
            agent.usrp.kill().await.map(Answer::from)
        }
        Command::KillD2d => agent.d2d.kill().await.map(Answer::from),
        Command::SetTunIp { tun_ip } if tun_ip.is_empty() => agent.ports.clear(&agent.settings().tun).await.map(Answer::from),
        Command::SetTunIp { tun_ip } => {
            let address = tun_ip.parse().map_err(|bad: config::BadValue| bad.into_failure(ErrorCode::Address))?;
            agent.ports.set(&agent.settings().tun, address).await.map(Answer::from)
        }
        Command::Prepare { state } => hot::prepare(agent, state).await.map(Answer::from),
        Command::Overlap { stream } => seamless::overlap(agent, stream).await.map(Answer::from),
        Command::Freeze => hot::freeze(agent).await.map(Answer::from),
        Command::TakeOver { state, mark, epoch } => hot::take_over(agent, state, mark, epoch).await.map(Answer::from),
        Command::Resume { epoch } => hot::resume(agent, epoch).await.map(Answer::from),
        Command::Commit { packets } => hot::commit(agent, packets).await.map(Answer::from),
        Command::SetEth3 { port: SetPort::Active } => linking::point_eth3(agent, Claim::default()).await.map(|_| Answer::Done),
        Command::SetEth3 { port } => set_eth3(agent, port).await.map(Answer::from),
        other => Err(Failure::new(ErrorCode::Internal, format!("command failed: {} is not carried out here", other.name()))),
    }
}

pub fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Points eth3 at the radio or parks it.
pub async fn set_eth3(agent: &Agent, port: SetPort) -> Result<(), Failure> {
    let (name, addresses) = (&agent.settings().radio_port, &agent.config.addresses);
    let address = match port {
        SetPort::Active => addresses.active,
        SetPort::Parked => addresses.parked,
    };
    let result = agent.ports.set(name, address).await;
    agent.changed.notify_one();
    result?;
    match port {
        SetPort::Active => agent.ports.forget_neighbours(name).await,
        SetPort::Parked => agent.radio_port.close_way(agent.config.radio_of(&agent.host)?.args.address()).await,
    }
}

/// Parks eth3 because something failed; a second failure joins the first.
pub async fn park_after(agent: &Agent, failure: Failure) -> Failure {
    match set_eth3(agent, SetPort::Parked).await {
        Ok(()) => failure,
        Err(second) => {
            Failure { message: format!("{}; and eth3 could not be parked: {}", failure.message, second.message), ..failure }
        }
    }
}

fn radio_json(agent: &Agent) -> Result<String, Failure> {
    serde_json::to_string(agent.config.radio_of(&agent.host)?)
        .map_err(|e| Failure::new(ErrorCode::Internal, format!("the radio's parameters have no JSON form: {e}")))
}

pub fn radio_step(agent: &Agent) -> Result<RadioStep, Failure> {
    let args = agent.config.radio_of(&agent.host)?.args.as_str().to_owned();
    Ok(RadioStep { command: agent.workload().uhd.clone(), radio: radio_json(agent)?, args })
}

/// The workload's own control variables: the cluster's, overlaid with this host's.
fn settings(agent: &Agent) -> Result<Control, Failure> {
    let own = &agent.settings().control;
    let pairs = agent.workload().control.iter().chain(own);
    pairs
        .map(|(name, value)| match serde_json::to_value(value) {
            Ok(value) => Ok((name.clone(), value)),
            Err(e) => Err(Failure::new(ErrorCode::Config, format!("the control variable {name} has no JSON form: {e}"))),
        })
        .collect()
}

pub fn environment(agent: &Agent, control: Option<&Control>) -> Result<Vec<(&'static str, String)>, Failure> {
    let samples = runtime_folder(&agent.config, &agent.host)?.join("samples.sock");
    let mut environment = vec![
        (ENV_SAMPLES, samples.display().to_string()),
        (ENV_RADIO, radio_json(agent)?),
        (ENV_TUN, agent.settings().tun.to_string()),
        (ENV_SETTINGS, Value::Object(settings(agent)?).to_string()),
    ];
    if !agent.config.terminals.is_empty() {
        let list: Vec<String> = agent.config.terminals.iter().map(ToString::to_string).collect();
        environment.push((ENV_TERMINALS, Value::from(list).to_string()));
    }
    environment.extend(control.map(|control| (ENV_CONTROL, Value::Object(control.clone()).to_string())));
    Ok(environment)
}

async fn start_d2d(agent: &Arc<Agent>, control_flag: u8, control: Option<Control>) -> Result<Started, Failure> {
    let bad = |message: &str| Failure::new(ErrorCode::BadRequest, message);
    let control = match (control_flag, control) {
        (0, _) => None,
        (1, Some(control)) => Some(control),
        (1, None) => return Err(bad("start_d2d with control_flag 1 needs Control")),
        _ => return Err(bad("control_flag is 0 or 1")),
    };
    let start = Start { command: agent.workload().d2d.clone(), environment: environment(agent, control.as_ref())? };
    if !agent.d2d.is_running() {
        let collected = &mut agent.state().collected;
        (collected.at, collected.routes) = (control.as_ref().map(|_| Instant::now()), Vec::new());
        collected.control = control.unwrap_or_default();
    }
    let pid = agent.d2d.start(start).await?;
    let written = write_routes(agent).await;
    memory::keep(agent).await;
    written?;
    agent.collect.notify_one();
    Ok(Started { pid })
}

/// Writes the routes that were carried over into the D2D process, once.
async fn write_routes(agent: &Agent) -> Result<(), Failure> {
    let routes: Vec<Route> = std::mem::take(&mut agent.state().routes_to_set);
    if routes.is_empty() {
        return Ok(());
    }
    let count = routes.len();
    match agent.d2d.ask(Ask::SetRoutes { route_list: routes.clone() }, ROUTES).await {
        Ok(_) => {
            agent.state().collected.routes = routes;
            agent.event(Level::Info, format!("{count} routes were written into the D2D process"));
            Ok(())
        }
        Err(failure) => {
            // A relay that does not know its routes must not take over; the caller may send them again.
            agent.state().routes_to_set = routes;
            agent.d2d.kill().await?;
            Err(Failure {
                message: format!("the routes could not be written into the D2D process: {}", failure.message),
                ..failure
            })
        }
    }
}

/// Waits for synchronisation. A process that has just been killed is in the books for a moment still, and its last word was that all is well.
async fn await_sync(agent: &Agent, deadline: Duration) -> Result<SyncState, Failure> {
    let sync = agent.d2d.await_sync(deadline).await?;
    match [&agent.d2d, &agent.usrp].into_iter().find(|child| child.has_died()) {
        Some(dead) => Err(Failure::new(ErrorCode::Process, format!("the {} process has died", dead.name()))),
        None => Ok(sync),
    }
}

/// Starts the USRP process, without a link.
pub async fn make_usrp(agent: &Arc<Agent>) -> Result<u32, Failure> {
    let start = Start { command: agent.workload().usrp.clone(), environment: environment(agent, None)? };
    agent.usrp.start(start).await
}

/// All three are tried; success only if all three worked.
async fn double_kill(agent: &Agent) -> Result<Answer, Failure> {
    let (attempts, unsent) = if agent.state().frozen.is_some() {
        // D2D last: until then a program that is late with its answers gets them forwarded.
        let (usrp, eth3) = (agent.usrp.kill().await, set_eth3(agent, SetPort::Parked).await);
        let unsent = hot::unsent(agent).await;
        ([agent.d2d.kill().await, usrp, eth3], unsent)
    } else {
        ([agent.d2d.kill().await, agent.usrp.kill().await, set_eth3(agent, SetPort::Parked).await], None)
    };
    lease::over(agent);
    let mut failures = attempts.into_iter().filter_map(Result::err);
    let Some(first) = failures.next() else { return Ok(unsent.into()) };
    let message = failures.fold(first.message, |message, next| format!("{message}; {}", next.message));
    Err(Failure { message, ..first })
}

async fn get_control(agent: &Arc<Agent>) -> Result<ControlValues, Failure> {
    if agent.state().collected.at.is_none() {
        let tells = agent.d2d.has_contract() || agent.workload().control_command.is_some();
        if tells && agent.d2d.is_running() {
            collector::collect(agent).await?;
        } else if agent.d2d.is_running() {
            // A program without a contract socket runs with what it was started with.
            let control = settings(agent)?;
            let collected = &mut agent.state().collected;
            (collected.control, collected.at) = (control, Some(Instant::now()));
        } else {
            return Err(Failure::new(
                ErrorCode::State,
                format!("no control variables were collected on {}: the D2D process does not run", agent.host),
            )
            .hint("start it first"));
        }
    }
    let state = agent.state();
    Ok(ControlValues { control: state.collected.control.clone(), route_list: state.collected.routes.clone() })
}

fn probe_request(target: &str, interval_ms: f64) -> Result<(Ipv4Addr, Duration), Failure> {
    let address: Ipv4Addr = target.parse().map_err(|_| {
        Failure::new(ErrorCode::BadRequest, format!("\"{target}\" is not an IPv4 address")).hint("write it like 192.168.40.9")
    })?;
    let interval = Duration::try_from_secs_f64(interval_ms / 1e3)
        .map_err(|_| Failure::new(ErrorCode::BadRequest, format!("{interval_ms} ms is no interval")))?;
    Ok((address, interval))
}

/// Starts the probe, or changes its target or interval.
pub fn start_probe(agent: &Agent, target: Ipv4Addr, interval: Duration) -> Result<(), Failure> {
    let probe = Prober::start(target, interval)?;
    agent.state().probe = Some(probe);
    agent.changed.notify_one();
    Ok(())
}

fn with_probe<T>(agent: &Agent, work: impl FnOnce(&Prober) -> T) -> Result<T, Failure> {
    let state = agent.state();
    let probe = state.probe.as_ref().ok_or_else(|| {
        Failure::new(ErrorCode::State, format!("no probe runs on {}", agent.host)).hint("start it with probe_start")
    })?;
    Ok(work(probe))
}

/// Ends what the agent started and parks eth3; returns what did not work.
pub async fn clear_away(agent: &Agent) -> Vec<String> {
    agent.leaving.cancel();
    let _one_at_a_time = agent.deeds.lock().await;
    let problem = double_kill(agent).await.err();
    problem
        .into_iter()
        .map(|failure| failure.message)
        .inspect(|text| agent.event(Level::Error, format!("on leaving: {text}")))
        .collect()
}

async fn end(agent: &Arc<Agent>) -> Result<Answer, Failure> {
    if agent.order.try_lock().is_err() {
        return Err(
            Failure::new(ErrorCode::Busy, format!("{} is carrying out an order", agent.host)).hint("ask again when it is over")
        );
    }
    let warnings = clear_away(agent).await;
    let stop = agent.stop.clone();
    tokio::spawn(async move {
        sleep(FAREWELL).await;
        stop.cancel();
    });
    Ok(Some(warnings).filter(|warnings| !warnings.is_empty()).map(|warnings| Ended { warnings }).into())
}
