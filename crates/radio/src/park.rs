//! Parking: the process gives the radio's transmit side away, and may get it back.
//!
//! The transmit thread parks itself, between two bursts and when it has sent all that waited: what the D2D process gave out before it was
//! frozen still goes on the air.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use workload::contract::Mark;
use workload::waker::Waker;

/// The transmit thread needs this long at most: a burst may wait for room.
const PATIENCE: Duration = Duration::from_millis(300);

/// Whether the process is parked.
#[derive(Debug)]
pub struct Park {
    /// Wakes the transmit thread.
    pub waker: Waker,
    wanted: AtomicBool,
    parked: Mutex<Option<Mark>>,
    changed: Condvar,
}

impl Park {
    /// Not parked.
    ///
    /// # Errors
    /// Of the system.
    pub fn new() -> io::Result<Self> {
        Ok(Self { waker: Waker::new()?, wanted: AtomicBool::new(false), parked: Mutex::default(), changed: Condvar::new() })
    }

    fn parked(&self) -> MutexGuard<'_, Option<Mark>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is parked or about to be.
    pub fn is_parking(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// Has the transmit thread park; where it then stands.
    ///
    /// # Errors
    /// A sentence when the thread does not get to it; it is not parked then.
    pub fn enter(&self) -> Result<Mark, String> {
        self.wanted.store(true, Ordering::Release);
        self.waker.wake();
        let (parked, _) = self
            .changed
            .wait_timeout_while(self.parked(), PATIENCE, |parked| parked.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        parked.ok_or_else(|| {
            self.wanted.store(false, Ordering::Release);
            format!("the transmit side did not come to rest within {} ms; it goes on", PATIENCE.as_millis())
        })
    }

    /// By the transmit thread, when nothing is left to send: parks, if that is wanted.
    pub fn settle(&self, mark: Mark) {
        if !self.is_parking() {
            return;
        }
        let mut parked = self.parked();
        // The request may have been given up meanwhile.
        if parked.is_none() && self.is_parking() {
            *parked = Some(mark);
            self.changed.notify_all();
        }
    }

    /// By the transmit thread: whether it may send.
    pub fn may_send(&self) -> bool {
        !self.is_parking() || self.parked().is_none()
    }

    /// Ends it; whether it was parked.
    pub fn leave(&self) -> bool {
        let was = self.parked().take().is_some();
        self.wanted.store(false, Ordering::Release);
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_sent_first_and_a_busy_thread_is_not_parked() {
        let park = Park::new().unwrap();
        assert!(park.enter().unwrap_err().contains("did not come to rest"));
        assert!(!park.is_parking() && park.may_send());
        let mark = Mark { sequence: 17, count: 1, end_tick: Some(5), chain: 0 };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !park.is_parking() {
                    std::thread::yield_now();
                }
                assert!(park.may_send(), "not yet: something waits");
                park.settle(mark);
                assert!(!park.may_send());
            });
            assert_eq!(park.enter(), Ok(mark));
        });
        assert_eq!(park.enter(), Ok(mark), "frozen while frozen");
        assert!(park.leave() && !park.leave() && park.may_send());
    }
}
