//! Whether another terminal is heard, by its hellos, with the link hysteresis of RFC 3626 (section 14).

use super::hello::{Hello, PerTerminal};

/// Ticks between hellos, 1 s (HELLO_INTERVAL of RFC 3561).
pub const INTERVAL: u64 = 100_000_000;

/// A hello that does not come within this counts as missed, ticks; so does every further interval.
const LATE: u64 = INTERVAL * 3 / 2;

/// HYST_SCALING, HYST_THRESHOLD_HIGH and HYST_THRESHOLD_LOW: three hellos in a row make a link, two missed ones end it.
const SCALING: f32 = 0.5;
const HIGH: f32 = 0.8;
const LOW: f32 = 0.3;

/// Another terminal, as its hellos show it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Neighbour {
    /// Link quality of the RFC, 0..=1.
    quality: f32,
    heard: bool,
    /// Tick at which the next hello counts as missed.
    due: u64,
    said: Hello,
}

impl Neighbour {
    /// A hello came at tick `now`.
    pub fn hello(&mut self, said: Hello, now: u64) {
        self.quality += SCALING * (1.0 - self.quality);
        self.heard |= self.quality > HIGH;
        (self.said, self.due) = (said, now + LATE);
    }

    /// Counts the hellos that have been missed by tick `now`.
    pub fn pass(&mut self, now: u64) {
        while self.due > 0 && now > self.due {
            self.due += INTERVAL;
            self.quality *= 1.0 - SCALING;
            if self.quality < LOW {
                *self = Self::default();
            }
        }
    }

    /// It is heard, often enough.
    pub const fn heard(&self) -> bool {
        self.heard
    }

    /// It hears this terminal, and this terminal it.
    pub fn linked(&self, me: u8) -> bool {
        self.heard && self.said.opinions[usize::from(me)].is_some_and(|opinion| opinion.heard)
    }

    /// Over how many hops it reaches the others, as it says.
    pub fn hops(&self) -> PerTerminal<Option<u8>> {
        self.said.opinions.map(|opinion| opinion?.hops)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::hello::Opinion;

    #[test]
    fn three_hellos_in_a_row_make_a_link_and_two_missed_ones_end_it() {
        let mut said = Hello::default();
        said.opinions[1] = Some(Opinion { heard: true, hops: Some(1) });
        let mut other = Neighbour::default();
        let at = |tenths: u64| tenths * INTERVAL / 10;
        for (tenths, linked) in [(10, false), (20, false), (30, true)] {
            other.pass(at(tenths));
            other.hello(said, at(tenths));
            assert_eq!(other.linked(1), linked, "{tenths}");
            assert!(!other.linked(0), "it says nothing of hearing terminal 0");
        }
        for (tenths, linked) in [(44, true), (46, true), (54, true), (56, false)] {
            other.pass(at(tenths));
            assert_eq!(other.linked(1), linked, "{tenths}");
        }
        // Every other one is not in a row.
        for n in 0..20 {
            other.pass(at(100 + 20 * n));
            other.hello(said, at(100 + 20 * n));
            assert!(!other.heard());
        }
    }
}
