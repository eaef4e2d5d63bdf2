//! A raw Ethernet port: one interface of one network namespace.
//!
//! Long frames of samples come by a socket of their own, so that the others can wake the radio at once without every packet of a stream
//! doing so. The frames of both are handed out in the order of their arrival.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::sched::{CloneFlags, setns};

pub use super::kernel_socket::ReceivedFrame;
use super::kernel_socket::{KernelSocket, Share};

/// Whether the kernel gets runs of samples as one frame each, to take them apart where they are received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Offload {
    /// While a stream of 5 Msps or more runs.
    #[default]
    Auto,
    /// Never: a sniffer on the wire sees each datagram as the device sends it.
    Never,
}

/// A port.
pub struct PacketSocket {
    offload: Offload,
    rest: KernelSocket,
    samples: KernelSocket,
    /// Frames of `rest` received, and how many of them were handed out in earlier batches.
    pending: (usize, usize),
    /// The present batch: which socket's frame, and its number there.
    order: Vec<(Share, usize)>,
}

impl PacketSocket {
    /// Opens the port in a named network namespace (a file under /run/netns), or in the present one. The caller must be the only
    /// thread of its process, or not mind that its thread visits the namespace.
    ///
    /// # Errors
    /// No such namespace or interface, or not allowed.
    pub fn open(namespace: Option<&str>, interface: &str, offload: Offload) -> io::Result<Self> {
        let Some(namespace) = namespace else { return Self::open_here(interface, offload) };
        let home = File::open("/proc/thread-self/ns/net")?;
        let there = File::open(Path::new("/run/netns").join(namespace))?;
        setns(&there, CloneFlags::CLONE_NEWNET)?;
        let socket = Self::open_here(interface, offload);
        setns(&home, CloneFlags::CLONE_NEWNET)?;
        socket
    }

    fn open_here(interface: &str, offload: Offload) -> io::Result<Self> {
        Ok(Self {
            offload,
            rest: KernelSocket::open(interface, Share::Rest)?,
            samples: KernelSocket::open(interface, Share::Samples)?,
            pending: (0, 0),
            order: Vec::new(),
        })
    }

    /// What becomes readable when frames of samples arrive; [`AsFd`] is for all others.
    pub fn samples(&self) -> BorrowedFd<'_> {
        self.samples.as_fd()
    }

    /// Receives what has arrived, at most a batch of each kind, and says how many frames that are. Does not wait.
    ///
    /// # Errors
    /// The interface is down or gone.
    pub fn receive(&mut self) -> io::Result<usize> {
        self.order.clear();
        // The others first: whatever came before them is then waiting at the other socket.
        if self.pending.0 == self.pending.1 {
            self.pending = (self.rest.receive()?, 0);
        }
        let samples = self.samples.receive()?;
        let stamp = |socket: &KernelSocket, number| socket.frame(number).and_then(|frame| frame.stamp);
        for number in 0..samples {
            let arrived = stamp(&self.samples, number);
            while self.pending.1 < self.pending.0 && stamp(&self.rest, self.pending.1) <= arrived {
                self.order.push((Share::Rest, self.pending.1));
                self.pending.1 += 1;
            }
            self.order.push((Share::Samples, number));
        }
        // Behind a whole batch there may be samples that came before the rest of the others.
        if !self.samples.is_full() {
            self.order.extend((self.pending.1..self.pending.0).map(|number| (Share::Rest, number)));
            self.pending.1 = self.pending.0;
        }
        Ok(self.order.len())
    }

    /// A frame of the last batch.
    pub fn frame(&self, index: usize) -> Option<ReceivedFrame<'_>> {
        match *self.order.get(index)? {
            (Share::Samples, number) => self.samples.frame(number),
            (Share::Rest, number) => self.rest.frame(number),
        }
    }

    /// Sends frames; returns how many the kernel did not take. `busy` says that there are so many samples that runs of them should go as
    /// one frame, if the port was opened to do so.
    pub fn send<'a>(&self, frames: impl Iterator<Item = &'a [u8]>, busy: bool) -> usize {
        self.rest.send(frames, busy && self.offload == Offload::Auto)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.rest.as_fd()
    }
}
