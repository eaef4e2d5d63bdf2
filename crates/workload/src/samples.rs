//! The sample socket between the D2D and the USRP process: a Unix `SOCK_SEQPACKET` socket on which the D2D process listens (it is
//! started first) and to which the USRP process connects. Each packet is one [`Block`].

use std::io;

/// Most samples in one block: the modem's subframe at 25 Msps fits, and a packet of 100 KB stays under the default socket buffer.
pub const MAX_SAMPLES: usize = 25_600;

/// Bytes before the samples.
pub const HEADER: usize = 16;

/// One complex sample, 16-bit I and Q, full scale 32767, as on the radio's wire but in the host's byte order.
pub type Sample = num_complex::Complex<i16>;

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// USRP to D2D: received samples, contiguous in time.
    Rx = 1,
    /// D2D to USRP: samples to transmit, the first one at the block's tick.
    Tx = 2,
}

/// A stretch of samples with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Direction.
    pub kind: Kind,
    /// Device time at which the first sample is on the air, 100 MHz ticks.
    pub tick: u64,
    /// At most [`MAX_SAMPLES`].
    pub samples: Vec<Sample>,
}

impl Block {
    /// Appends the block's bytes to `out`: kind u8, 3 bytes zero, count u32, tick u64 (host byte order), then I and Q pairs of i16.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.kind as u8);
        out.extend_from_slice(&[0; 3]);
        out.extend_from_slice(&(self.samples.len() as u32).to_ne_bytes());
        out.extend_from_slice(&self.tick.to_ne_bytes());
        let header = out.len();
        out.resize(header + 4 * self.samples.len(), 0);
        for (slot, sample) in out[header..].as_chunks_mut::<4>().0.iter_mut().zip(&self.samples) {
            let ([a, b], [c, d]) = (sample.re.to_ne_bytes(), sample.im.to_ne_bytes());
            *slot = [a, b, c, d];
        }
    }

    /// Reads a block from one packet.
    ///
    /// # Errors
    /// `InvalidData` with a sentence when the packet is none.
    pub fn decode(packet: &[u8]) -> io::Result<Self> {
        let mut block = Self { kind: Kind::Rx, tick: 0, samples: Vec::new() };
        block.decode_from(packet)?;
        Ok(block)
    }

    /// Reads a block from one packet into this one, reusing its memory.
    ///
    /// # Errors
    /// As [`Block::decode`]; this block is then unchanged.
    pub fn decode_from(&mut self, packet: &[u8]) -> io::Result<()> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("sample block {what}"));
        let (header, body) = packet.split_at_checked(HEADER).ok_or_else(|| wrong("is shorter than its header"))?;
        let kind = match header[0] {
            1 => Kind::Rx,
            2 => Kind::Tx,
            _ => return Err(wrong("has an unknown kind")),
        };
        let count = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]) as usize;
        if count > MAX_SAMPLES || body.len() != count * 4 {
            return Err(wrong("has a count that does not match its length"));
        }
        let mut tick = [0; 8];
        tick.copy_from_slice(&header[8..16]);
        self.kind = kind;
        self.tick = u64::from_ne_bytes(tick);
        self.samples.clear();
        let samples =
            body.as_chunks::<4>().0.iter().map(|b| Sample::new(i16::from_ne_bytes([b[0], b[1]]), i16::from_ne_bytes([b[2], b[3]])));
        self.samples.extend(samples);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_survive_the_round_trip(tick: u64, raw in prop::collection::vec((any::<i16>(), any::<i16>()), 0..400)) {
            let block = Block { kind: Kind::Rx, tick, samples: raw.into_iter().map(|(i, q)| Sample::new(i, q)).collect() };
            let mut bytes = Vec::new();
            block.encode(&mut bytes);
            prop_assert_eq!(Block::decode(&bytes).unwrap(), block);
        }

        #[test]
        fn alien_packets_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Block::decode(&bytes);
        }
    }
}
