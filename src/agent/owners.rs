//! Asks the other hosts of the radio who owns it: once before this agent's first claim, and from then on, so that a conflict does not last.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use super::state::Agent;
use super::work::{ASK_OWNER, Work};

/// Between two questions: with the time for an answer less than a second, so that a conflict ends within one.
const PERIOD: Duration = Duration::from_millis(400);

/// Asks until the agent ends.
pub(super) async fn run(agent: Arc<Agent>, work: Arc<Work>) {
    let asked = work.other_hosts().into_iter().map(|peer| {
        let (agent, work) = (&agent, &work);
        async move { ask(agent, work, &peer).await.then_some(peer) }
    });
    let heard: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    work.introduced(&heard);
    join_all(work.other_hosts().into_iter().map(|peer| follow(&agent, &work, peer))).await;
}

async fn follow(agent: &Agent, work: &Arc<Work>, peer: String) {
    loop {
        tokio::select! {
            () = sleep(PERIOD) => {}
            () = agent.stop.cancelled() => return,
        }
        // A host within a cut has no time for questions.
        if !agent.host.priority.is_raised() {
            ask(agent, work, &peer).await;
        }
    }
}

/// Whether it has answered.
async fn ask(agent: &Agent, work: &Arc<Work>, peer: &str) -> bool {
    let Ok(report) = agent.host.ask_owner(peer, ASK_OWNER).await else { return false };
    work.heard_owner(peer, report).await;
    true
}
