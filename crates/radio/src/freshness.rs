//! Whether samples are of now. A process that was stopped finds seconds of them in its socket when it goes on, and what it would transmit from them is
//! long over: by then another host may have the streams.

use std::time::Duration;

use n210_wire::TICKS_PER_SECOND;

/// Ticks of a microsecond.
pub const TICKS: i64 = (TICKS_PER_SECOND / 1_000_000) as i64;

/// The radio's clock and the host's may drift apart by one in so many.
const DRIFT: i64 = 2_000;

/// Compares the times of samples with the host's clock: the least delay that has been seen is that of now.
#[derive(Debug, Default)]
pub struct Freshness {
    /// Least difference of the clocks so far, ticks, and when it was last brought up to date, us.
    least: Option<(i64, u64)>,
}

impl Freshness {
    /// What comes next is of another stream, or of a clock that was set back.
    pub fn restart(&mut self) {
        self.least = None;
    }

    /// The host's clock, in ticks, less the radio's, by the samples that came fastest; none before any.
    pub fn difference(&self) -> Option<i64> {
        self.least.map(|(least, _)| least)
    }

    /// How long samples up to a tick have waited that are read now, by the host's clock, us.
    pub fn delay(&mut self, tick: u64, now_us: u64) -> Duration {
        let difference = (now_us as i64).wrapping_mul(TICKS).wrapping_sub(tick as i64);
        let least = match self.least {
            None => difference,
            Some((least, at)) => {
                let drift = (now_us.saturating_sub(at) as i64).saturating_mul(TICKS) / DRIFT;
                difference.min(least.saturating_add(drift))
            }
        };
        self.least = Some((least, now_us));
        Duration::from_micros((difference.saturating_sub(least) / TICKS).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lay_in_the_socket_is_not_of_now() {
        let mut freshness = Freshness::default();
        // Read 2 ms after they were received, then as they come.
        assert_eq!(freshness.delay(1_000_000, 12_000), Duration::ZERO);
        assert_eq!(freshness.delay(1_200_000, 12_000), Duration::ZERO);
        assert_eq!(freshness.delay(1_250_000, 12_700), Duration::from_micros(199), "the clocks may have drifted by the rest");
        // Stopped for 5 s.
        let delay = freshness.delay(1_300_000, 5_012_700);
        assert!((4_990_000..5_000_000).contains(&delay.as_micros()), "{delay:?}");
        // Until it has caught up.
        assert!(freshness.delay(501_300_000, 5_012_900) < Duration::from_millis(3));
    }

    #[test]
    fn clocks_may_drift_apart() {
        let mut freshness = Freshness::default();
        // The radio is slower by 100 in a million, for an hour.
        for second in 0..3600_u64 {
            let delay = freshness.delay(second * 99_990_000, second * 1_000_000);
            assert!(delay < Duration::from_millis(1), "{delay:?} after {second} s");
        }
        freshness.restart();
        assert_eq!(freshness.delay(0, 3_700_000_000), Duration::ZERO);
    }
}
