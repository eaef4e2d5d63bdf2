//! Taking the radio: `start_usrp` and `link_usrp`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::children::Child;
use super::commands::{leaving, make_usrp, ms, park_after, radio_step, set_eth3};
use super::host::arp::{ArpSocket, format_mac};
use super::ownership;
use super::state::Agent;
use protocol::{ErrorCode, Failure, Level, Linked, SetPort};
use workload::contract::Ask;

/// Linking sends a few packets and waits for the first samples.
const LINK: Duration = Duration::from_secs(5);
/// A host on the radio's switch answers ARP in well under a millisecond. All of this passes when there is none, during every link.
const CONFLICT: Duration = Duration::from_millis(3);

/// How the radio is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Claim {
    /// Absent: the next.
    pub epoch: Option<u64>,
    /// Whatever another host does with the radio's address.
    pub force: bool,
}

/// Points eth3 at the radio, unless the radio has a newer owner or another host has the address.
///
/// # Errors
/// [`ErrorCode::StaleEpoch`], [`ErrorCode::AddressConflict`], [`ErrorCode::Address`]; eth3 is left as it was, except by the last.
pub async fn point_eth3(agent: &Agent, claim: Claim) -> Result<Linked, Failure> {
    let epoch = agent.ownership.admit(claim.epoch)?;
    let forced = match be_alone(agent).await {
        Err(failure) if claim.force && failure.code != ErrorCode::Address => {
            agent.event(Level::Warning, format!("the radio is taken by force: {failure}"));
            Some(failure.message)
        }
        result => result.map(|()| None)?,
    };
    ownership::claim(agent, epoch).await?;
    set_eth3(agent, SetPort::Active).await?;
    Ok(Linked { epoch: Some(epoch), forced, ..Linked::default() })
}

/// Asks the radio's network whether another host has the radio's address (RFC 5227: a probe, with no address of one's own).
pub async fn be_alone(agent: &Agent) -> Result<(), Failure> {
    let name = agent.settings().radio_port.clone();
    let (index, own) = agent.ports.hardware(&name).await?;
    let address = agent.config.addresses.active.address();
    let (answer, answered) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let arp = ArpSocket::open(index, own);
        // The answer leaves before the socket is closed, which waits for the kernel's RCU, some ms.
        let _ = answer.send(
            arp.as_ref().map_or_else(|e| Err(e.to_string()), |arp| arp.probe(address, CONFLICT, 1).map_err(|e| e.to_string())),
        );
    });
    match answered.await.unwrap_or_else(|e| Err(e.to_string())) {
        Ok(None) => Ok(()),
        Ok(Some(mac)) => Err(Failure::new(
            ErrorCode::AddressConflict,
            format!(
                "{name} of {} was not given {address}: the host with the hardware address {} has it",
                agent.host,
                format_mac(mac)
            ),
        )
        .hint("park that host's eth3 (kill_usrp); by force the radio is taken all the same, and hears two masters")),
        Err(why) => Err(Failure::new(
            ErrorCode::Environment,
            format!("{name} of {} could not be asked whether another host has {address}: {why}", agent.host),
        )
        .hint("the interface must be up, and the agent needs the right to ask (root, or CAP_NET_RAW)")),
    }
}

async fn connect(usrp: &Child) -> Result<f64, Failure> {
    let began = Instant::now();
    if usrp.has_contract() {
        usrp.ask(Ask::Link, LINK).await.map_err(|failure| Failure { code: ErrorCode::Radio, ..failure })?;
        usrp.set_linked();
    } else if !usrp.is_running() {
        return Err(usrp.not_running());
    }
    Ok(ms(began))
}

/// Breaks libuhd's steps off when the agent is to end: they may take a minute.
async fn unless_leaving<T>(agent: &Agent, step: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        result = step => result,
        () = agent.leaving.cancelled() => Err(leaving(agent)),
    }
}

/// eth3 to the radio and the radio found, or eth3 parked again.
async fn find_radio(agent: &Arc<Agent>, claim: Claim) -> Result<Linked, Failure> {
    let began = Instant::now();
    // The source stops here without parking: the port may then carry either address, so we park it all the same.
    let pointed = match point_eth3(agent, claim).await {
        Ok(pointed) => pointed,
        Err(failure) => return Err(park_after(agent, failure).await),
    };
    let eth3_ms = ms(began);
    let began = Instant::now();
    match unless_leaving(agent, radio_step(agent)?.probe()).await {
        Ok(probes) => Ok(Linked { eth3_ms, probe_ms: ms(began), probes, ..pointed }),
        Err(failure) => Err(park_after(agent, failure).await),
    }
}

/// Finds, initialises and links the radio; leaves nothing behind after a failure.
///
/// # Errors
/// Those of each part.
pub async fn start_usrp(agent: &Arc<Agent>, claim: Claim) -> Result<Linked, Failure> {
    if let Some(pid) = agent.usrp.pid() {
        return Err(Failure::new(ErrorCode::State, format!("the USRP process already runs (pid {pid})"))
            .hint("link_usrp links a made one, kill_usrp kills it"));
    }
    let mut linked = find_radio(agent, claim).await?;
    match initialise_and_link(agent, &mut linked).await {
        Ok(()) => {
            ownership::tell_others(agent);
            Ok(linked)
        }
        Err(failure) => {
            let failure = match agent.usrp.kill().await {
                Ok(()) => failure,
                Err(second) => Failure { message: format!("{}; and {}", failure.message, second.message), ..failure },
            };
            Err(park_after(agent, failure).await)
        }
    }
}

async fn initialise_and_link(agent: &Arc<Agent>, linked: &mut Linked) -> Result<(), Failure> {
    let began = Instant::now();
    unless_leaving(agent, radio_step(agent)?.init()).await?;
    linked.init_ms = Some(ms(began));
    let began = Instant::now();
    make_usrp(agent).await?;
    linked.make_ms = Some(ms(began));
    linked.link_ms = connect(&agent.usrp).await?;
    Ok(())
}

/// Finds the radio and links the made USRP process; parks eth3 after a failure.
///
/// # Errors
/// Those of each part.
pub async fn link_usrp(agent: &Arc<Agent>, claim: Claim) -> Result<Linked, Failure> {
    if !agent.usrp.is_running() {
        return Err(Failure { hint: Some("make_usrp makes it".into()), ..agent.usrp.not_running() });
    }
    if agent.usrp.is_linked() {
        return Err(Failure::new(ErrorCode::State, "the USRP process is already linked").hint("kill_usrp ends it"));
    }
    let mut linked = find_radio(agent, claim).await?;
    match connect(&agent.usrp).await {
        Ok(link_ms) => {
            linked.link_ms = link_ms;
            ownership::tell_others(agent);
            Ok(linked)
        }
        Err(failure) => Err(park_after(agent, failure).await),
    }
}

/// Another host owns the radio now: eth3 is parked, and work that is linked to it ends.
///
/// # Errors
/// [`ErrorCode::StaleEpoch`] when this agent knows a newer owner, and those of parking and killing.
pub async fn fence(agent: &Agent, epoch: u64, owner: &str) -> Result<(), Failure> {
    ownership::give_way(agent, epoch, owner).await?;
    let linked = agent.usrp.is_linked();
    let parked = set_eth3(agent, SetPort::Parked).await;
    // One that is only made holds nothing of the radio.
    if linked {
        agent.event(Level::Warning, format!("{owner} has taken the radio (epoch {epoch}): the work here is ended and eth3 parked"));
        agent.usrp.kill().await?;
        agent.d2d.kill().await?;
    }
    parked
}
