//! What wakes a radio for frames other than samples. It carries no frames: those come by the socket that has all in their order.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::{MsgFlags, recv};

use super::filter;
use super::raw_socket::RawSocket;

/// Most rings taken at once: what rings on and on must not keep the radio from its work.
const MOST: usize = 64;

/// A doorbell.
pub struct Doorbell(RawSocket);

impl Doorbell {
    /// Hangs one at an interface of the present namespace.
    ///
    /// # Errors
    /// No such interface, or not allowed.
    pub fn open(interface: &str) -> io::Result<Self> {
        let socket = RawSocket::new(&mut filter::all_but_samples())?;
        socket.bind(interface)?;
        Ok(Self(socket))
    }

    /// Forgets that it rang. Frames for which it rang are to be received after that, not before.
    pub fn silence(&self) {
        // Whatever is wrong with the interface, the socket of the frames says so.
        let rang = |_: &usize| recv(self.0.as_raw_fd(), &mut [0], MsgFlags::MSG_DONTWAIT).is_ok();
        (0..MOST).take_while(rang).for_each(drop);
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
