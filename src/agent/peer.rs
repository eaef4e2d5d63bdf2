//! Keeps what the other host of the pool says of its work: all that is left of that work when its host falls silent.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::state::Agent;
use super::work::Work;
use protocol::{Collected, Telemetry, ask};

/// Until something is known of the other host it is asked this often: one that serves only for a moment must not have served in vain.
const FIRST: Duration = Duration::from_secs(1);
/// An agent answers `status` at once.
const ANSWER: Duration = Duration::from_secs(2);

/// Asks until the agent ends; does nothing on a host outside the pool.
pub(super) async fn run(agent: Arc<Agent>, work: Arc<Work>) {
    let host = &agent.host;
    let roles = &host.config.roles;
    let peer = match host.name.as_str() {
        name if name == roles.initiator => roles.destination.to_string(),
        name if name == roles.destination => roles.initiator.to_string(),
        _ => return,
    };
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

/// What to keep of a host; `None` of one that does not work.
fn collected_from_status(status: Telemetry) -> Option<Collected> {
    let values = status.control_values();
    let tun_ip = status.tun.addresses.into_iter().next()?;
    let known = status.d2d.pid.is_some() && !values.control.is_empty();
    // On this host's clock, by which its age is told.
    known.then_some(Collected { values, tun_ip, at: chrono::Utc::now() })
}
