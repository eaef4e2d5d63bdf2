//! What was sent lately, by payload: packets of which the far end misses a part are sent again.

use std::collections::VecDeque;
use std::ops::Range;

use super::Missing;

/// Payloads that are remembered, one for each subframe: a report takes some 20 ms, and a cut longer than the rest is noticed anyway.
pub const REMEMBERED: u16 = 128;
/// How often a packet is sent at most (3GPP: maxRetxThreshold).
const SENDINGS: u8 = 4;

/// A packet that is sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentPacket {
    /// The packet.
    pub bytes: Vec<u8>,
    /// How often it has been sent.
    pub sendings: u8,
}

/// The latest payloads, each with the packets of which it has a part. Packets are numbered as they are sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Number of the packet that comes next.
    next: u64,
    /// The latest packets; none where there is none to send again.
    packets: VecDeque<Option<SentPacket>>,
    /// Number of the payload that comes next.
    sequence: u16,
    /// Of the latest payloads, which packets.
    payloads: VecDeque<Range<u64>>,
}

impl Sent {
    /// Forgets everything; the next payload has this number.
    pub fn begin(&mut self, sequence: u16) {
        *self = Self { sequence, ..Self::default() };
    }

    /// Number of the packet that comes next.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// A packet is begun; none where it cannot be sent again.
    pub fn packet(&mut self, packet: Option<SentPacket>) {
        self.packets.push_back(packet);
        self.next += 1;
    }

    /// A payload has been sent with parts of the packets from this number on.
    pub fn payload(&mut self, from: u64) {
        self.payloads.push_back(from..self.next);
        self.sequence = self.sequence.wrapping_add(1);
        if self.payloads.len() > usize::from(REMEMBERED) {
            self.payloads.pop_front();
        }
        let oldest = self.payloads.front().map_or(self.next, |packets| packets.start);
        let kept = usize::try_from(self.next - oldest).unwrap_or(usize::MAX);
        self.packets.drain(..self.packets.len().saturating_sub(kept));
    }

    /// The packets with a part in these payloads, in their order. Each is given once: a second report of the same payloads asks for nothing.
    pub fn take_missing(&mut self, missing: Missing) -> Vec<SentPacket> {
        let oldest = self.sequence.wrapping_sub(self.payloads.len() as u16);
        let mut found = Vec::new();
        for number in 0..missing.count.min(REMEMBERED) {
            let place = missing.first.wrapping_add(number).wrapping_sub(oldest);
            let Some(packets) = self.payloads.get(usize::from(place)).cloned() else { continue };
            for packet in packets {
                let place = self.packets.len() as u64 + packet;
                let known = place.checked_sub(self.next).and_then(|place| self.packets.get_mut(usize::try_from(place).ok()?));
                found.extend(known.and_then(Option::take).filter(|packet| packet.sendings < SENDINGS));
            }
        }
        found
    }
}
