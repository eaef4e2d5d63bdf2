//! What serves on this host and ends by itself is brought back without an operator: a process died, the machine was booted, the cable to the radio is
//! out.
//!
//! The agent whose processes they are sees their end at once, and the store says that they are to serve. What an operator or a command has ended stays
//! so. The order itself is the operator's `recover`, with all of its checks: on this host, or on another one where this one cannot serve.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::WorkState;
use tokio::time::{Instant, sleep};

use super::attempts::Attempts;
use super::successor::successor;
use super::{is_busy, order};
use crate::agent::state::Agent;
use crate::agent::store::Store;
use crate::agent::work::WorkFault;
use config::{HostName, RadioName};
use protocol::{Failure, Level, Method, Order, OrderRequest, RunRecord};

/// Between two looks at what tells nothing by itself.
const LOOK: Duration = Duration::from_millis(250);
/// An armed standby takes over in milliseconds; whether it has, is known after this.
const STANDBY_FIRST: Duration = Duration::from_secs(1);
/// After an attempt for which nobody could be asked.
const AGAIN: Duration = Duration::from_secs(2);

/// Looks after one radio's work on this host until the agent ends.
pub(super) async fn run(store: Arc<Store>, agent: Arc<Agent>) {
    let Some(radio) = agent.host.config.in_pool.clone() else { return };
    let mut upkeep = Upkeep {
        begun_without: agent.work.fault() == Some(WorkFault::NotRunning),
        store,
        agent,
        radio,
        followed: false,
        since: None,
        rests_until: Instant::now(),
        attempts: Attempts::default(),
        failed: BTreeSet::new(),
        said: None,
    };
    let (mut news, mut seen) = (upkeep.agent.work.process_news(), upkeep.store.seen.subscribe());
    loop {
        upkeep.look().await;
        tokio::select! {
            _ = news.changed() => {}
            _ = seen.changed() => {}
            () = sleep(LOOK) => {}
            () = upkeep.agent.stop.cancelled() => return,
        }
    }
}

struct Upkeep {
    store: Arc<Store>,
    agent: Arc<Agent>,
    radio: RadioName,
    /// Nothing ran when this agent began, and nothing has since.
    begun_without: bool,
    /// A standby followed when all was well.
    followed: bool,
    /// What is wrong, and since when.
    since: Option<(WorkFault, Instant)>,
    rests_until: Instant,
    attempts: Attempts,
    /// Servers on which it could not be brought back.
    failed: BTreeSet<HostName>,
    said: Option<String>,
}

/// Whether a fault that has lasted so long is one that the pool mends. `patience` is what a server that is missing is given.
fn is_due(fault: WorkFault, lasted: Duration, begun_without: bool, followed: bool, patience: Duration) -> bool {
    match fault {
        WorkFault::Died if followed => lasted >= STANDBY_FIRST,
        WorkFault::Died => true,
        // A command has ended what ran before.
        WorkFault::NotRunning => begun_without,
        // They may pass by themselves.
        WorkFault::CableOut | WorkFault::Hung | WorkFault::NotLinked => lasted >= patience,
    }
}

impl Upkeep {
    async fn look(&mut self) {
        let Some(fault) = self.agent.work.fault() else {
            self.followed = self.agent.work.usrp().sends_heartbeats();
            (self.begun_without, self.since, self.said) = (false, None, None);
            self.failed.clear();
            return;
        };
        let since = match self.since {
            Some((known, since)) if known == fault => since,
            _ => self.since.insert((fault, Instant::now())).1,
        };
        let patience = self.store.settings.lease + self.store.settings.grace;
        let due = is_due(fault, since.elapsed(), self.begun_without, self.followed, patience);
        let rests = Instant::now() < self.rests_until || !self.attempts.has_paused();
        if !due || rests || !self.is_to_serve() || is_busy(&self.agent) {
            return;
        }
        match self.bring_back(fault).await {
            Ok(record) => self.agent.host.alert(Level::Warning, brought_back(&self.radio, &record)),
            Err(why) => {
                self.rests_until = Instant::now() + AGAIN;
                if self.said.as_ref() != Some(&why.message) {
                    self.agent.host.alert(Level::Error, why.to_string());
                    self.said = Some(why.message);
                }
            }
        }
    }

    /// The store has the radio served by this host, and nobody is about to change that.
    fn is_to_serve(&self) -> bool {
        let newest = self.agent.work.owner().unwrap_or_default();
        let seen = self.store.seen.borrow();
        let owner = seen.view.owners.get(&self.radio);
        let served_here = owner
            .is_some_and(|owner| owner.host == self.store.host && owner.state == WorkState::Serving && owner.epoch >= newest.epoch);
        served_here && seen.read && seen.lost.is_none() && !seen.view.reserved.contains_key(&self.radio)
    }

    async fn bring_back(&mut self, fault: WorkFault) -> Result<RunRecord, Failure> {
        self.attempts.admit(&self.radio)?;
        let (here, view) = (self.store.host.clone(), Arc::clone(&self.agent.host.config));
        let cannot_here = fault == WorkFault::CableOut || self.agent.drained.is_set() || self.failed.contains(&here);
        let next = successor(&self.store, &view, &self.agent.client, &here, &self.failed).await;
        let [on, other] = match next {
            Ok(next) if cannot_here => [next, here],
            Ok(next) => [here, next],
            Err(failure) if cannot_here => return Err(failure),
            // An order is between two servers, whether or not the other one is there.
            Err(_) => {
                let other = view.servers().into_iter().find(|host| **host != here).cloned();
                [here, other.unwrap_or_else(|| view.roles.destination.clone())]
            }
        };
        self.attempts.note();
        self.begun_without = false;
        let request = OrderRequest {
            by: Some(format!("the pool, on {}", self.store.host)),
            between: Some([on.to_string(), other.to_string()]),
            ..OrderRequest::new(Order::DS, Method::Recover)
        };
        let outcome = order::carry_out(&self.agent.client, &on, request).await;
        if outcome.is_err() {
            self.begun_without = fault == WorkFault::NotRunning;
            self.failed.insert(on);
        }
        outcome
    }
}

fn brought_back(radio: &RadioName, record: &RunRecord) -> String {
    format!("{radio} was brought back on {} ({}, {:.1} s)", record.to, record.method, record.total_ms / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_mended_at_once_and_what_may_pass_after_a_while() {
        let patience = Duration::from_secs(7);
        let due = |fault, lasted_ms, begun_without, followed| {
            is_due(fault, Duration::from_millis(lasted_ms), begun_without, followed, patience)
        };
        assert!(due(WorkFault::Died, 0, false, false));
        assert!(!due(WorkFault::Died, 900, false, true), "its standby takes over");
        assert!(due(WorkFault::Died, 1000, false, true), "it has not");
        assert!(due(WorkFault::NotRunning, 0, true, false), "the machine was booted");
        assert!(!due(WorkFault::NotRunning, 60_000, false, false), "a command has ended it");
        for fault in [WorkFault::CableOut, WorkFault::Hung, WorkFault::NotLinked] {
            assert!(!due(fault, 6999, true, true) && due(fault, 7000, false, false), "{fault:?}");
        }
    }
}
