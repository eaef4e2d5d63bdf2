//! Whether the loss of any one server could be made good.

use std::collections::BTreeSet;

use config::{HostName, RadioName};

use crate::assign;
use crate::goal::Policy;
use crate::plan::NoHeadroom;
use crate::pool::Pool;
use crate::reach::reach;
use crate::search::Search;
use crate::state::{Role, State};
use crate::table::{RadioId, ServerId, Table};

/// Servers whose loss could not be made good as the pool is, in the order of their names.
pub fn no_headroom(pool: &Pool, policy: &Policy) -> Vec<NoHeadroom> {
    look(pool, policy, named)
}

/// The radios that would not be served if a server were lost; none of a server that the pool has not, or that is lost.
pub fn unserved_without(pool: &Pool, policy: &Policy, server: &HostName) -> BTreeSet<RadioName> {
    look(pool, policy, |search| search.table.server(server).map_or_else(BTreeSet::new, |id| names(search, without(search, id))))
}

fn look<T>(pool: &Pool, policy: &Policy, find: impl FnOnce(&Search) -> T) -> T {
    let table = Table::of(pool);
    let state = State::of(pool, &table);
    let moves_left = table.radios.iter().map(|radio| radio.moves_left).collect();
    find(&Search::new(&table, &state, policy, moves_left))
}

fn names(search: &Search, radios: Vec<RadioId>) -> BTreeSet<RadioName> {
    radios.into_iter().map(|radio| search.table.radios[radio].name.clone()).collect()
}

/// [`lacking`] in the pool's names.
pub(crate) fn named(search: &Search) -> Vec<NoHeadroom> {
    let lacking = lacking(search).into_iter();
    lacking
        .map(|(server, radios)| NoHeadroom { server: search.table.servers[server].name.clone(), without: names(search, radios) })
        .collect()
}

/// Servers whose loss could not be made good, and the radios that would not be served then.
pub(crate) fn lacking(search: &Search) -> Vec<(ServerId, Vec<RadioId>)> {
    let servers = 0..search.table.servers.len();
    let lacking = servers.map(|server| (server, without(search, server)));
    lacking.filter(|(_, radios)| !radios.is_empty()).collect()
}

/// The radios that would not be served if a server were lost: those that a plan for the loss leaves.
fn without(search: &Search, server: ServerId) -> Vec<RadioId> {
    if search.state.lost[server] || search.state.services(server) == 0 {
        return Vec::new();
    }
    let mut begin = search.clone();
    begin.before = &search.state;
    let mut quick = begin.clone();
    let mut radios = assign::fail_over(&mut quick, server);
    if makes_room(&quick, server) {
        let (_, schedule, left) = reach(&begin, |search| {
            let left = assign::fail_over(search, server);
            assign::standbys(search, assign::touched(search).into_iter());
            left
        });
        radios = left;
        radios.extend(schedule.stuck().into_iter().map(|(radio, _)| radio).filter(|radio| schedule.state.served(*radio).is_none()));
    }
    radios.sort_unstable();
    radios.dedup();
    radios
}

/// Whether radios that the lost server did not have have to leave their places first: only then an order of moves must be found.
fn makes_room(search: &Search, lost: ServerId) -> bool {
    let elsewhere = |place: Option<ServerId>| place.is_some_and(|place| place != lost);
    (0..search.table.radios.len()).any(|radio| {
        let kept = |role| search.state.place(radio, role) == search.before.place(radio, role);
        let promoted = search.state.place(radio, Role::Service) == search.before.place(radio, Role::Standby);
        elsewhere(search.before.place(radio, Role::Service)) && !kept(Role::Service)
            || elsewhere(search.before.place(radio, Role::Standby)) && !kept(Role::Standby) && !promoted
    })
}
