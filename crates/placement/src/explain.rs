//! Why a radio has no place, in the pool's names.

use config::HostName;

use crate::amount::{Cores, Rate};
use crate::plan::{Obstacle, Reason};
use crate::pool::Pool;
use crate::search::Search;
use crate::state::Role;
use crate::table::{CORES, RadioId, ServerId};

/// What keeps a radio off each server that is allowed to serve it, or off the only one in question.
pub(crate) fn reason(pool: &Pool, search: &Search, radio: RadioId, role: Role, only: Option<ServerId>) -> Reason {
    let row = &search.table.radios[radio];
    let Some(source) = pool.radios().get(&row.name) else { return Reason::NoServer(Vec::new()) };
    let mut obstacles: Vec<(HostName, Obstacle)> = Vec::new();
    for name in &source.servers {
        let Some(server) = search.table.server(name).filter(|server| only.is_none_or(|only| only == *server)) else { continue };
        let obstacle = if source.forbidden.contains(name) {
            Obstacle::Forbidden
        } else {
            let lacking = source
                .need
                .links
                .keys()
                .find(|link| pool.servers().get(name).is_some_and(|s| !s.capacity.links.contains_key(*link)));
            lacking.map_or_else(|| obstacle(search, radio, role, server), |link| Obstacle::NoInterface(link.clone()))
        };
        obstacles.push((name.clone(), obstacle));
    }
    Reason::NoServer(obstacles)
}

/// What keeps a radio off a server that may serve it.
fn obstacle(search: &Search, radio: RadioId, role: Role, server: ServerId) -> Obstacle {
    let (table, state) = (search.table, &search.state);
    if state.lost[server] {
        return Obstacle::Lost;
    }
    if state.drained[server] {
        return Obstacle::Drained;
    }
    if role == Role::Standby && state.place(radio, Role::Service) == Some(server) {
        return Obstacle::Serves;
    }
    if let Some(other) = table.radios[radio].apart.iter().find(|other| state.is_at(**other, server)) {
        return Obstacle::Apart(table.radios[*other].name.clone());
    }
    let (taken, capacity) = (state.taken(server), &table.servers[server].capacity);
    for &(resource, need) in table.radios[radio].need.iter().filter(|_| !state.is_at(radio, server)) {
        let free = capacity[resource].saturating_sub(taken[resource]);
        if free >= need {
            continue;
        }
        if resource == CORES {
            return Obstacle::Cores { free: Cores::of_thousandths(free), need: Cores::of_thousandths(need) };
        }
        let (free, need) = (Rate::of_thousandths(free), Rate::of_thousandths(need));
        return Obstacle::Link { interface: table.interfaces[resource - 1].clone(), free, need };
    }
    Obstacle::NoDetour
}
