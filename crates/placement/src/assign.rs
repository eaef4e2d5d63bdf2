//! Who is to be where after a drain, a loss, a start or a move.

use std::cmp::Reverse;

use crate::search::Search;
use crate::state::Role;
use crate::table::{RadioId, ServerId};

/// Places services in the order that leaves out the fewest of the highest priority, and returns those that are left out.
pub(crate) fn services(search: &mut Search, radios: &[RadioId]) -> Vec<RadioId> {
    let table = search.table;
    let mut by_priority = radios.to_vec();
    by_priority.sort_by_key(|radio| {
        let row = &table.radios[*radio];
        (Reverse(row.priority), row.may.len(), Reverse(row.size()), *radio)
    });
    let mark = search.state.mark();
    let first = in_order(search, &by_priority);
    if first.is_empty() || radios.len() == 1 {
        return first;
    }
    let mut by_size = radios.to_vec();
    by_size.sort_by_key(|radio| {
        let row = &table.radios[*radio];
        (Reverse(row.size()), row.may.len(), Reverse(row.priority), *radio)
    });
    search.roll_back(mark);
    let second = in_order(search, &by_size);
    if priorities(search, &second) < priorities(search, &first) {
        return second;
    }
    search.roll_back(mark);
    in_order(search, &by_priority)
}

fn in_order(search: &mut Search, radios: &[RadioId]) -> Vec<RadioId> {
    radios.iter().copied().filter(|radio| !search.place(*radio, Role::Service)).collect()
}

fn priorities(search: &Search, radios: &[RadioId]) -> Vec<u8> {
    let mut priorities: Vec<u8> = radios.iter().map(|radio| search.table.radios[*radio].priority).collect();
    priorities.sort_by_key(|priority| Reverse(*priority));
    priorities
}

/// Brings back what was moved to make room and need not have been.
pub(crate) fn go_home(search: &mut Search) {
    for radio in 0..search.table.radios.len() {
        let home = search.before.place(radio, Role::Service);
        if let Some(home) =
            home.filter(|home| search.moved(radio) && !search.pinned[radio] && search.takes(radio, Role::Service, *home))
        {
            search.put(radio, Role::Service, Some(home));
        }
    }
}

/// What a lost server served goes to its standbys, or where there is room. Returns those that are not served.
pub(crate) fn fail_over(search: &mut Search, lost: ServerId) -> Vec<RadioId> {
    search.state.lost[lost] = true;
    let mut radios = Vec::new();
    for radio in search.state.at(lost).to_vec() {
        if search.state.place(radio, Role::Standby) == Some(lost) {
            search.put(radio, Role::Standby, None);
            continue;
        }
        let standby = search.state.place(radio, Role::Standby).filter(|standby| !search.state.lost[*standby]);
        search.put(radio, Role::Service, standby);
        match standby {
            Some(_) => search.pinned[radio] = true,
            None => radios.push(radio),
        }
    }
    let left = services(search, &radios);
    go_home(search);
    left
}

/// Takes off a server what may be moved. Returns those that stay: for want of a place, and of their budget.
pub(crate) fn drain(search: &mut Search, server: ServerId) -> (Vec<RadioId>, Vec<RadioId>) {
    search.state.drained[server] = true;
    let mut radios = Vec::new();
    for radio in search.state.at(server).to_vec() {
        if search.state.place(radio, Role::Standby) == Some(server) {
            search.put(radio, Role::Standby, None);
        } else {
            radios.push(radio);
        }
    }
    let (radios, stay) = radios.into_iter().partition::<Vec<_>, _>(|radio| search.has_budget(*radio));
    let left = services(search, &radios);
    go_home(search);
    (left, stay)
}

/// Puts radios where they are ordered to, and makes room there. Returns those that cannot go: for want of room, and of their budget.
pub(crate) fn moves(search: &mut Search, ordered: &[(RadioId, ServerId)]) -> (Vec<RadioId>, Vec<RadioId>) {
    ordered.iter().for_each(|(radio, _)| search.pinned[*radio] = true);
    let (ordered, stay): (Vec<_>, Vec<_>) = ordered.iter().copied().partition(|(radio, _)| search.has_budget(*radio));
    let mut left = Vec::new();
    let mark = search.state.mark();
    // All leave before the first one comes: one may need the room that another one leaves.
    ordered.iter().for_each(|(radio, _)| search.put(*radio, Role::Service, None));
    if !ordered.iter().all(|(radio, to)| search.place_at(*radio, *to)) {
        search.roll_back(mark);
        left = ordered.iter().filter(|(radio, to)| !search.place_at(*radio, *to)).map(|(radio, _)| *radio).collect();
    }
    go_home(search);
    (left, stay.into_iter().map(|(radio, _)| radio).collect())
}

/// Finds a standby for each of these radios that is served and has none, as far as there is room.
pub(crate) fn standbys(search: &mut Search, radios: impl Iterator<Item = RadioId>) {
    let wanting =
        radios.filter(|radio| search.state.served(*radio).is_some() && search.state.place(*radio, Role::Standby).is_none());
    let mut wanting: Vec<RadioId> = wanting.collect();
    wanting.sort_by_key(|radio| (Reverse(search.table.radios[*radio].priority), *radio));
    for radio in wanting {
        search.place(radio, Role::Standby);
    }
}

/// Radios that the plan touches and that are to have a standby: they want one, or had one.
pub(crate) fn touched(search: &Search) -> Vec<RadioId> {
    let changed = |radio: &RadioId| {
        let other = |role| search.before.place(*radio, role) != search.state.place(*radio, role);
        other(Role::Service) || other(Role::Standby)
    };
    let due = |radio: &RadioId| search.table.radios[*radio].wants_standby || search.before.place(*radio, Role::Standby).is_some();
    (0..search.table.radios.len()).filter(|radio| changed(radio) && due(radio)).collect()
}
