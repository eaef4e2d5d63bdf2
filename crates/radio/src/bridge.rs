//! The way to the D2D process: one thread connects and reads, another writes.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use workload::samples::Block;
use workload::seqpacket::SampleSocket;
use workload::standby::Packet;

/// Where the connecting thread leaves the writing end of each new connection.
#[derive(Debug, Default)]
pub struct Bridge {
    offered: Mutex<Option<SampleSocket>>,
    /// For packets of a standby, from other threads than that of the samples.
    words: Mutex<Option<SampleSocket>>,
    generation: AtomicU32,
}

/// The writing end.
#[derive(Debug)]
pub struct BlockSender<'a> {
    bridge: &'a Bridge,
    socket: Option<SampleSocket>,
    generation: u32,
}

impl Bridge {
    /// Leaves the writing end of a new connection.
    pub fn offer(&self, socket: SampleSocket) {
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = socket.try_clone().ok();
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Hands a packet of a standby over, behind the blocks that were handed over before.
    ///
    /// # Errors
    /// `NotConnected` without a D2D process; otherwise as [`SampleSocket::send_packet`].
    pub fn tell(&self, packet: &Packet<'_>) -> io::Result<()> {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.as_mut().ok_or(io::ErrorKind::NotConnected)?.send_packet(packet)
    }

    /// The writing end, whenever there is a connection.
    pub fn sender(&self) -> BlockSender<'_> {
        BlockSender { bridge: self, socket: None, generation: 0 }
    }
}

impl BlockSender<'_> {
    /// Hands a block over without waiting. Without a D2D process the block is dropped, which is no error.
    ///
    /// # Errors
    /// `WouldBlock` when the D2D process does not keep up and the block was dropped.
    pub fn send(&mut self, block: &Block) -> io::Result<()> {
        let generation = self.bridge.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.generation = generation;
            self.socket = self.bridge.offered.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        let Some(socket) = &mut self.socket else { return Ok(()) };
        match socket.send(block) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Err(e),
            Err(_) => {
                // Gone. The reading end notices as well, and connects again.
                self.socket = None;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use workload::samples::Kind;
    use workload::seqpacket::SampleListener;

    #[test]
    fn blocks_go_to_the_latest_connection_and_a_closed_one_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("samples.sock");
        let bridge = Bridge::default();
        let mut sender = bridge.sender();
        let block = |tick| Block { kind: Kind::Rx, tick, samples: Vec::new() };
        sender.send(&block(0)).unwrap();
        for tick in 1..4 {
            let listener = SampleListener::bind(&path).unwrap();
            bridge.offer(SampleSocket::connect(&path).unwrap());
            let mut d2d = listener.accept().unwrap();
            sender.send(&block(tick)).unwrap();
            assert_eq!(d2d.receive().unwrap(), Some(block(tick)));
            drop(d2d);
            sender.send(&block(9)).unwrap();
        }
    }
}
