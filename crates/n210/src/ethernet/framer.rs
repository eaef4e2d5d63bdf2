//! The packet framer's table: for each stream the headers of its frames, as setting registers.
//!
//! The MAC is in the table: a destination that is set stays where it is, wherever its IP address moves.

use std::net::SocketAddrV4;

use super::frame::{self, MAX_PAYLOAD, Mac, UDP_HEADERS};
use super::outbox::Outbox;

/// Streams, and registers of each.
const STREAMS: usize = 4;
const WORDS: usize = 16;

/// Time to live 32, protocol UDP: the upper half of word 7.
const TTL_UDP: u32 = 0x2011_0000;

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramerStream {
    /// Samples and errors of chain 0.
    Rx0 = 0,
    /// Flow control and events.
    Tx = 1,
    /// Samples and errors of chain 1.
    Rx1 = 2,
    /// Acknowledgements.
    Fast = 3,
}

/// The table.
#[derive(Debug, Default)]
pub struct Framer {
    words: [[u32; WORDS]; STREAMS],
    headers: [Option<[u8; UDP_HEADERS]>; STREAMS],
}

impl Framer {
    /// Writes the words that lead a stream from the device's port to a peer's.
    pub fn set(&mut self, stream: FramerStream, device: (SocketAddrV4, Mac), peer: (SocketAddrV4, Mac)) {
        let (source, target) = (device.0.ip().to_bits(), peer.0.ip().to_bits());
        let ([s0, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5]) = (device.1, peer.1);
        let partial = frame::fold(
            0x4500 + 0x4000 + (TTL_UDP >> 16) + (source >> 16) + (source & 0xFFFF) + (target >> 16) + (target & 0xFFFF),
        );
        let words = [
            u32::from_be_bytes([0, 0, d0, d1]),
            u32::from_be_bytes([d2, d3, d4, d5]),
            u32::from_be_bytes([s0, s1, s2, s3]),
            u32::from_be_bytes([s4, s5, 8, 0]),
            0x4500_0000,
            0x0000_4000,
            TTL_UDP | u32::from(partial),
            source,
            target,
            (u32::from(device.0.port()) << 16) | u32::from(peer.0.port()),
            0,
        ];
        self.words[stream as usize][1..=words.len()].copy_from_slice(&words);
        self.rebuild(stream as usize);
    }

    /// Writes one word of the table, counted from its first register.
    pub fn write(&mut self, at: usize, value: u32) {
        if let Some(word) = self.words.as_flattened_mut().get_mut(at) {
            *word = value;
            self.rebuild(at / WORDS);
        }
    }

    /// Lays the words out as the headers of a frame with lengths 0 and the partial IP checksum.
    fn rebuild(&mut self, stream: usize) {
        let mut header = [0; UDP_HEADERS + 2];
        let words = &self.words[stream];
        for (slot, word) in header.chunks_exact_mut(4).zip(&words[1..=11]) {
            slot.copy_from_slice(&word.to_be_bytes());
        }
        // The table begins with two bytes of padding before the destination MAC.
        self.headers[stream] = header.last_chunk().copied().filter(|_| words[9] != 0);
    }

    /// Appends a frame of the stream and returns its payload for the caller to fill; none while the stream has no destination.
    pub fn frame<'a>(&self, stream: FramerStream, out: &'a mut Outbox, length: usize) -> Option<&'a mut [u8]> {
        let header = self.headers[stream as usize].as_ref()?;
        let length = length.min(MAX_PAYLOAD);
        let frame = out.push(UDP_HEADERS + length);
        frame[..UDP_HEADERS].copy_from_slice(header);
        let total = (length + 28) as u16;
        let partial = u32::from(header[24]) << 8 | u32::from(header[25]);
        let checksum = !frame::fold(partial + u32::from(total));
        frame[16..18].copy_from_slice(&total.to_be_bytes());
        frame[24..26].copy_from_slice(&checksum.to_be_bytes());
        frame[38..40].copy_from_slice(&(total - 20).to_be_bytes());
        Some(&mut frame[UDP_HEADERS..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_checksum_holds_for_every_address_and_length() {
        let (mut framer, mut out) = (Framer::default(), Outbox::default());
        let at = |ip: u32| (SocketAddrV4::new(Ipv4Addr::from_bits(ip), 49_156), [2; 6]);
        for low in (0..=0xFFFF).step_by(7) {
            framer.set(FramerStream::Rx0, at(0xC0A8_0A02), at(0xC0A8_0000 + low));
            for length in [24, 1472] {
                out.clear();
                framer.frame(FramerStream::Rx0, &mut out, length).unwrap();
                let header = out.frames().next().unwrap();
                assert_eq!(frame::sum(&header[14..34]), 0xFFFF, "{low:#x}, {length}");
            }
        }
    }

    #[test]
    fn a_stream_to_no_address_is_not_sent() {
        let (mut framer, mut out) = (Framer::default(), Outbox::default());
        framer.write(WORDS * FramerStream::Tx as usize + 10, 5_000);
        assert!(framer.frame(FramerStream::Tx, &mut out, 24).is_none());
        framer.write(WORDS * FramerStream::Tx as usize + 9, 0xC0A8_0A01);
        assert!(framer.frame(FramerStream::Tx, &mut out, 24).is_some());
        assert!(framer.frame(FramerStream::Rx0, &mut out, 24).is_none());
    }
}
