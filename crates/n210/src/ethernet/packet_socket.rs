//! A raw Ethernet port: one interface of one network namespace.
//!
//! All frames come by one socket, in the order of their arrival. A doorbell beside it rings for those that are no samples, so that they
//! wake the radio at once without every packet of a stream doing so.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::sched::{CloneFlags, setns};

use super::doorbell::Doorbell;
use super::kernel_socket::KernelSocket;
pub use super::kernel_socket::ReceivedFrame;

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
    doorbell: Doorbell,
    frames: KernelSocket,
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
        // The kernel serves the socket that was opened last first: when the doorbell rings, the frame is there.
        let doorbell = Doorbell::open(interface)?;
        Ok(Self { offload, doorbell, frames: KernelSocket::open(interface)? })
    }

    /// What becomes readable when any frame arrives; [`AsFd`] is for those that are no samples.
    pub fn frames(&self) -> BorrowedFd<'_> {
        self.frames.as_fd()
    }

    /// Whether the last batch was a whole one: more may be waiting.
    pub fn is_full(&self) -> bool {
        self.frames.is_full()
    }

    /// Receives what has arrived, at most a batch, and says how many frames that are. Does not wait.
    ///
    /// # Errors
    /// The interface is down or gone.
    pub fn receive(&mut self) -> io::Result<usize> {
        self.doorbell.silence();
        self.frames.receive()
    }

    /// A frame of the last batch.
    pub fn frame(&self, index: usize) -> Option<ReceivedFrame<'_>> {
        self.frames.frame(index)
    }

    /// Sends frames; returns how many the kernel did not take. `busy` says that there are so many samples that runs of them should go as
    /// one frame, if the port was opened to do so.
    pub fn send<'a>(&self, frames: impl Iterator<Item = &'a [u8]>, busy: bool) -> usize {
        self.frames.send(frames, busy && self.offload == Offload::Auto)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.doorbell.as_fd()
    }
}
