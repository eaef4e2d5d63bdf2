//! Who may have a connection, when not everybody can. Whoever is crowded out is closed, and may connect again.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Handshakes under way at once.
const HANDSHAKES: usize = 64;
/// The same from one address.
const HANDSHAKES_FROM_ONE: usize = 8;
/// Open connections that are not those of the cluster's hosts: consoles and tools, with room; more is a leak or an attack.
const OPEN: usize = 64;
/// Open connections from one address of peers that nobody vouches for, so that no single machine can keep all others out.
const OPEN_FROM_ONE: usize = OPEN / 2;
/// Open connections of one host of the cluster. These places are kept for it.
const OPEN_OF_HOST: usize = 8;

/// Whose place it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Side {
    /// An agent of the cluster.
    Host(String),
    /// An operator, or a user of this machine.
    Known,
    /// Anybody, from an address.
    Unknown(Option<IpAddr>),
    /// Somebody who is shaking hands, from an address.
    Handshake(Option<IpAddr>),
}

#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    /// Counts what was heard, so that who was heard longest ago can be told. Outside the lock: whoever serves a connection must not wait for the
    /// gate's thread, whose priority is lower.
    beat: AtomicU64,
    members: HashSet<IpAddr>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    taken: HashMap<u64, Taken>,
}

#[derive(Debug)]
struct Taken {
    side: Side,
    heard: Arc<AtomicU64>,
    end: CancellationToken,
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
pub struct Place {
    number: u64,
    places: Places,
    heard: Arc<AtomicU64>,
    end: CancellationToken,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().taken.remove(&self.number);
    }
}

impl Place {
    /// Is cancelled when another connection needs the place.
    pub fn ended(&self) -> CancellationToken {
        self.end.clone()
    }

    /// Notes that the peer has said something.
    pub fn heard(&self) {
        self.heard.store(self.places.next_beat(), Ordering::Relaxed);
    }

    /// The handshake is over: from now on it is a place of this side.
    pub(super) fn open(&mut self, side: Side) {
        let mut table = self.places.lock();
        match &side {
            Side::Host(_) => table.make_room(OPEN_OF_HOST, |other| *other == side),
            Side::Known => table.make_room(OPEN, |other| matches!(other, Side::Known)),
            _ => {
                table.make_room(OPEN_FROM_ONE, |other| *other == side);
                table.make_room(OPEN, |other| matches!(other, Side::Unknown(_)));
            }
        }
        if let Some(taken) = table.taken.get_mut(&self.number) {
            taken.side = side;
        }
    }
}

impl Places {
    pub(super) fn new(members: HashSet<IpAddr>) -> Self {
        Self(Arc::new(Shared { table: Mutex::default(), beat: AtomicU64::new(0), members }))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Every change under the lock is whole.
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_beat(&self) -> u64 {
        self.0.beat.fetch_add(1, Ordering::Relaxed)
    }

    /// A place for a handshake. When there are too many, the oldest from the same address makes room, or else the oldest from the address
    /// with most; those from addresses of the cluster only for their own.
    pub(super) fn wait_for(&self, address: Option<IpAddr>) -> Place {
        let side = Side::Handshake(address);
        let mut table = self.lock();
        table.make_room(HANDSHAKES_FROM_ONE, |other| *other == side);
        if let Some(crowd) = table.crowd(HANDSHAKES, &self.0.members) {
            table.make_room(1, |other| *other == crowd);
        }
        let (number, end) = (table.next, CancellationToken::new());
        table.next += 1;
        let heard = Arc::new(AtomicU64::new(self.next_beat()));
        table.taken.insert(number, Taken { side, heard: Arc::clone(&heard), end: end.clone() });
        drop(table);
        Place { number, places: self.clone(), heard, end }
    }
}

impl Table {
    /// Ends the connection heard longest ago of those that are `alike`, if there are `most` of them.
    fn make_room(&mut self, most: usize, alike: impl Fn(&Side) -> bool) {
        let alike = || self.taken.iter().filter(|(_, taken)| alike(&taken.side));
        if alike().count() < most {
            return;
        }
        let oldest = alike().min_by_key(|(_, taken)| taken.heard.load(Ordering::Relaxed)).map(|(number, _)| *number);
        if let Some(taken) = oldest.and_then(|number| self.taken.remove(&number)) {
            taken.end.cancel();
        }
    }

    /// The address outside the cluster with most handshakes under way, when there are `most` or more in all.
    fn crowd(&self, most: usize, members: &HashSet<IpAddr>) -> Option<Side> {
        let mut counts: HashMap<&Side, usize> = HashMap::new();
        for taken in self.taken.values().filter(|taken| matches!(taken.side, Side::Handshake(_))) {
            *counts.entry(&taken.side).or_default() += 1;
        }
        if counts.values().sum::<usize>() < most {
            return None;
        }
        let stranger = |side: &&Side| !matches!(side, Side::Handshake(Some(address)) if members.contains(address));
        counts.into_iter().filter(|(side, _)| stranger(side)).max_by_key(|(_, count)| *count).map(|(side, _)| side.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    fn places() -> Places {
        Places::new(address(1).into_iter().collect())
    }

    #[test]
    fn an_address_crowds_out_only_itself() {
        let places = places();
        let first = places.wait_for(address(2));
        let other = places.wait_for(address(3));
        let more: Vec<Place> = (0..HANDSHAKES_FROM_ONE).map(|_| places.wait_for(address(2))).collect();
        assert!(first.end.is_cancelled() && !other.end.is_cancelled());
        assert!(more.iter().all(|place| !place.end.is_cancelled()));
        drop((first, more));
        assert_eq!(places.lock().taken.len(), 1);
    }

    #[test]
    fn many_addresses_crowd_out_no_host_of_the_cluster() {
        let places = places();
        let host = places.wait_for(address(1));
        let strangers: Vec<Place> = (2..=200).map(|last| places.wait_for(address(last))).collect();
        assert!(!host.end.is_cancelled());
        assert_eq!(strangers.iter().filter(|place| !place.end.is_cancelled()).count(), HANDSHAKES - 1);
        assert!(!places.wait_for(address(1)).end.is_cancelled());
    }

    #[test]
    fn the_places_of_hosts_are_kept_and_the_longest_silent_makes_room() {
        let places = places();
        let open = |side: Side| {
            let mut place = places.wait_for(None);
            place.open(side);
            place
        };
        let host = open(Side::Host("server1".into()));
        let (first, second) = (open(Side::Known), open(Side::Known));
        first.heard();
        let more: Vec<Place> = (0..OPEN - 1).map(|_| open(Side::Known)).collect();
        assert!(second.end.is_cancelled() && !first.end.is_cancelled() && !host.end.is_cancelled());
        assert!(more.iter().all(|place| !place.end.is_cancelled()));
        let strangers: Vec<Place> = (0..2 * OPEN).map(|_| open(Side::Unknown(address(9)))).collect();
        assert_eq!(strangers.iter().filter(|place| !place.end.is_cancelled()).count(), OPEN_FROM_ONE);
        assert!(!first.end.is_cancelled() && !host.end.is_cancelled());
    }
}
