//! What was last read of the radio itself, for threads that must not wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of the radio; nothing while this process does not serve.
#[derive(Debug, Default)]
pub struct RadioState(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    locked: Option<bool>,
    session_mark: Option<u32>,
}

impl RadioState {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its clock is locked to the reference; `None` while this process does not serve, or the radio does not say.
    pub fn locked(&self) -> Option<bool> {
        self.known().locked
    }

    /// The mark of the program that has last opened a UHD session on it; `None` as with [`Self::locked`].
    pub fn session_mark(&self) -> Option<u32> {
        self.known().session_mark
    }

    /// Notes whether the clock is locked.
    pub fn set_locked(&self, locked: bool) {
        self.known().locked = Some(locked);
    }

    /// Notes whose session was the last.
    pub fn set_session_mark(&self, mark: u32) {
        self.known().session_mark = Some(mark);
    }

    /// Nothing is known any more.
    pub fn forget(&self) {
        *self.known() = Known::default();
    }
}
