//! What the other host of the pool does, asked for again and again and kept over restarts: all that is left of its work when it falls silent.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::memory;
use super::state::Agent;
use protocol::{Collected, ErrorCode, Failure, Telemetry, ask};

/// A host that serves for a moment only should not have served in vain: until something is known of it, it is asked this often.
const FIRST: Duration = Duration::from_secs(1);
/// An agent tells what it knows at once.
const ANSWER: Duration = Duration::from_secs(2);

/// Asks until the agent ends; does nothing on a host outside the pool.
pub async fn run(agent: Arc<Agent>) {
    let roles = &agent.config.roles;
    let peer = match agent.host.as_str() {
        host if host == roles.initiator => roles.destination.to_string(),
        host if host == roles.destination => roles.initiator.to_string(),
        _ => return,
    };
    let usual = agent.workload().collect_interval.max(FIRST);
    let mut serves = false;
    loop {
        tokio::select! {
            () = sleep(if serves { usual } else { FIRST }) => {}
            () = agent.stop.cancelled() => return,
        }
        // The radio's other end of a cut has no time for questions.
        if agent.priority.is_raised() {
            continue;
        }
        let told = agent.client.ask(&peer, ask::Status {}, ANSWER).await.ok();
        let collected = told.and_then(of);
        serves = collected.is_some();
        if let Some(collected) = collected {
            agent.state().peer = Some((peer.clone(), collected));
            memory::keep(&agent).await;
        }
    }
}

/// What there is to be kept of a host at work.
fn of(status: Telemetry) -> Option<Collected> {
    let values = status.control_values();
    let tun_ip = status.tun.addresses.into_iter().next()?;
    let known = status.d2d.pid.is_some() && !values.control.is_empty();
    known.then_some(Collected { values, tun_ip, at: status.at })
}

/// Answers `get_collected`.
///
/// # Errors
/// [`ErrorCode::State`]: nothing is known of that host.
pub fn collected(agent: &Agent, of: &str) -> Result<Collected, Failure> {
    let known = agent.state().peer.clone().filter(|(peer, _)| peer == of);
    known.map(|(_, collected)| collected).ok_or_else(|| {
        Failure::new(
            ErrorCode::State,
            format!("{} has never heard {of} at work, so that it knows nothing to start from", agent.host),
        )
        .hint(format!("start the agent of {of} again, or the work there"))
    })
}
