//! Keeps what the other servers of the radio say of their work: all that is left of that work when its host falls silent.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use super::state::Agent;
use super::work::Work;
use protocol::{Collected, Telemetry, ask};

/// Until something is known of the other host it is asked this often: one that serves only for a moment must not have served in vain.
const FIRST: Duration = Duration::from_secs(1);
/// An agent answers `status` at once.
const ANSWER: Duration = Duration::from_secs(2);

/// Asks until the agent ends; does nothing on a host that does not serve the radio.
pub(super) async fn run(agent: Arc<Agent>, work: Arc<Work>) {
    if agent.host.config.is_server(&agent.host.name) {
        join_all(work.other_hosts().into_iter().map(|peer| follow(&agent, &work, peer))).await;
    }
}

async fn follow(agent: &Agent, work: &Work, peer: String) {
    let host = &agent.host;
    let usual = host.config.workload_of(&host.name).collect_interval.max(FIRST);
    let mut serves = false;
    loop {
        tokio::select! {
            () = sleep(if serves { usual } else { FIRST }) => {}
            () = agent.stop.cancelled() => return,
        }
        // A host within a cut has no time for questions.
        if host.priority.is_raised() {
            continue;
        }
        let status = agent.client.ask(&peer, ask::Status {}, ANSWER).await.ok();
        let collected = status.and_then(collected_from_status);
        serves = collected.is_some();
        if let Some(collected) = collected {
            work.keep_peer(&peer, collected).await;
        }
    }
}

/// What to keep of a host; `None` of one that does not work, or only follows another.
fn collected_from_status(status: Telemetry) -> Option<Collected> {
    if status.standby.is_some() {
        return None;
    }
    let values = status.control_values();
    let tun_ip = status.tun.addresses.into_iter().next()?;
    let known = status.d2d.pid.is_some() && !values.control.is_empty();
    // On this host's clock, by which its age is told.
    known.then_some(Collected { values, tun_ip, at: chrono::Utc::now() })
}
