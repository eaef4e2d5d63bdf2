//! Has the store know what happened without it: a standby took over, a service went back, an order was forced. And has the agent know what the store
//! knows better.
//!
//! Whoever has the radio is its owner: the store is told, and gives an epoch of its own for it where another one was taken meanwhile. Nothing that
//! serves ends by what is read here: a newer owner is learnt, and the agents' own rule and the radio say who gives way.

use std::sync::Arc;
use std::time::Duration;

use engine::{Error, Ownership, WorkState};
use tokio::time::sleep;

use super::is_busy;
use crate::agent::host::alarms::Concern;
use crate::agent::state::Agent;
use crate::agent::store::{Store, expected};
use crate::agent::work::Owner;
use config::RadioName;
use protocol::{Failure, Level};

/// Between two looks. What differs at two of them is not just about to change.
const LOOK: Duration = Duration::from_millis(500);

/// What does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Difference {
    /// The store knows a newer owner.
    Learn(Owner),
    /// This host has the radio under an epoch that the store does not know as its owner's.
    Tell(u64),
    /// The store has it as stopped, and it serves.
    Serves(u64),
}

/// The rule.
fn difference(host: &str, newest: &Owner, serves: bool, stored: Option<&Ownership>) -> Option<Difference> {
    let stopped = stored.is_some_and(|owner| owner.state == WorkState::Stopped);
    let stored = stored.map(|owner| Owner { epoch: owner.epoch, owner: owner.host.to_string() });
    let owns = newest.epoch > 0 && newest.owner == host;
    match stored {
        Some(stored) if stored == *newest => (owns && serves && stopped).then_some(Difference::Serves(newest.epoch)),
        Some(stored) if stored.epoch > newest.epoch => Some(Difference::Learn(stored)),
        _ if owns && serves => Some(Difference::Tell(newest.epoch)),
        _ => None,
    }
}

/// Compares until the agent ends.
pub(super) async fn run(store: Arc<Store>, agent: Arc<Agent>) {
    let Some(radio) = agent.host.config.in_pool.clone() else { return };
    let mut seen = store.seen.subscribe();
    let mut before = None;
    loop {
        tokio::select! {
            _ = seen.changed() => {}
            () = sleep(LOOK) => {}
            () = agent.stop.cancelled() => return,
        }
        let (read, lost) = {
            let seen = seen.borrow_and_update();
            (seen.read, seen.lost.clone())
        };
        say_whether_there_is_a_quorum(&agent, lost.as_ref());
        if !read || lost.is_some() || is_busy(&agent) {
            before = None;
            continue;
        }
        let newest = agent.work.owner().unwrap_or_default();
        let now = difference(&agent.host.name, &newest, agent.work.usrp().is_linked(), store.owner_of(&radio).as_ref());
        match &now {
            Some(Difference::Learn(owner)) => agent.work.learn_owner(owner.clone()),
            Some(difference) if before == now => {
                if let Err(error) = tell(&store, &agent, &radio, difference).await {
                    tracing::info!("the pool's store was not told that {} has {radio}: {error}", agent.host.name);
                }
            }
            _ => {}
        }
        before = now;
        // What was seen in the meantime is looked at after a while, not at once.
        sleep(LOOK).await;
    }
}

/// This host has the radio.
async fn tell(store: &Store, agent: &Arc<Agent>, radio: &RadioName, difference: &Difference) -> Result<(), Error> {
    let epoch = match *difference {
        Difference::Learn(_) => return Ok(()),
        Difference::Serves(epoch) => return store.owners.set_state(radio, epoch, WorkState::Serving).await,
        Difference::Tell(epoch) => epoch,
    };
    store.owners.at_least(radio, epoch).await?;
    let stored = store.owners.ownership(radio).await?;
    let given = store.owners.grant(radio, &store.host, expected(stored.as_ref())).await?;
    agent.work.raise_epoch(given);
    Ok(())
}

fn say_whether_there_is_a_quorum(agent: &Agent, lost: Option<&Error>) {
    match lost {
        Some(error) => agent.host.raise(Concern::Store, Level::Warning, Failure::from(error.clone())),
        None => agent.host.clear(&Concern::Store, || format!("the pool's store answers {} again", agent.host.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(epoch: u64, owner: &str) -> Owner {
        Owner { epoch, owner: owner.to_owned() }
    }

    #[test]
    fn whoever_has_the_radio_tells_the_store_and_learns_what_is_newer() {
        let stored = |epoch: u64, host: &str| {
            Some(Ownership { host: host.parse().unwrap(), epoch, state: WorkState::Serving, highest: epoch })
        };
        let ruled = |newest: Owner, serves: bool, stored: Option<Ownership>| difference("one", &newest, serves, stored.as_ref());
        // Nobody has had it.
        assert_eq!(ruled(Owner::default(), false, None), None);
        // All agree.
        assert_eq!(ruled(owner(3, "one"), true, stored(3, "one")), None);
        assert_eq!(ruled(owner(3, "two"), false, stored(3, "two")), None);
        let stopped = Ownership { state: WorkState::Stopped, ..stored(3, "one").unwrap() };
        assert_eq!(ruled(owner(3, "one"), false, Some(stopped.clone())), None);
        assert_eq!(ruled(owner(3, "one"), true, Some(stopped)), Some(Difference::Serves(3)), "it was started without the store");
        // A take-over, a forced order, the way back: the store is behind.
        for behind in [None, stored(2, "one"), stored(2, "two"), stored(3, "two")] {
            assert_eq!(ruled(owner(3, "one"), true, behind.clone()), Some(Difference::Tell(3)), "{behind:?}");
            assert_eq!(ruled(owner(3, "one"), false, behind.clone()), None, "what does not serve tells nothing");
            assert_eq!(ruled(owner(3, "two"), true, behind), None, "that is for two to tell");
        }
        // The store knows better, also of this host.
        for serves in [false, true] {
            assert_eq!(ruled(owner(3, "one"), serves, stored(4, "two")), Some(Difference::Learn(owner(4, "two"))));
            assert_eq!(ruled(owner(3, "one"), serves, stored(4, "one")), Some(Difference::Learn(owner(4, "one"))));
            assert_eq!(ruled(Owner::default(), serves, stored(4, "two")), Some(Difference::Learn(owner(4, "two"))));
        }
    }
}
