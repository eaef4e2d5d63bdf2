//! The route table of a terminal, and how probing builds it: distance vector over links that both ends hear, two hops at most.
//!
//! Time is ticks of the device clock.

use super::hello::{Hello, Opinion, PerTerminal};
use super::neighbour::{INTERVAL, Neighbour};
use crate::phy::duplex::GROUP_SIZE;
use crate::phy::numerology::TICK_RATE;
use protocol::Route;

/// Routes that were carried over are believed for this long, ticks: twice what probing needs to build them.
pub const TRIAL: u64 = 10 * INTERVAL;

/// A hello may come earlier by a part of the interval, so that terminals do not keep step (RFC 3626, MAXJITTER is a quarter).
const JITTER: u64 = INTERVAL / 4;

/// The way to a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The terminal to send to.
    pub next: u8,
    /// Transmissions until it arrives, 1 or 2.
    pub hops: u8,
    /// Hellos have shown it; otherwise it was carried over.
    pub probed: bool,
}

/// A route that was carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CarriedRoute {
    next: u8,
    /// Tick until which it is believed; none before the first samples.
    until: Option<u64>,
}

/// A route table, and the probing that fills it.
#[derive(Debug, Clone)]
pub struct Routes {
    me: u8,
    count: u8,
    neighbours: PerTerminal<Neighbour>,
    carried: PerTerminal<Option<CarriedRoute>>,
    /// Something was carried over since the probing began.
    given: bool,
    /// Tick since which there is another terminal to probe.
    began: Option<u64>,
    /// Tick at which the next hello is sent.
    next_hello: u64,
    hellos: u64,
    /// All others were reached by probing once.
    complete: bool,
    /// The ways as they were last told.
    told: PerTerminal<Option<Way>>,
}

impl Routes {
    /// An empty table of terminal `me` in a group of `count`.
    pub fn new(me: u8, count: u8) -> Self {
        Self {
            me,
            count,
            neighbours: PerTerminal::default(),
            carried: PerTerminal::default(),
            given: false,
            began: None,
            next_hello: 0,
            hellos: 0,
            complete: false,
            told: PerTerminal::default(),
        }
    }

    fn others(&self) -> impl Iterator<Item = u8> + use<> {
        let me = self.me;
        (0..self.count.min(GROUP_SIZE)).filter(move |index| *index != me)
    }

    fn neighbour(&self, index: u8) -> &Neighbour {
        &self.neighbours[usize::from(index)]
    }

    /// The way to a terminal: the shortest, and of equals the probed one.
    pub fn way(&self, destination: u8) -> Option<Way> {
        let carried = self.carried.get(usize::from(destination)).copied().flatten();
        let carried = carried.map(|c| Way { next: c.next, hops: if c.next == destination { 1 } else { 2 }, probed: false });
        let probed = self.probed(destination);
        [probed, carried].into_iter().flatten().min_by_key(|way| (way.hops, !way.probed))
    }

    fn probed(&self, destination: u8) -> Option<Way> {
        let linked = |index: &u8| self.neighbour(*index).linked(self.me);
        if self.others().any(|index| index == destination && linked(&index)) {
            return Some(Way { next: destination, hops: 1, probed: true });
        }
        // Only a terminal that reaches it directly counts, so that no route leads back.
        let reaches = |index: &u8| *index != destination && self.neighbour(*index).hops()[usize::from(destination)] == Some(1);
        let mut through = self.others().filter(|_| destination < GROUP_SIZE && destination != self.me);
        let next = through.find(|index| linked(index) && reaches(index))?;
        Some(Way { next, hops: 2, probed: true })
    }

    /// The terminal to send to, by destination.
    pub fn next_hops(&self) -> PerTerminal<Option<u8>> {
        std::array::from_fn(|index| Some(self.way(index as u8)?.next))
    }

    /// The table.
    pub fn table(&self) -> Vec<Route> {
        let route = |index| Some(Route { dest_id: u16::from(index), nexthop: u16::from(self.way(index)?.next) });
        self.others().filter_map(route).collect()
    }

    /// Takes a table that another process had at this place; it is valid at once. Returns what to tell.
    ///
    /// # Errors
    /// A sentence for a route that cannot be; the table is as before then.
    pub fn install(&mut self, routes: &[Route]) -> Result<Option<String>, String> {
        let mut carried = PerTerminal::default();
        for Route { dest_id, nexthop } in routes {
            let known = |index: &u16| self.others().find(|other| u16::from(*other) == *index);
            let (Some(destination), Some(next)) = (known(dest_id), known(nexthop)) else {
                let (me, last) = (self.me, self.count - 1);
                return Err(format!(
                    "the route ({dest_id}, {nexthop}) cannot be one of terminal {me}: a route joins other terminals of 0 to {last}"
                ));
            };
            carried[usize::from(destination)] = Some(CarriedRoute { next, until: None });
        }
        self.carried = carried;
        self.given = !routes.is_empty();
        self.told = self.ways();
        Ok(self.given.then(|| format!("the route table was carried over: {}", self.words())))
    }

    /// The device clock was set back, or this is another one: forgets what was received, keeps what was carried over.
    pub fn forget(&mut self) {
        let carried = self.carried.map(|route| route.map(|route| CarriedRoute { until: None, ..route }));
        *self = Self { carried, given: self.given, told: self.told, ..Self::new(self.me, self.count) };
    }

    /// A hello of a terminal came.
    pub fn hello(&mut self, from: u8, said: Hello, now: u64) {
        if self.others().any(|index| index == from) {
            self.neighbours[usize::from(from)].hello(said, now);
        }
    }

    /// Updates the table at tick `now`, while samples flow; `heard`: another terminal is received. `tell` gets what the operator may want to know.
    pub fn work(&mut self, now: u64, heard: bool, mut tell: impl FnMut(String)) {
        if heard {
            self.began.get_or_insert(now);
        }
        self.neighbours.iter_mut().for_each(|neighbour| neighbour.pass(now));
        for index in self.others() {
            self.try_carried(index, now, &mut tell);
        }
        let ways = self.ways();
        if ways == self.told {
            return;
        }
        let seconds = now.saturating_sub(self.began.unwrap_or(now)) as f64 / TICK_RATE;
        let probed = self.others().all(|index| ways[usize::from(index)].is_some_and(|way| way.probed));
        if probed && !self.complete {
            let how = if self.given { "that was carried over is confirmed" } else { "was completed" };
            tell(format!("the route table {how} by probing after {seconds:.1} s: {}", self.words()));
        } else if self.complete {
            self.changes(&ways, tell);
        }
        self.complete |= probed;
        self.told = ways;
    }

    /// Ends a route that was carried over when probing shows as good a one, or does not for too long.
    fn try_carried(&mut self, index: u8, now: u64, tell: &mut impl FnMut(String)) {
        let n = usize::from(index);
        let confirmed = self.way(index).is_some_and(|way| way.probed);
        let Some(route) = &mut self.carried[n] else { return };
        let until = *route.until.get_or_insert(now + TRIAL);
        if confirmed {
            self.carried[n] = None;
        } else if now > until {
            let through = through(index, route.next);
            let seconds = TRIAL as f64 / TICK_RATE;
            tell(format!(
                "the route to terminal {index} {through} was carried over but not confirmed within {seconds:.0} s: it is gone"
            ));
            self.carried[n] = None;
        }
    }

    fn changes(&self, ways: &PerTerminal<Option<Way>>, mut tell: impl FnMut(String)) {
        for index in self.others() {
            let (before, after) = (self.told[usize::from(index)], ways[usize::from(index)]);
            match (before.map(|way| way.next), after.map(|way| way.next)) {
                (before, after) if before == after => {}
                (_, Some(next)) => tell(format!("terminal {index} is now reached {}", through(index, next))),
                (_, None) => tell(format!("terminal {index} cannot be reached any more")),
            }
        }
    }

    /// The hello to send at tick `now`, if one is due.
    pub fn due(&mut self, now: u64) -> Option<Hello> {
        if now < self.next_hello {
            return None;
        }
        self.hellos += 1;
        // Any spread will do: Fibonacci hashing of who and how often.
        let spread = (self.hellos << 8 | u64::from(self.me)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        self.next_hello = now + INTERVAL - spread % JITTER;
        let mut hello = Hello::default();
        for index in self.others() {
            let hops = self.way(index).map(|way| way.hops);
            // A terminal that continues with carried routes still has the neighbours of those routes.
            let taken_over = self.carried[usize::from(index)].is_some_and(|route| route.next == index);
            let heard = self.neighbour(index).heard() || taken_over;
            hello.opinions[usize::from(index)] = Some(Opinion { heard, hops });
        }
        Some(hello)
    }

    fn ways(&self) -> PerTerminal<Option<Way>> {
        std::array::from_fn(|index| self.way(index as u8))
    }

    /// The ways in words.
    fn words(&self) -> String {
        let words = self.others().filter_map(|index| Some(format!("terminal {index} {}", through(index, self.way(index)?.next))));
        words.collect::<Vec<_>>().join(", ")
    }
}

fn through(destination: u8, next: u8) -> String {
    if destination == next { "directly".into() } else { format!("through terminal {next}") }
}

#[cfg(test)]
mod tests;
