//! The link's own layer: IP packets cut into transport blocks and put together again.
//!
//! A payload begins with a header of four bytes: version (1), number of segments, sequence number (u16, big endian) of the payloads
//! that carry segments. Each segment: u16, big endian: bit 15 first of its packet, bit 14 last, bits 0..14 length; then its bytes.
//! What follows is zero. A payload with no segments is idle; its sequence number is that of the next one with some.

use std::collections::VecDeque;

use super::queue::PacketQueue;

/// Largest IP packet.
pub const MTU: usize = 1500;
/// Version of the format.
const VERSION: u8 = 1;
/// Bytes before the segments.
const HEADER: usize = 4;
/// Bytes before a segment's own.
const SEGMENT_HEADER: usize = 2;
const FIRST: u16 = 1 << 15;
const LAST: u16 = 1 << 14;
const LENGTH: u16 = LAST - 1;

/// Cuts packets into payloads.
#[derive(Debug, Default)]
pub struct Segmenter {
    sequence: u16,
    packet: Vec<u8>,
    /// How much of the packet has been sent.
    sent: usize,
    /// The packet's first segments were sent by another segmenter.
    begun: bool,
    /// Packets of another segmenter, which go before the queue's.
    carried: VecDeque<Vec<u8>>,
}

impl Segmenter {
    /// Sends a packet before all others that wait.
    pub fn put_first(&mut self, packet: Vec<u8>) {
        self.carried.push_front(packet);
    }

    /// Whether a packet is partly sent.
    pub fn under_way(&self) -> bool {
        self.sent < self.packet.len()
    }

    /// Whether there is anything to send.
    pub fn has_work(&self, queue: &PacketQueue) -> bool {
        self.under_way() || !self.carried.is_empty() || !queue.is_empty()
    }

    /// What has yet to be sent of the packet under way.
    pub fn rest(&self) -> &[u8] {
        &self.packet[self.sent..]
    }

    /// Packets that go before the queue's.
    pub const fn carried(&self) -> &VecDeque<Vec<u8>> {
        &self.carried
    }

    /// Replaces `payload` by one of at most `size` bytes, with as much from the queue as fits. Returns how many packets ended in it.
    pub fn fill(&mut self, queue: &PacketQueue, size: usize, payload: &mut Vec<u8>) -> u64 {
        payload.clear();
        payload.extend_from_slice(&[VERSION, 0]);
        payload.extend_from_slice(&self.sequence.to_be_bytes());
        let (mut segments, mut ended) = (0u8, 0);
        while payload.len() + SEGMENT_HEADER < size && segments < u8::MAX {
            if !self.under_way() && !self.take(queue) {
                break;
            }
            let room = (size - payload.len() - SEGMENT_HEADER).min(usize::from(LENGTH));
            let length = room.min(self.packet.len() - self.sent);
            let last = self.sent + length == self.packet.len();
            let flags = if self.sent == 0 && !self.begun { FIRST } else { 0 } | if last { LAST } else { 0 };
            payload.extend_from_slice(&(flags | length as u16).to_be_bytes());
            payload.extend_from_slice(&self.packet[self.sent..self.sent + length]);
            self.sent += length;
            segments += 1;
            ended += u64::from(last);
        }
        payload[1] = segments;
        if segments > 0 {
            self.sequence = self.sequence.wrapping_add(1);
        }
        ended
    }

    /// Number of the next payload that carries segments.
    pub const fn sequence(&self) -> u16 {
        self.sequence
    }

    /// Goes on where another segmenter was: with what it had not sent yet of a packet, and with packets that waited.
    pub fn resume(&mut self, sequence: u16, rest: Vec<u8>, carried: VecDeque<Vec<u8>>) {
        (self.sequence, self.begun, self.sent) = (sequence, true, 0);
        (self.packet, self.carried) = (rest, carried);
    }

    fn take(&mut self, queue: &PacketQueue) -> bool {
        (self.sent, self.begun) = (0, false);
        self.packet.clear();
        match self.carried.pop_front() {
            Some(packet) => {
                self.packet = packet;
                true
            }
            None => queue.pop(&mut self.packet),
        }
    }
}

/// Puts packets together.
#[derive(Debug)]
pub struct Reassembler {
    /// Bytes of the longest packet.
    longest: usize,
    /// `None` until a first payload.
    expected: Option<u16>,
    /// The packet under way; `None` until a first segment.
    open: bool,
    packet: Vec<u8>,
    /// Packets of which a part was missing.
    pub broken: u64,
}

impl Default for Reassembler {
    fn default() -> Self {
        Self::of(MTU)
    }
}

impl Reassembler {
    /// Of packets of at most `longest` bytes.
    pub const fn of(longest: usize) -> Self {
        Self { longest, expected: None, open: false, packet: Vec::new(), broken: 0 }
    }

    /// Number of the payload that continues the last one.
    pub const fn expected(&self) -> Option<u16> {
        self.expected
    }

    /// What has arrived of the packet under way.
    pub fn part(&self) -> Option<&[u8]> {
        self.open.then_some(&self.packet)
    }

    /// Goes on where another reassembler was, with what it had of the packet under way.
    pub fn resume(&mut self, expected: Option<u16>, part: Option<Vec<u8>>) {
        self.drop_open();
        self.expected = expected;
        self.open = part.is_some();
        self.packet = part.unwrap_or_default();
    }

    /// How many payloads lie between the one expected and this one: below 0 it is past, 0 when nothing is known.
    pub fn ahead(&self, payload: &[u8]) -> i16 {
        match (payload, self.expected) {
            ([VERSION, _, high, low, ..], Some(expected)) => u16::from_be_bytes([*high, *low]).wrapping_sub(expected) as i16,
            _ => 0,
        }
    }

    /// Takes a payload and hands over every packet that ends in it. Payloads that are not of this format are ignored from the first
    /// wrong byte on.
    pub fn take(&mut self, payload: &[u8], mut deliver: impl FnMut(&[u8])) {
        let [VERSION, segments, high, low, rest @ ..] = payload else { return };
        if *segments == 0 {
            return;
        }
        let sequence = u16::from_be_bytes([*high, *low]);
        if self.expected.is_some_and(|expected| expected != sequence) {
            self.drop_open();
        }
        self.expected = Some(sequence.wrapping_add(1));
        let mut rest = rest;
        for _ in 0..*segments {
            let Some((header, body)) = rest.split_first_chunk::<SEGMENT_HEADER>() else { return self.drop_open() };
            let header = u16::from_be_bytes(*header);
            let Some((body, after)) = body.split_at_checked(usize::from(header & LENGTH)) else { return self.drop_open() };
            rest = after;
            self.segment(header, body, &mut deliver);
        }
    }

    fn segment(&mut self, header: u16, body: &[u8], deliver: &mut impl FnMut(&[u8])) {
        if header & FIRST != 0 {
            self.drop_open();
            self.open = true;
            self.packet.clear();
        }
        if !self.open {
            return;
        }
        if self.packet.len() + body.len() > self.longest {
            return self.drop_open();
        }
        self.packet.extend_from_slice(body);
        if header & LAST != 0 {
            self.open = false;
            deliver(&self.packet);
        }
    }

    fn drop_open(&mut self) {
        self.broken += u64::from(self.open);
        self.open = false;
    }
}

/// Bytes of a payload that are not the packets' own when it carries one segment; for sizing.
pub const OVERHEAD: usize = HEADER + SEGMENT_HEADER;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All payloads for the packets, with sizes as the subframes have them.
    fn cut(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let queue = PacketQueue::new(1 << 20);
        packets.iter().for_each(|p| queue.push(p));
        let (mut segmenter, mut out) = (Segmenter::default(), Vec::new());
        while segmenter.under_way() || !queue.is_empty() {
            let size = if out.len() % 5 == 0 { 201 } else { 237 };
            let mut payload = Vec::new();
            segmenter.fill(&queue, size, &mut payload);
            assert!(payload.len() <= size);
            out.push(payload);
        }
        out
    }

    fn join<'a>(payloads: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<Vec<u8>> {
        let (mut reassembler, mut out) = (Reassembler::default(), Vec::new());
        payloads.into_iter().for_each(|p| reassembler.take(p, |packet| out.push(packet.to_vec())));
        out
    }

    fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=MTU), 0..12)
    }

    #[test]
    fn an_idle_payload_carries_nothing_and_uses_no_sequence_number() {
        let queue = PacketQueue::new(1000);
        let (mut segmenter, mut payload) = (Segmenter::default(), Vec::new());
        for _ in 0..3 {
            assert_eq!(segmenter.fill(&queue, 20, &mut payload), 0);
            assert_eq!(payload[..4], [1, 0, 0, 0]);
        }
        queue.push(&[7; 3]);
        assert_eq!(segmenter.fill(&queue, 20, &mut payload), 1);
        assert_eq!(payload[..9], [1, 1, 0, 0, 0xc0, 3, 7, 7, 7]);
    }

    proptest! {
        #[test]
        fn every_packet_arrives_in_order(packets in packets()) {
            prop_assert_eq!(join(&cut(&packets)), packets);
        }

        #[test]
        fn a_lost_payload_loses_only_the_packets_in_it(packets in packets(), lost: prop::sample::Index) {
            let payloads = cut(&packets);
            prop_assume!(!payloads.is_empty());
            let lost = lost.index(payloads.len());
            let arrived = join(payloads.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, p)| p));
            // Segments of the lost payload: so many packets at most are missing, and what arrives is unharmed and in order.
            let most = usize::from(payloads[lost][1]);
            prop_assert!(arrived.len() + most >= packets.len());
            let mut sent = packets.iter();
            for packet in &arrived {
                prop_assert!(sent.any(|p| p == packet), "a packet arrived that was never sent");
            }
        }

        #[test]
        fn arbitrary_payloads_do_no_harm(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..240), 0..20), valid: bool) {
            let mut reassembler = Reassembler::default();
            for mut payload in payloads {
                if valid && !payload.is_empty() {
                    payload[0] = VERSION;
                }
                reassembler.take(&payload, |packet| assert!(packet.len() <= MTU));
            }
        }
    }
}
