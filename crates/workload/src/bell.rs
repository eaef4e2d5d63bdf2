//! Wakes a thread that waits for a socket, for a word from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Rung by any thread, heard by the one that waits.
#[derive(Debug)]
pub struct Bell {
    rope: UnixDatagram,
    clapper: UnixDatagram,
}

impl Bell {
    /// A silent bell.
    ///
    /// # Errors
    /// Of the system: too many open files.
    pub fn new() -> io::Result<Self> {
        let (rope, clapper) = UnixDatagram::pair()?;
        rope.set_nonblocking(true)?;
        clapper.set_nonblocking(true)?;
        Ok(Self { rope, clapper })
    }

    /// Ends the present wait, or the next one.
    pub fn ring(&self) {
        // No room means that it rings already.
        let _ = self.rope.send(&[1]);
    }

    /// Waits until `other` can be read or has ended, the bell rings or the time is over (without a limit: never). Whether `other` is
    /// ready.
    pub fn wait(&self, other: BorrowedFd<'_>, limit: Option<Duration>) -> bool {
        // Rounded up: a wait that ends early would be waited again.
        let timeout = limit
            .map_or(PollTimeout::NONE, |limit| PollTimeout::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX));
        let mut both = [PollFd::new(other, PollFlags::POLLIN), PollFd::new(self.clapper.as_fd(), PollFlags::POLLIN)];
        if poll(&mut both, timeout).is_err() {
            return false;
        }
        let [ready, rung] = both.map(|fd| fd.any().unwrap_or(false));
        if rung {
            while self.clapper.recv(&mut [0]).is_ok() {}
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_ends_the_wait_and_is_heard_once() {
        let bell = Bell::new().unwrap();
        let (near, far) = UnixDatagram::pair().unwrap();
        (0..10_000).for_each(|_| bell.ring());
        assert!(!bell.wait(near.as_fd(), None), "it rang");
        assert!(!bell.wait(near.as_fd(), Some(Duration::from_micros(1))), "the time is over");
        far.send(&[1]).unwrap();
        assert!(bell.wait(near.as_fd(), None));
    }
}
