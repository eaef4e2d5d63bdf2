//! The way of packets from the host's interface to the queue.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::queue::{MTU, PacketQueue};

/// Where IP packets come from and go to; can be waited for.
pub trait IpInterface: AsFd {
    /// Takes the next packet.
    ///
    /// # Errors
    /// Of the interface; `WouldBlock` when there is none.
    fn receive(&self, packet: &mut [u8]) -> io::Result<usize>;

    /// Delivers a packet.
    ///
    /// # Errors
    /// Of the interface.
    fn send(&self, packet: &[u8]) -> io::Result<usize>;
}

/// Moves packets from an interface to a queue: by one thread all the time, and by any other when it has to know that none is on its way.
#[derive(Debug)]
pub struct Intake {
    queue: Arc<PacketQueue>,
    /// Held from the taking of a packet until it is in the queue.
    turn: Mutex<()>,
}

impl Intake {
    /// Into this queue.
    pub fn new(queue: Arc<PacketQueue>) -> Self {
        Self { queue, turn: Mutex::default() }
    }

    /// Moves what waits in the interface.
    ///
    /// # Errors
    /// Of the interface.
    pub fn drain(&self, tun: &impl IpInterface) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // One byte more than is allowed, so that what is too long is seen to be.
        let mut packet = [0; MTU + 1];
        loop {
            match tun.receive(&mut packet) {
                Ok(length) => self.queue.push(&packet[..length]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    }

    /// Moves packets until the interface fails; returns why.
    pub fn run(&self, tun: &impl IpInterface) -> io::Error {
        loop {
            let mut readable = [PollFd::new(tun.as_fd(), PollFlags::POLLIN)];
            let waited = match poll(&mut readable, PollTimeout::NONE) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => self.drain(tun),
                Err(e) => Err(e.into()),
            };
            if let Err(e) = waited {
                return e;
            }
        }
    }
}
