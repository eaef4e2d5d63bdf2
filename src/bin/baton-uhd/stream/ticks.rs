//! From libuhd's times to the ticks of the sample socket, and back.
//!
//! A tick is 10 ns of the radio's time, whatever its master clock is. Samples are a whole number of ticks apart, so that after the first time stamp of a
//! stream every sample has its tick by counting: a stamp that falls between two ticks, as it may with a clock of 32 MHz, shifts a whole stream by less than
//! half a tick, and never one sample against another.

use uhd::TimeSpec;

/// Ticks of a second.
pub const TICKS_PER_SECOND: u64 = 100_000_000;

/// How far a rate may be from what was written, samples/s: 100e6/52 written with seven digits is still 100e6/52.
const AS_WRITTEN: f64 = 0.5;
/// How far the radio's own rate may be, of itself: rounding only. A millionth would be a sample in a second.
const AS_MADE: f64 = 1e-9;

/// The nearest tick to a time; a time before the clock's zero is none.
pub fn tick_of(time: TimeSpec) -> u64 {
    let fraction = (time.fraction * TICKS_PER_SECOND as f64).round() as i64;
    let seconds = time.seconds.saturating_mul(TICKS_PER_SECOND as i64);
    u64::try_from(seconds.saturating_add(fraction)).unwrap_or(0)
}

/// The time of a tick. The radio takes it at the nearest edge of its clock.
pub fn time_of(tick: u64) -> TimeSpec {
    let seconds = i64::try_from(tick / TICKS_PER_SECOND).unwrap_or(i64::MAX);
    TimeSpec::new(seconds, (tick % TICKS_PER_SECOND) as f64 / TICKS_PER_SECOND as f64)
}

/// Ticks per sample of a rate, samples/s.
pub fn decimation(rate: f64) -> Result<u32, String> {
    let whole = (TICKS_PER_SECOND as f64 / rate).round();
    if !(1.0..=f64::from(u32::MAX)).contains(&whole) || (TICKS_PER_SECOND as f64 / whole - rate).abs() > AS_WRITTEN {
        return Err(format!(
            "samples at {rate} samples/s are no whole number of ticks of 10 ns apart: write 100e6 divided by an integer"
        ));
    }
    Ok(whole as u32)
}

/// Refuses a rate that the radio has made another one of: ticks would not be where the samples are.
pub fn require_rate(way: &str, decimation: u32, made: f64, clock: f64) -> Result<(), String> {
    let asked = TICKS_PER_SECOND as f64 / f64::from(decimation);
    if (made - asked).abs() <= asked * AS_MADE {
        return Ok(());
    }
    Err(format!(
        "the radio {way} at {made} samples/s when asked for {asked}: its master clock of {clock} Hz has no such rate; write a rate that is both 100e6 and \
         that clock divided by an integer, or give the radio another clock by master_clock_rate= in its args"
    ))
}

/// Where samples stand among those before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Tick of the first one.
    pub tick: u64,
    /// How many are missing before it.
    pub missing: u64,
}

/// Parts of a tick in which streams are followed: a time that lies between two ticks may be rounded either way from one packet to the next.
const PARTS: u64 = 1024;
/// How far a time may be from where it is expected, parts of a tick: what is lost in a fraction of a second with 53 bits, and some more.
const JITTER: u64 = 16;

fn parts_of(time: TimeSpec) -> u64 {
    let fraction = (time.fraction * (TICKS_PER_SECOND * PARTS) as f64).round() as i64;
    let seconds = time.seconds.saturating_mul((TICKS_PER_SECOND * PARTS) as i64);
    u64::try_from(seconds.saturating_add(fraction)).unwrap_or(0)
}

/// Follows a receive stream on its grid of ticks.
#[derive(Debug)]
pub struct Grid {
    decimation: u64,
    next: Option<Next>,
}

/// Where the next sample is.
#[derive(Debug, Clone, Copy)]
struct Next {
    tick: u64,
    /// The same as the radio has it.
    parts: u64,
}

impl Grid {
    /// Of a stream with so many ticks per sample.
    pub fn new(decimation: u32) -> Self {
        Self { decimation: u64::from(decimation.max(1)), next: None }
    }

    /// Places samples by the time of the first one.
    pub fn place(&mut self, time: TimeSpec, samples: usize) -> Place {
        let parts = parts_of(time);
        let first = Place { tick: tick_of(time), missing: 0 };
        let place = self.next.map_or(first, |next| self.after(next, parts, first));
        let span = self.decimation.saturating_mul(samples as u64);
        self.next = Some(Next { tick: place.tick.saturating_add(span), parts: parts.saturating_add(span.saturating_mul(PARTS)) });
        place
    }

    fn after(&self, next: Next, parts: u64, first: Place) -> Place {
        let sample = self.decimation * PARTS;
        let missing = parts.saturating_add(sample / 2).saturating_sub(next.parts) / sample;
        let expected = next.parts.saturating_add(missing.saturating_mul(sample));
        // A stream that was started again has a grid of its own, and a clock that was set back a past of its own.
        if parts.abs_diff(expected) > JITTER {
            return Place { missing, ..first };
        }
        Place { tick: next.tick.saturating_add(missing.saturating_mul(self.decimation)), missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Master clocks of radios, Hz.
    const CLOCKS: [u64; 9] =
        [100_000_000, 200_000_000, 125_000_000, 122_880_000, 153_600_000, 61_440_000, 50_000_000, 32_000_000, 30_720_000];

    /// A time as libuhd makes it of ticks of the radio's own clock.
    fn stamp(ticks: u64, clock: u64) -> TimeSpec {
        TimeSpec::new((ticks / clock) as i64, (ticks % clock) as f64 / clock as f64)
    }

    /// Rates of the sample socket that a clock divides into, with ticks of either clock per sample.
    fn rates(clock: u64) -> impl Iterator<Item = (u32, u64)> {
        (1..=512_u32).filter_map(move |d| {
            let own = u64::from(d) * clock;
            own.is_multiple_of(TICKS_PER_SECOND).then_some((d, own / TICKS_PER_SECOND))
        })
    }

    proptest! {
        #[test]
        fn a_tick_survives_the_round_trip(tick in 0..u64::MAX / 4096) {
            prop_assert_eq!(tick_of(time_of(tick)), tick);
        }

        /// On every rate of every clock: samples that follow one another do so to the tick, and what is missing is counted.
        #[test]
        fn the_grid_is_exact_at_every_rate(
            begin in 0..1_000_000_000_000_u64,
            packets in prop::collection::vec((1..2000_usize, prop::bool::weighted(0.8)), 1..40),
        ) {
            for clock in CLOCKS {
                for (d, own) in rates(clock) {
                    let (mut grid, mut first, mut expected) = (Grid::new(d), 0_u64, None);
                    let origin = tick_of(stamp(begin, clock));
                    let (mut skipped, mut started) = (0, None);
                    for &(samples, kept) in &packets {
                        if kept {
                            let place = grid.place(stamp(begin + first * own, clock), samples);
                            let base = *started.get_or_insert(first);
                            if expected.is_none() {
                                prop_assert!(place.tick.abs_diff(origin + first * u64::from(d)) <= 1);
                                expected = Some(place.tick);
                                skipped = 0;
                            }
                            prop_assert_eq!(place.tick, expected.unwrap() + (first - base) * u64::from(d), "{} Hz, {}", clock, d);
                            prop_assert_eq!(place.missing, skipped);
                            skipped = 0;
                        } else {
                            skipped += samples as u64;
                        }
                        first += samples as u64;
                    }
                }
            }
        }
    }

    #[test]
    fn a_stream_that_begins_again_has_a_grid_of_its_own() {
        let mut grid = Grid::new(16);
        assert_eq!(grid.place(time_of(1000), 10), Place { tick: 1000, missing: 0 });
        assert_eq!(grid.place(time_of(1160), 10), Place { tick: 1160, missing: 0 });
        // Started again, 7 ticks off the grid.
        assert_eq!(grid.place(time_of(1320 + 16 * 5 + 7), 10), Place { tick: 1407, missing: 5 });
        assert_eq!(grid.place(time_of(40), 10), Place { tick: 40, missing: 0 });
    }

    #[test]
    fn a_rate_off_the_grid_is_refused() {
        assert_eq!(decimation(100e6 / 52.0), Ok(52));
        assert_eq!(decimation(1_923_077.0), Ok(52));
        assert!(decimation(1.92e6).unwrap_err().contains("no whole number of ticks"));
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(decimation(rate).is_err(), "{rate}");
        }
        assert_eq!(require_rate("receives", 52, 50e6 / 26.0, 50e6), Ok(()));
        let refused = require_rate("receives", 52, 32e6 / 17.0, 32e6).unwrap_err();
        assert!(refused.contains("master_clock_rate="), "{refused}");
    }
}
