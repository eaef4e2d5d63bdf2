//! Wakes a thread that waits for a socket, for a word from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Used by any thread to wake the one that waits.
#[derive(Debug)]
pub struct Waker {
    tx: UnixDatagram,
    rx: UnixDatagram,
}

impl Waker {
    /// One that has woken nobody yet.
    ///
    /// # Errors
    /// Of the system: too many open files.
    pub fn new() -> io::Result<Self> {
        let (tx, rx) = UnixDatagram::pair()?;
        tx.set_nonblocking(true)?;
        rx.set_nonblocking(true)?;
        Ok(Self { tx, rx })
    }

    /// Ends the present wait, or the next one.
    pub fn wake(&self) {
        // No room means that it was woken already.
        let _ = self.tx.send(&[1]);
    }

    /// Waits until `other` can be read or has ended, [`Self::wake`] is called or the time is over (without a limit: never). Whether `other` is
    /// ready.
    pub fn wait(&self, other: BorrowedFd<'_>, limit: Option<Duration>) -> bool {
        // Rounded up: a wait that ends early would be waited again.
        let timeout = limit
            .map_or(PollTimeout::NONE, |limit| PollTimeout::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX));
        let mut both = [PollFd::new(other, PollFlags::POLLIN), PollFd::new(self.rx.as_fd(), PollFlags::POLLIN)];
        if poll(&mut both, timeout).is_err() {
            return false;
        }
        let [ready, woken] = both.map(|fd| fd.any().unwrap_or(false));
        if woken {
            while self.rx.recv(&mut [0]).is_ok() {}
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_ends_the_wait_and_counts_once() {
        let waker = Waker::new().unwrap();
        let (near, far) = UnixDatagram::pair().unwrap();
        (0..10_000).for_each(|_| waker.wake());
        assert!(!waker.wait(near.as_fd(), None), "it was woken");
        assert!(!waker.wait(near.as_fd(), Some(Duration::from_micros(1))), "the time is over");
        far.send(&[1]).unwrap();
        assert!(waker.wait(near.as_fd(), None));
    }
}
