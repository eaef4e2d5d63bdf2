//! Packets into payloads.

use std::collections::VecDeque;

use super::sent::{Sent, SentPacket};
use super::{FIRST, LAST, LENGTH, Missing, REPORT, REPORT_BYTES, REPORTS, SEGMENT_HEADER, VERSION};
use crate::queue::PacketQueue;

/// A report is in so many payloads: one of them may be lost, too.
const TOLD: u8 = 2;

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
    /// What was sent lately.
    latest: Sent,
    /// Packets that are sent again, before all others.
    again: VecDeque<SentPacket>,
    /// What the far end has to be told, and in how many more payloads.
    reports: VecDeque<(Missing, u8)>,
    /// Packets that were sent again.
    resent: u64,
}

impl Segmenter {
    /// Sends a packet before all others that wait.
    pub fn put_first(&mut self, packet: Vec<u8>) {
        self.carried.push_front(packet);
    }

    /// Tells the far end what is missing here.
    pub fn report(&mut self, missing: Missing) {
        if self.reports.len() == REPORTS {
            self.reports.pop_front();
        }
        self.reports.push_back((missing, TOLD));
    }

    /// Sends again what is missing there.
    pub fn send_again(&mut self, missing: Missing) {
        let packets = self.latest.take_missing(missing);
        self.resent += packets.len() as u64;
        self.again.extend(packets);
    }

    /// Packets that were sent again.
    pub const fn resent(&self) -> u64 {
        self.resent
    }

    /// Whether a packet is partly sent.
    pub fn under_way(&self) -> bool {
        self.sent < self.packet.len()
    }

    /// Whether there is anything to send.
    pub fn has_work(&self, queue: &PacketQueue) -> bool {
        self.under_way() || self.waiting().next().is_some() || !self.reports.is_empty() || !queue.is_empty()
    }

    /// What has yet to be sent of the packet under way.
    pub fn rest(&self) -> &[u8] {
        &self.packet[self.sent..]
    }

    /// Packets that go before the queue's.
    pub fn waiting(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.again.iter().map(|packet| &packet.bytes).chain(&self.carried)
    }

    /// Replaces `payload` by one of at most `size` bytes, with as much from the queue as fits. Returns how many packets ended in it.
    pub fn fill(&mut self, queue: &PacketQueue, size: usize, payload: &mut Vec<u8>) -> u64 {
        payload.clear();
        payload.extend_from_slice(&[VERSION, 0]);
        payload.extend_from_slice(&self.sequence.to_be_bytes());
        let (mut segments, mut ended) = (self.tell(size, payload), 0);
        let from = self.latest.next() - u64::from(self.under_way());
        while payload.len() + SEGMENT_HEADER < size && segments < u8::MAX {
            if !self.under_way() && !self.next_packet(queue) {
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
            self.latest.payload(from);
        }
        ended
    }

    /// Appends the reports that wait; how many.
    fn tell(&mut self, size: usize, payload: &mut Vec<u8>) -> u8 {
        let room = size.saturating_sub(payload.len()) / (SEGMENT_HEADER + REPORT_BYTES);
        let told = room.min(self.reports.len());
        for (missing, times) in self.reports.iter_mut().take(told) {
            payload.extend_from_slice(&(REPORT | REPORT_BYTES as u16).to_be_bytes());
            payload.extend_from_slice(&missing.first.to_be_bytes());
            payload.extend_from_slice(&missing.count.to_be_bytes());
            *times -= 1;
        }
        self.reports.retain(|(_, times)| *times > 0);
        told as u8
    }

    /// Number of the next payload that carries segments.
    pub const fn sequence(&self) -> u16 {
        self.sequence
    }

    /// Goes on where another segmenter was: with what it had not sent yet of a packet, and with packets that waited.
    pub fn resume(&mut self, sequence: u16, rest: Vec<u8>, carried: VecDeque<Vec<u8>>) {
        (self.sequence, self.begun, self.sent) = (sequence, true, 0);
        (self.packet, self.carried) = (rest, carried);
        self.latest.begin(sequence);
        if self.under_way() {
            self.latest.packet(None);
        }
    }

    fn next_packet(&mut self, queue: &PacketQueue) -> bool {
        (self.sent, self.begun) = (0, false);
        self.packet.clear();
        let again = self.again.pop_front();
        let sendings = again.as_ref().map_or(0, |packet| packet.sendings) + 1;
        let taken = match again.map(|packet| packet.bytes).or_else(|| self.carried.pop_front()) {
            Some(packet) => {
                self.packet = packet;
                true
            }
            None => queue.pop(&mut self.packet),
        };
        if taken {
            self.latest.packet(Some(SentPacket { bytes: self.packet.clone(), sendings }));
        }
        taken
    }
}
