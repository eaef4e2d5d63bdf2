//! Packets on their way through a fault, by the tick at which they go on; and what a frame tells the faults about itself.

use std::collections::BTreeMap;

use super::{Label, PacketDirection};
use crate::device::clock::Tick;
use crate::ethernet::frame::UDP_HEADERS;
use n210_wire::destination::SetDestination;
use n210_wire::port;

/// Most packets on their way in one direction: what is more is lost, as in any buffer.
const MOST: usize = 16_384;

const ETHERNET: usize = 14;
/// Ethernet type of IPv4, then its version with a header of 20 bytes.
const IPV4: [u8; 3] = [8, 0, 0x45];
const PROTOCOL: usize = 23;
const UDP: u8 = 17;

/// A packet's place: its tick, then the order of admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlightKey(Tick, u64);

/// Packets of one direction.
#[derive(Debug, Default)]
pub struct Flight {
    packets: BTreeMap<FlightKey, Vec<u8>>,
    admitted: u64,
}

impl Flight {
    /// Takes copies of a packet that go on at a tick; the place of the last.
    pub fn insert(&mut self, at: Tick, copies: usize, frame: Vec<u8>) -> FlightKey {
        for _ in 1..copies {
            self.put(at, frame.clone());
        }
        self.put(at, frame)
    }

    fn put(&mut self, at: Tick, frame: Vec<u8>) -> FlightKey {
        let key = FlightKey(at, self.admitted);
        self.admitted += 1;
        if self.packets.len() < MOST {
            self.packets.insert(key, frame);
        }
        key
    }

    /// Whether a packet is still there.
    pub fn holds(&self, key: &FlightKey) -> bool {
        self.packets.contains_key(key)
    }

    /// Moves a packet behind all that go on at a tick.
    pub fn postpone(&mut self, key: &FlightKey, at: Tick) {
        if let Some(frame) = self.packets.remove(key) {
            self.put(at, frame);
        }
    }

    /// The next packet that goes on by now.
    pub fn next(&mut self, now: Tick) -> Option<Vec<u8>> {
        let first = self.packets.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next packet goes on.
    pub fn due(&self) -> Tick {
        self.packets.first_key_value().map_or(Tick::MAX, |(key, _)| key.0)
    }

    /// Whether no packet is on its way.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}

/// Whether the frame holds a datagram as the device takes them: IPv4 without options, UDP.
fn is_datagram(frame: &[u8]) -> bool {
    frame.len() >= UDP_HEADERS && frame[12..=ETHERNET] == IPV4 && frame[PROTOCOL] == UDP
}

/// What a frame tells the faults about itself.
pub fn label(frame: &[u8], direction: PacketDirection) -> Label {
    if !is_datagram(frame) {
        return Label { direction, port: None, firmware: true };
    }
    let at = if direction == PacketDirection::In { 36 } else { 34 };
    let port = u16::from_be_bytes([frame[at], frame[at + 1]]);
    let to_fpga = matches!(port, port::TX | port::FAST) && !SetDestination::is_one(&frame[UDP_HEADERS..]);
    Label { direction, port: Some(port), firmware: !to_fpga }
}

/// Takes a frame apart that holds several datagrams of `segment` bytes, as a local sender may offload them.
pub fn split(frame: &[u8], segment: Option<usize>) -> Vec<Vec<u8>> {
    let segment = segment.filter(|length| *length > 0 && is_datagram(frame) && frame.len() > UDP_HEADERS + length);
    let Some(segment) = segment else { return vec![frame.to_vec()] };
    let (headers, payload) = frame.split_at(UDP_HEADERS);
    let datagram = |payload: &[u8]| {
        let mut frame = [headers, payload].concat();
        let total = u16::try_from(payload.len() + 28).unwrap_or(u16::MAX);
        frame[16..18].copy_from_slice(&total.to_be_bytes());
        frame[38..40].copy_from_slice(&(total - 20).to_be_bytes());
        frame
    };
    payload.chunks(segment).map(datagram).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ethernet::frame;
    use std::net::{Ipv4Addr, SocketAddrV4};

    #[test]
    fn destinations_at_the_fpgas_ports_are_the_firmwares() {
        let at = |port| (SocketAddrV4::new(Ipv4Addr::new(192, 168, 10, 2), port), [2; 6]);
        for (to, length, firmware) in [(port::TX, 8, true), (port::TX, 24, false), (port::FAST, 24, false), (port::RX0, 24, true)] {
            let frame = frame::host_udp(at(5_000), at(to), &vec![u8::from(length > 8); length]);
            assert_eq!(
                label(&frame, PacketDirection::In),
                Label { direction: PacketDirection::In, port: Some(to), firmware },
                "{to} {length}"
            );
            assert_eq!(label(&frame, PacketDirection::Out).port, Some(5_000));
        }
    }
}
