//! IP packets that wait to be transmitted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of the largest IP packet.
pub const MTU: usize = 1500;

/// Most packets, however small: their buffers are all of full size.
const MAX_PACKETS: usize = 256;

/// A bounded queue of packets between the thread that reads tun and the one that transmits. When it is full, the oldest packet is
/// dropped: over a radio link recent data is worth more.
#[derive(Debug)]
pub struct PacketQueue {
    inner: Mutex<Inner>,
    limit: usize,
    longest: usize,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Vec<u8>>,
    /// Buffers to use again.
    spare: Vec<Vec<u8>>,
    bytes: usize,
    /// Packets that wait in front of the mark.
    marked: Option<usize>,
    taken: u64,
    dropped: u64,
}

impl Inner {
    fn take_oldest(&mut self) -> Option<Vec<u8>> {
        let oldest = self.waiting.pop_front()?;
        self.bytes -= oldest.len();
        self.marked = self.marked.map(|marked| marked.saturating_sub(1));
        Some(oldest)
    }
}

impl PacketQueue {
    /// A queue for at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self::with_longest(limit, MTU)
    }

    /// A queue for at most `limit` bytes of packets of at most `longest` bytes.
    pub fn with_longest(limit: usize, longest: usize) -> Self {
        Self { inner: Mutex::default(), limit, longest: longest.min(limit) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a packet; empty ones and those that are too long are dropped, and counted.
    pub fn push(&self, packet: &[u8]) {
        let mut inner = self.inner();
        inner.taken += 1;
        if packet.is_empty() || packet.len() > self.longest {
            inner.dropped += 1;
            return;
        }
        while inner.bytes + packet.len() > self.limit || inner.waiting.len() >= MAX_PACKETS {
            let Some(oldest) = inner.take_oldest() else { break };
            inner.dropped += 1;
            inner.spare.push(oldest);
        }
        let mut buffer = inner.spare.pop().unwrap_or_else(|| Vec::with_capacity(MTU));
        buffer.clear();
        buffer.extend_from_slice(packet);
        inner.bytes += buffer.len();
        inner.waiting.push_back(buffer);
    }

    /// Drops what waits.
    pub fn clear(&self) {
        let mut inner = self.inner();
        while let Some(oldest) = inner.take_oldest() {
            inner.dropped += 1;
            inner.spare.push(oldest);
        }
    }

    /// Appends the oldest packet's bytes to `out`; false when there is none.
    pub fn pop(&self, out: &mut Vec<u8>) -> bool {
        let mut inner = self.inner();
        let Some(packet) = inner.take_oldest() else { return false };
        out.extend_from_slice(&packet);
        inner.spare.push(packet);
        true
    }

    /// Shows every packet that waits in front of the mark, or at all where there is none; the oldest first.
    pub fn show(&self, seen: impl FnMut(&Vec<u8>)) {
        let inner = self.inner();
        inner.waiting.iter().take(inner.marked.unwrap_or(usize::MAX)).for_each(seen);
    }

    /// Sets the mark behind the newest packet, or takes it away.
    pub fn mark(&self, set: bool) {
        let mut inner = self.inner();
        inner.marked = set.then_some(inner.waiting.len());
    }

    /// Shows every packet that waits behind the mark, the oldest first.
    pub fn show_later(&self, seen: impl FnMut(&Vec<u8>)) {
        let inner = self.inner();
        inner.waiting.iter().skip(inner.marked.unwrap_or(usize::MAX)).for_each(seen);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.inner().waiting.is_empty()
    }

    /// Packets ever pushed, and those of them that were dropped.
    pub fn counts(&self) -> (u64, u64) {
        let inner = self.inner();
        (inner.taken, inner.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_packet_goes_when_the_queue_is_full() {
        let queue = PacketQueue::new(10);
        [[1u8; 4], [2; 4], [3; 4]].iter().for_each(|p| queue.push(p));
        let mut out = Vec::new();
        while queue.pop(&mut out) {}
        assert_eq!(out, [2, 2, 2, 2, 3, 3, 3, 3]);
        assert_eq!(queue.counts(), (3, 1));
    }

    #[test]
    fn a_mark_stays_between_the_packets_that_it_was_set_between() {
        let queue = PacketQueue::new(10);
        let shown = || {
            let (mut before, mut later) = (Vec::new(), Vec::new());
            queue.show(|packet| before.push(packet[0]));
            queue.show_later(|packet| later.push(packet[0]));
            (before, later)
        };
        [[1u8; 3], [2; 3]].iter().for_each(|p| queue.push(p));
        assert_eq!(shown(), (vec![1, 2], vec![]));
        queue.mark(true);
        queue.push(&[3; 3]);
        assert_eq!(shown(), (vec![1, 2], vec![3]));
        queue.push(&[4; 3]);
        assert_eq!(shown(), (vec![2], vec![3, 4]), "the oldest went");
        queue.pop(&mut Vec::new());
        queue.pop(&mut Vec::new());
        assert_eq!(shown(), (vec![], vec![4]));
        queue.mark(false);
        assert_eq!(shown(), (vec![4], vec![]));
    }

    #[test]
    fn oversized_and_empty_packets_are_dropped_and_counted() {
        let queue = PacketQueue::new(1 << 16);
        queue.push(&[]);
        queue.push(&[0; MTU + 1]);
        queue.push(&[0; MTU]);
        assert_eq!(queue.counts(), (3, 2));
        assert!(!queue.is_empty());
    }
}
