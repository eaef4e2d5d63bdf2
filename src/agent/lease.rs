//! A freeze is a lease: a source that waits frozen for whoever has frozen it goes on by itself when nobody comes.
//!
//! It does so only when the radio's network knows of no other host with the radio's address. A destination that has taken over has it until the source is
//! ended, so that a source which goes on has not been taken over from; and one that was stopped on the way there finds the freeze too old
//! ([`STALE`](crate::migration::flow::STALE)).

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::state::Agent;
use super::{hot, linking, ownership};
use crate::migration::flow::THAW;
use protocol::{ErrorCode, Level};

/// Both processes are frozen from now on.
pub fn begin(agent: &Arc<Agent>) {
    let since = Instant::now();
    agent.state().frozen = Some(since);
    tokio::spawn(watch(Arc::clone(agent), since));
}

/// They are not, or not any more.
pub fn over(agent: &Agent) {
    agent.state().frozen = None;
}

async fn watch(agent: Arc<Agent>, since: Instant) {
    let mut said = None;
    loop {
        tokio::select! {
            () = sleep(THAW) => {}
            () = agent.leaving.cancelled() => return,
        }
        let _one_at_a_time = agent.deeds.lock().await;
        let waits = agent.d2d.is_running() && agent.usrp.is_running();
        if agent.state().frozen != Some(since) || !waits {
            return;
        }
        let seconds = since.elapsed().as_secs();
        let held = match linking::be_alone(&agent).await {
            Ok(()) => match hot::resume(&agent, Some(agent.ownership.newest().epoch.saturating_add(1))).await {
                Ok(()) => {
                    ownership::tell_others(&agent);
                    let text = format!("{} was frozen for {seconds} s and nobody took over: it goes on", agent.host);
                    return agent.event(Level::Warning, text);
                }
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        if said != Some(held.code) {
            let text = match held.code {
                ErrorCode::AddressConflict => format!("{} stays frozen: another host has the radio's address", agent.host),
                _ => format!("{} is frozen since {seconds} s and can not go on: {held}", agent.host),
            };
            agent.event(Level::Warning, text);
            said = Some(held.code);
        }
    }
}
