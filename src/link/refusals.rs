//! Refusals in the journal: each kind of line at most once a second, with how many more there were, so that strangers cannot fill it.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest reason, characters.
const LONGEST: usize = 400;

/// Says who was refused what.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl Said {
    /// How many were not said before this one; `None` when it is not to be said either.
    fn say(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

impl Refusals {
    pub(super) fn refuse(&self, who: &dyn Display, why: &dyn Display) {
        let unsaid = self.0.lock().unwrap_or_else(PoisonError::into_inner).say(Instant::now());
        // Neither control characters nor a flood in one line.
        let why: String = why.to_string().escape_debug().take(LONGEST).collect();
        match unsaid {
            Some(0) => tracing::warn!("refused {who}: {why}"),
            Some(more) => tracing::warn!("refused {who}: {why}; and {more} others since the line before"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_a_line_a_second() {
        let (mut said, now) = (Said::default(), Instant::now());
        assert_eq!(said.say(now), Some(0));
        assert!((0..1000).all(|_| said.say(now).is_none()));
        assert_eq!(said.say(now + PAUSE), Some(1000));
    }
}
