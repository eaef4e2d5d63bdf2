//! The commands of a hot migration: the source's processes are frozen, not killed, and what they know goes to processes that have been made
//! ready elsewhere. Between `freeze` and the end of `take_over` nobody serves; everything that can be is done before.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::commands::{ms, park_after};
use super::host::arp::{ArpSocket, format_mac};
use super::lease;
use super::ownership;
use super::seamless;
use super::state::Agent;
use protocol::{ErrorCode, Failure, Frozen, Level, Linked, Prepared, SoftState, TracePart, Unsent};
use workload::clock::monotonic_us;
use workload::contract::{Ask, Mark, TakenOver};

/// A question that is answered at once, outside the cut.
pub const ANSWER: Duration = Duration::from_secs(2);
/// A question within the cut: what takes longer than this costs more than going back does.
const CUT: Duration = Duration::from_millis(40);
/// Getting streams back may include starting them.
const BACK: Duration = Duration::from_secs(5);

/// From the first preparations to the cut: under a heavy load, starting processes takes most of it.
pub const NEAR: Duration = Duration::from_secs(1);
/// From the end of the cut until the destination is in sync, or the source goes on.
const OVER: Duration = Duration::from_millis(50);

/// Between two looks for a contract socket.
const LOOK: Duration = Duration::from_millis(5);

/// What `prepare` leaves for `take_over`.
#[derive(Debug)]
pub struct Ready {
    arp: Option<ArpSocket>,
    /// The processes receive already, beside the source's.
    pub overlaps: bool,
}

fn classic(failure: Failure) -> Failure {
    let code = failure.code;
    Failure::new(code, failure.message).hint("the method classic needs neither synchronisation nor soft state")
}

/// The soft state of the D2D process while it runs.
pub async fn export(agent: &Arc<Agent>) -> Result<SoftState, Failure> {
    agent.priority.raise_for(NEAR);
    if agent.state().unsettled {
        commit_late(agent).await;
    }
    let state = agent.d2d.ask(Ask::Export, ANSWER).await.map_err(classic)?;
    if !agent.usrp.is_linked() {
        return Err(classic(Failure::new(
            ErrorCode::State,
            format!("the USRP process of {} is not linked to the radio", agent.host),
        )));
    }
    // A program that does not tell can be frozen and followed all the same.
    let stream = agent.usrp.ask(Ask::Export, ANSWER).await.ok().filter(|stream| !stream.is_null());
    Ok(SoftState { state, stream })
}

/// Everything that `take_over` would otherwise have to wait for.
pub async fn prepare(agent: &Agent, state: Value) -> Result<Prepared, Failure> {
    if agent.usrp.is_linked() {
        return Err(Failure::new(ErrorCode::State, "the USRP process is already linked").hint("kill_usrp ends it"));
    }
    await_contracts(agent).await?;
    agent.priority.raise_for(NEAR);
    agent.d2d.ask(Ask::Import { state }, ANSWER).await.map_err(classic)?;
    let radio = agent.config.radio_of(&agent.host)?.args.address();
    let port = agent.ports.hardware(&agent.settings().radio_port).await?;
    let found = agent.radio_port.find(port, radio).await?;
    let (arp, mac) = found.unzip();
    agent.state().ready = Some(Ready { arp, overlaps: false });
    Ok(Prepared { radio_mac: mac.map(format_mac) })
}

/// On a busy machine a process may make its contract socket later than its start was waited for.
async fn await_contracts(agent: &Agent) -> Result<(), Failure> {
    let until = Instant::now() + ANSWER;
    for child in [&agent.d2d, &agent.usrp] {
        while !child.has_contract() {
            if !child.is_running() {
                return Err(child.not_running());
            }
            if Instant::now() >= until {
                let text = format!("the {} process has no contract socket: it can not take over from another", child.name());
                return Err(classic(Failure::new(ErrorCode::Workload, text)));
            }
            sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Freezes both processes and takes eth3 away from the radio, or leaves all as it was.
pub async fn freeze(agent: &Arc<Agent>) -> Result<Frozen, Failure> {
    agent.priority.raise_for(NEAR);
    let frozen = freeze_all(agent).await;
    agent.priority.raise_for(OVER);
    match frozen {
        Ok(frozen) => {
            lease::begin(agent);
            Ok(frozen)
        }
        Err(failure) => Err(match resume(agent, None).await {
            Ok(()) => failure,
            Err(second) => Failure { message: format!("{}; and {}", failure.message, second.message), ..failure },
        }),
    }
}

async fn freeze_all(agent: &Agent) -> Result<Frozen, Failure> {
    let mut trace = Trace::of(agent);
    // The D2D process first: what it has given out is still sent.
    let frozen = trace.time("freeze D2D", agent.d2d.ask(Ask::Freeze, CUT)).await?;
    let state = frozen.get("state").filter(|state| !state.is_null()).cloned();
    let state = state.ok_or_else(|| Failure::new(ErrorCode::Workload, "the D2D process has no soft state: it is not in sync"))?;
    let mark = trace.time("freeze USRP", agent.usrp.ask(Ask::Freeze, CUT)).await?;
    trace.time("eth3 away", agent.radio_port.release()).await?;
    Ok(Frozen { state, mark, epoch: agent.ownership.newest().epoch, trace: trace.parts })
}

/// Ends a freeze: eth3 to the radio, the streams back, and on. All are tried; success only if all worked.
pub async fn resume(agent: &Arc<Agent>, epoch: Option<u64>) -> Result<(), Failure> {
    if let Some(epoch) = epoch {
        ownership::claim_at_once(agent, epoch)?;
    }
    let eth3 = agent.radio_port.hold().await;
    // The USRP process first: bursts for a frozen one are lost.
    let usrp = agent.usrp.ask(Ask::Resume, BACK).await.map(drop);
    let d2d = agent.d2d.ask(Ask::Resume, ANSWER).await.map(drop);
    let mut failures = [eth3, usrp, d2d].into_iter().filter_map(Result::err);
    let Some(first) = failures.next() else {
        lease::over(agent);
        return Ok(());
    };
    let message = failures.fold(first.message, |message, next| format!("{message}; {}", next.message));
    Err(Failure { message, ..first })
}

/// Goes on where another host was frozen, or parks eth3.
pub async fn take_over(agent: &Arc<Agent>, state: Value, mark: Value, epoch: u64) -> Result<Linked, Failure> {
    let mark: Mark = serde_json::from_value(mark)
        .map_err(|e| Failure::new(ErrorCode::BadRequest, format!("the mark of the USRP process can not be read: {e}")))?;
    let Some(ready) = agent.state().ready.take() else {
        return Err(Failure::new(ErrorCode::State, format!("nothing was prepared on {}", agent.host)).hint("prepare comes first"));
    };
    let epoch = ownership::claim_at_once(agent, epoch)?;
    agent.priority.raise_for(NEAR);
    let gone_on = go_on(agent, state, mark, &ready).await;
    agent.priority.raise_for(OVER);
    agent.state().unsettled = ready.overlaps;
    // Closing a packet socket waits for all processors, some ms.
    drop(tokio::task::spawn_blocking(move || drop(ready)));
    match gone_on {
        Ok(linked) => {
            agent.usrp.set_linked();
            Ok(Linked { epoch: Some(epoch), ..linked })
        }
        Err(failure) => Err(park_after(agent, failure).await),
    }
}

/// What programs have sent into the frozen D2D process; nothing where it does not tell.
pub async fn unsent(agent: &Agent) -> Option<Unsent> {
    let told = agent.d2d.ask(Ask::Unsent, CUT).await.ok()?;
    serde_json::from_value(told).ok().filter(|unsent: &Unsent| !unsent.packets.is_empty())
}

/// The source is ended: what the cut has left to be done.
pub async fn commit(agent: &Arc<Agent>, packets: Vec<String>) -> Result<(), Failure> {
    if !agent.usrp.is_linked() {
        return Err(Failure::new(ErrorCode::State, format!("the USRP process of {} is not linked to the radio", agent.host)));
    }
    let forwarded = if packets.is_empty() { Ok(()) } else { forward(agent, packets).await };
    ownership::tell_others(agent);
    // Until it is settled the streams may need either address.
    if agent.state().unsettled {
        seamless::settle(agent).await?;
        agent.state().unsettled = false;
    }
    // The parked address goes; the radio's stays as it is, and with it what is known of the neighbours.
    agent.ports.set(&agent.settings().radio_port, agent.config.addresses.active).await?;
    forwarded
}

async fn forward(agent: &Agent, packets: Vec<String>) -> Result<(), Failure> {
    let count = packets.len();
    agent.d2d.ask(Ask::Forward(Unsent { packets }), ANSWER).await.map(drop).map_err(|failure| Failure {
        message: format!("{count} packets of the source were not sent: {}", failure.message),
        ..failure
    })
}

/// What an earlier cut has left to be done, for nobody has asked for it: the receive chain that it left in use would be in the way.
async fn commit_late(agent: &Arc<Agent>) {
    let _one_at_a_time = agent.deeds.lock().await;
    if let Err(failure) = commit(agent, Vec::new()).await {
        agent.event(Level::Warning, format!("what the last migration has left on {} is left: {failure}", agent.host));
    }
}

async fn go_on(agent: &Agent, state: Value, mark: Mark, ready: &Ready) -> Result<Linked, Failure> {
    let (mut trace, mut importing) = (Trace::of(agent), Trace::of(agent));
    let streams = async {
        let began = Instant::now();
        trace.time("eth3 to the radio", agent.radio_port.hold()).await?;
        let eth3_ms = ms(began);
        let began = Instant::now();
        let radio = |failure| Failure { code: ErrorCode::Radio, ..failure };
        let taken = trace.time("ask USRP to take over", agent.usrp.ask(Ask::TakeOver(mark), CUT)).await.map_err(radio)?;
        if let Ok(TakenOver { claimed_us, flowing_us, .. }) = serde_json::from_value(taken) {
            trace.add("claim streams until samples flow", claimed_us, flowing_us);
        }
        Ok::<_, Failure>((eth3_ms, ms(began)))
    };
    // The state is there before the first samples are: it is written while the address is set.
    let import = importing.time("import soft state", agent.d2d.ask(Ask::Import { state }, CUT));
    let (imported, streams) = tokio::join!(import, streams);
    let (eth3_ms, link_ms) = streams?;
    imported?;
    trace.parts.append(&mut importing.parts);
    // Bursts for a USRP process that still overlaps would be lost.
    let resumed = if ready.overlaps { Some(trace.time("go on", agent.d2d.ask(Ask::Resume, CUT)).await?) } else { None };
    if let Some(Err(e)) = ready.arp.as_ref().map(|arp| agent.radio_port.announce(arp)) {
        agent.event(Level::Warning, format!("the radio's address could not be announced: {e}"));
    }
    let handover = resumed.map(seamless::handover);
    Ok(Linked { eth3_ms, link_ms, trace: trace.parts, handover, ..Linked::default() })
}

/// What took how long, on this host's clock.
struct Trace {
    host: String,
    parts: Vec<TracePart>,
}

impl Trace {
    fn of(agent: &Agent) -> Self {
        Self { host: agent.host.clone(), parts: Vec::new() }
    }

    async fn time<T>(&mut self, part: &str, work: impl Future<Output = T>) -> T {
        let began = monotonic_us();
        let result = work.await;
        self.add(part, began, monotonic_us());
        result
    }

    fn add(&mut self, part: &str, at_us: u64, until: u64) {
        self.parts.push(TracePart { host: self.host.clone(), part: part.to_owned(), at_us, us: until.saturating_sub(at_us) });
    }
}
