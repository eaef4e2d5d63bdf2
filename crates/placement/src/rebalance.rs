//! Radios to what they prefer, and servers to the policy.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use config::Strategy;

use crate::search::Search;
use crate::state::Role;
use crate::table::{RadioId, ServerId};

/// How much a move is worth: what the radio prefers, then what the busier of the two servers is relieved of.
///
/// A move is only made for a gain. The sum of what radios prefer never falls; where it stays, the list of the servers' loads falls, greatest
/// first. So no sequence of such moves comes back to where it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Gain {
    preference: u64,
    relief: u64,
}

/// Moves radios one at a time, the most gainful move first, until none is gainful. Returns the radios that their budget keeps where they are.
pub(crate) fn rebalance(search: &mut Search, least_gain: u32) -> BTreeSet<RadioId> {
    while let Some((radio, server)) = most_gainful(search, least_gain) {
        search.put(radio, Role::Service, Some(server));
    }
    let bound = (0..search.table.radios.len()).filter(|radio| !may_move(search, *radio));
    bound.filter(|radio| gains(search, *radio, least_gain).next().is_some()).collect()
}

fn may_move(search: &Search, radio: RadioId) -> bool {
    search.moved(radio) || search.has_budget(radio)
}

fn most_gainful(search: &Search, least_gain: u32) -> Option<(RadioId, ServerId)> {
    let movable = (0..search.table.radios.len()).filter(|radio| may_move(search, *radio));
    let all = movable.flat_map(|radio| gains(search, radio, least_gain).map(move |(server, gain)| (gain, radio, server)));
    let best = all.max_by_key(|(gain, radio, server)| {
        (*gain, Reverse(search.table.radios[*radio].priority), Reverse(*radio), Reverse(*server))
    });
    best.map(|(_, radio, server)| (radio, server))
}

/// The servers to which a radio would be moved with a gain. A standby's place is none: the standby would have to go elsewhere.
fn gains(search: &Search, radio: RadioId, least_gain: u32) -> impl Iterator<Item = (ServerId, Gain)> {
    let from = search.state.served(radio).filter(|from| search.state.open(*from));
    let row = &search.table.radios[radio];
    from.into_iter().flat_map(move |from| {
        let others = row.may.iter().copied().filter(move |to| search.state.place(radio, Role::Standby) != Some(*to));
        let taking =
            others.filter(move |to| row.preference[*to] >= row.preference[from] && search.takes(radio, Role::Service, *to));
        let gains = taking.map(move |to| {
            let gain = Gain { preference: row.preference[to] - row.preference[from], relief: relief(search, radio, from, to) };
            (to, gain)
        });
        gains.filter(move |(_, gain)| gain.preference > 0 || gain.relief >= least(search.strategy, least_gain))
    })
}

fn least(strategy: Strategy, least_gain: u32) -> u64 {
    match strategy {
        Strategy::Spread => 1,
        Strategy::Balance | Strategy::Consolidate => u64::from(least_gain.max(1)),
    }
}

/// By how much the busier of two servers is relieved.
fn relief(search: &Search, radio: RadioId, from: ServerId, to: ServerId) -> u64 {
    let (before, after) = match search.strategy {
        Strategy::Spread => {
            let (from, to) = (search.state.services(from) as u64, search.state.services(to) as u64);
            (from.max(to), to + 1)
        }
        Strategy::Balance => {
            let before = search.busy(from, None).max(search.busy(to, None));
            (before, search.busy(to, Some(radio)).max(search.busy_without(from, radio)))
        }
        Strategy::Consolidate => (0, 0),
    };
    before.saturating_sub(after)
}
