//! How often one radio is brought back unasked: what fails again and again is left to the operator.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use config::RadioName;
use protocol::{ErrorCode, Failure};

/// At most once in this time, and [`MOST`] times in [`WITHIN`].
const PAUSE: Duration = Duration::from_secs(10);
const MOST: usize = 3;
const WITHIN: Duration = Duration::from_secs(300);

/// When it was tried.
#[derive(Debug, Default)]
pub(super) struct Attempts(VecDeque<Instant>);

impl Attempts {
    /// The one before is long enough ago.
    pub(super) fn has_paused(&self) -> bool {
        self.0.back().is_none_or(|at| at.elapsed() >= PAUSE)
    }

    /// Whether it may be tried once more.
    ///
    /// # Errors
    /// [`ErrorCode::State`]: that was too often.
    pub(super) fn admit(&mut self, radio: &RadioName) -> Result<(), Failure> {
        self.0.retain(|at| at.elapsed() < WITHIN);
        if self.0.len() < MOST {
            return Ok(());
        }
        let text = format!("{radio} was brought back {MOST} times within {} s: it is not again", WITHIN.as_secs());
        Err(Failure::new(ErrorCode::State, text)
            .hint(format!("`baton do recover --radio {radio}` serves it, when the cause is found")))
    }

    /// It is tried now.
    pub(super) fn note(&mut self) {
        self.0.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_times_in_five_minutes_with_a_pause_between_are_enough() {
        let (mut attempts, radio) = (Attempts::default(), "alpha".parse().unwrap());
        for _ in 0..MOST {
            assert!(attempts.has_paused());
            attempts.admit(&radio).unwrap();
            attempts.note();
            assert!(!attempts.has_paused());
            tokio::time::advance(PAUSE).await;
        }
        let refused = attempts.admit(&radio).unwrap_err();
        assert_eq!(refused.message, "alpha was brought back 3 times within 300 s: it is not again");
        tokio::time::advance(WITHIN - PAUSE).await;
        attempts.admit(&radio).unwrap();
    }
}
