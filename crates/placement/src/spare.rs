//! Servers that need not be on.

use std::collections::BTreeSet;

use config::HostName;

use crate::goal::Policy;
use crate::headroom::no_headroom;
use crate::pool::Pool;

/// Servers with nothing to do that may be off together, as far as the policy keeps headroom: without them the loss of any other can be made good as
/// it can be with them. Lost and drained ones are none of them: somebody may be at work there.
pub fn spare(pool: &Pool, policy: &Policy) -> BTreeSet<HostName> {
    let busy: BTreeSet<&HostName> =
        pool.radios().values().flat_map(|radio| radio.served_by.iter().chain(&radio.standby_at)).collect();
    let idle = pool.servers().values().filter(|server| !server.lost && !server.drained && !busy.contains(&server.name));
    let mut spare = BTreeSet::new();
    let mut rest = pool.clone();
    let lacking =
        |pool: &Pool| -> BTreeSet<HostName> { no_headroom(pool, policy).into_iter().map(|lacking| lacking.server).collect() };
    let now = if policy.keep_headroom { lacking(pool) } else { BTreeSet::new() };
    for server in idle {
        let without = rest.altered(|other| other.lost |= other.name == server.name, |_| {});
        if !policy.keep_headroom || now.is_superset(&lacking(&without)) {
            rest = without;
            spare.insert(server.name.clone());
        }
    }
    spare
}
