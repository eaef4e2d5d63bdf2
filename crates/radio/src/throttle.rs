//! What must not be repeated too often.

use std::time::{Duration, Instant};

/// Lets something happen at most once in so long.
#[derive(Debug, Default)]
pub struct Throttle(Option<Instant>);

impl Throttle {
    /// Whether it may happen now; if so, it has.
    pub fn open(&mut self, now: Instant, every: Duration) -> bool {
        let open = self.0.is_none_or(|last| now.saturating_duration_since(last) >= every);
        if open {
            self.0 = Some(now);
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_opens_once_in_a_second() {
        let (mut throttle, now, second) = (Throttle::default(), Instant::now(), Duration::from_secs(1));
        let opened = [0, 1, 999, 1000, 1500, 2000].map(|ms| throttle.open(now + Duration::from_millis(ms), second));
        assert_eq!(opened, [true, false, false, true, false, true]);
    }
}
