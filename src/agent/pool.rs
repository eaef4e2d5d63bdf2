//! What the agents of servers do for a pool that has a store: they are its members, have it know who serves what, bring back what ended by itself, and
//! the one that leads serves elsewhere what a lost server had.
//!
//! Nothing here is within a cut, and nothing that serves ends because the store is away.

mod attempts;
mod failover;
mod order;
mod successor;
mod uphold;
mod upkeep;

use std::sync::Arc;

use super::radios::Radios;
use super::state::Agent;
use super::store::Store;
use config::{FailoverPolicy, RadioViews};
use workload::runtime::keep_running;

/// Has the host's agents use the store until the process ends. Must be called within a tokio runtime.
pub(super) fn begin(store: &Arc<Store>, cluster: &Arc<RadioViews>, radios: &Radios) {
    let [watching, asking, member] = [store; 3].map(Arc::clone);
    keep_running("what watches the pool's store", move || Arc::clone(&watching).watch_changes());
    keep_running("what asks the pool's store for a quorum", move || Arc::clone(&asking).watch_quorum());
    keep_running("the pool's membership", move || Arc::clone(&member).stay_member());
    for agent in radios.all() {
        let [upholding, keeping] = [(store, agent); 2].map(|(store, agent)| (Arc::clone(store), Arc::clone(agent)));
        keep_running("what upholds ownership in the pool's store", move || {
            uphold::run(Arc::clone(&upholding.0), Arc::clone(&upholding.1))
        });
        if store.settings.failover == FailoverPolicy::Automatic {
            keep_running("what brings back the work of a radio", move || {
                upkeep::run(Arc::clone(&keeping.0), Arc::clone(&keeping.1))
            });
        }
    }
    if store.settings.failover == FailoverPolicy::Automatic {
        let (store, cluster, radios) = (Arc::clone(store), Arc::clone(cluster), radios.clone());
        keep_running("the pool's leader", move || failover::run(Arc::clone(&store), Arc::clone(&cluster), radios.clone()));
    }
}

/// A host within a cut has no time for the pool, and an order decides by itself.
fn is_busy(agent: &Agent) -> bool {
    agent.host.priority.is_raised() || agent.order.try_lock().is_err() || agent.participation.elsewhere().is_some()
}
