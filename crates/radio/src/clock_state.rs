//! What is known of the radio's clock, for threads that must not wait.

use std::sync::atomic::{AtomicU8, Ordering};

/// What is known of the clock.
#[derive(Debug, Default)]
pub struct ClockState(AtomicU8);

impl ClockState {
    const UNKNOWN: u8 = 0;
    const LOCKED: u8 = 1;
    const UNLOCKED: u8 = 2;

    /// Whether it is locked to the reference; `None` while this process does not serve, or the radio does not say.
    pub fn locked(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            Self::LOCKED => Some(true),
            Self::UNLOCKED => Some(false),
            _ => None,
        }
    }

    /// Notes what the radio said.
    pub fn set(&self, locked: Option<bool>) {
        let state = locked.map_or(Self::UNKNOWN, |locked| if locked { Self::LOCKED } else { Self::UNLOCKED });
        self.0.store(state, Ordering::Relaxed);
    }
}
