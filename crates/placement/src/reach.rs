//! Places that an order of moves leads to.

use crate::schedule::Schedule;
use crate::search::Search;

/// How often places are looked for anew without those that no order of moves reaches.
const TRIES: usize = 6;

/// Looks for places, then for the waves that lead there; without the places that no wave reaches, again.
pub(crate) fn reach<'a, T>(search: &Search<'a>, mut assign: impl FnMut(&mut Search<'a>) -> T) -> (Search<'a>, Schedule<'a>, T) {
    let mut banned = search.banned.clone();
    let mut tries = 0;
    loop {
        let mut search = search.clone();
        search.banned.clone_from(&banned);
        let assigned = assign(&mut search);
        let schedule = Schedule::of(&search);
        let stuck = schedule.stuck();
        tries += 1;
        if tries == TRIES || stuck.iter().all(|place| banned.contains(place)) {
            return (search, schedule, assigned);
        }
        banned.extend(stuck);
    }
}
