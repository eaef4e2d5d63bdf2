//! Whether the loss of any one server could be made good.

use crate::assign;
use crate::reach::reach;
use crate::search::Search;
use crate::state::Role;
use crate::table::{RadioId, ServerId};

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
