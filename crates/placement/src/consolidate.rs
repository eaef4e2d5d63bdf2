//! As many servers empty as can be.

use std::collections::BTreeSet;

use crate::headroom;
use crate::search::Search;
use crate::state::Role;
use crate::table::{RadioId, ServerId};

/// Empties servers, those with the least to move first. Returns the radios that only their budget keeps where they are.
pub(crate) fn consolidate(search: &mut Search, keep_headroom: bool) -> BTreeSet<RadioId> {
    let mut bound = BTreeSet::new();
    // One makes room for another: longer chains move more than the empty server is worth.
    search.depth = 1;
    let lacking = if keep_headroom { lacking(search) } else { BTreeSet::new() };
    close_empty(search);
    let mut servers: Vec<ServerId> =
        (0..search.closed.len()).filter(|server| search.state.open(*server) && !search.closed[*server]).collect();
    servers.sort_by_key(|server| (search.state.services(*server), search.busy(*server, None), *server));
    for server in servers {
        let held: Vec<RadioId> =
            search.state.at(server).iter().copied().filter(|radio| bound_here(search, *radio, server)).collect();
        search.closed[server] = true;
        let mark = search.state.mark();
        let beyond = search.beyond_budget;
        search.beyond_budget |= !held.is_empty();
        let mut emptied = empty(search, server);
        search.beyond_budget = beyond;
        if emptied && keep_headroom {
            emptied = lacking.is_superset(&self::lacking(search));
        }
        if emptied && held.is_empty() {
            continue;
        }
        search.roll_back(mark);
        search.closed[server] = false;
        if emptied {
            bound.extend(held);
        }
    }
    bound
}

fn bound_here(search: &Search, radio: RadioId, server: ServerId) -> bool {
    search.state.place(radio, Role::Service) == Some(server) && !search.moved(radio) && !search.has_budget(radio)
}

fn close_empty(search: &mut Search) {
    for server in 0..search.closed.len() {
        search.closed[server] = search.state.at(server).is_empty();
    }
}

/// The servers without headroom. Empty servers count: they can be had in time.
fn lacking(search: &Search) -> BTreeSet<ServerId> {
    let mut open = search.clone();
    open.closed.fill(false);
    headroom::lacking(&open).into_iter().map(|(server, _)| server).collect()
}

/// Moves all that is at a server elsewhere, with all standbys; false: not all found a place.
fn empty(search: &mut Search, server: ServerId) -> bool {
    let here = search.state.at(server).to_vec();
    let (standbys, services): (Vec<_>, Vec<_>) =
        here.into_iter().partition(|radio| search.state.place(*radio, Role::Standby) == Some(server));
    let placed = standbys.iter().all(|radio| search.place(*radio, Role::Standby))
        && services.iter().all(|radio| search.place(*radio, Role::Service));
    let standbys = (0..search.table.radios.len()).filter(|radio| search.before.place(*radio, Role::Standby).is_some());
    let unfollowed: Vec<RadioId> = standbys.filter(|radio| search.state.place(*radio, Role::Standby).is_none()).collect();
    placed && unfollowed.into_iter().all(|radio| search.place(radio, Role::Standby))
}
