//! From a block of samples to the packets of one timed burst.

use n210_wire::stream_tx::{TxHeader, WINDOW};
use n210_wire::{FRAME, SAMPLES_PER_PACKET};
use workload::samples::{Block, MAX_SAMPLES};

/// Most packets of a burst.
pub const MAX_PACKETS: usize = MAX_SAMPLES.div_ceil(SAMPLES_PER_PACKET);

/// Packets whose burst is remembered: more than may be under way.
const REMEMBERED: usize = (WINDOW as usize).next_power_of_two();

/// Room for one burst, and the sequence that goes through all bursts.
#[derive(Debug)]
pub struct Bursts {
    frames: Box<[[u8; FRAME]; MAX_PACKETS]>,
    lengths: [usize; MAX_PACKETS],
    sequence: u32,
    /// Packet count of the next packet: its low four bits.
    count: u8,
    ticks_per_packet: u64,
    /// Number of the burst of each recent packet.
    numbers: Box<[u64; REMEMBERED]>,
    number: u64,
}

/// Packets that a burst of so many samples takes.
pub fn packets(samples: usize) -> usize {
    samples.div_ceil(SAMPLES_PER_PACKET)
}

impl Bursts {
    /// For samples `decimation` ticks apart.
    pub fn new(decimation: u32) -> Self {
        Self {
            frames: Box::new([[0; FRAME]; MAX_PACKETS]),
            lengths: [0; MAX_PACKETS],
            sequence: 0,
            count: 0,
            ticks_per_packet: u64::from(decimation) * SAMPLES_PER_PACKET as u64,
            numbers: Box::new([0; REMEMBERED]),
            number: 0,
        }
    }

    /// The next packet has this sequence and this packet count: 0 and 0 after the radio's sequence register was written, or what another host
    /// has come to.
    pub fn begin_at(&mut self, sequence: u32, count: u8) {
        (self.sequence, self.count) = (sequence, count);
    }

    /// Lays out a block as one burst, from the start of the burst on the first packet to its end on the last. Tell with
    /// [`Self::sent`] how many packets went out. An empty block takes no packets; samples beyond [`MAX_SAMPLES`] are left out.
    ///
    /// Every packet carries its time, though the radio looks at it only while idle: when it drops the first packet as too late, a
    /// packet without a time would go out at once, at the wrong moment, and hold up the burst after it.
    pub fn lay_out(&mut self, block: &Block) -> impl ExactSizeIterator<Item = &[u8]> {
        let chunks = block.samples.chunks(SAMPLES_PER_PACKET).take(MAX_PACKETS);
        let last = chunks.len().saturating_sub(1);
        let mut count = 0;
        for (at, samples) in chunks.enumerate() {
            let sequence = self.sequence.wrapping_add(at as u32);
            let header = TxHeader {
                sequence,
                count: self.count.wrapping_add(at as u8) & 15,
                start_of_burst: at == 0,
                end_of_burst: at == last,
                tick: Some(block.tick.wrapping_add(at as u64 * self.ticks_per_packet)),
            };
            // A frame holds SAMPLES_PER_PACKET samples with a time by its definition.
            self.lengths[at] = header.encode(samples, &mut self.frames[at]).unwrap_or(0);
            count = at + 1;
        }
        self.frames.iter().zip(self.lengths).take(count).map(|(frame, length)| &frame[..length])
    }

    /// Counts packets as sent: the next burst goes on after them.
    pub fn sent(&mut self, packets: usize) {
        self.number += 1;
        for _ in 0..packets {
            self.numbers[self.sequence as usize % REMEMBERED] = self.number;
            self.sequence = self.sequence.wrapping_add(1);
            self.count = self.count.wrapping_add(1) & 15;
        }
    }

    /// Sequence and packet count of the next packet.
    pub const fn next(&self) -> (u32, u8) {
        (self.sequence, self.count)
    }

    /// Number of the burst that a recent packet belonged to.
    pub fn number_of(&self, sequence: u32) -> u64 {
        self.numbers[sequence as usize % REMEMBERED]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use n210_wire::TxData;
    use proptest::prelude::*;
    use workload::samples::{Kind, Sample};

    fn block(tick: u64, count: usize) -> Block {
        Block { kind: Kind::Tx, tick, samples: (0..count).map(|n| Sample::new(n as i16, -(n as i16))).collect() }
    }

    #[test]
    fn sequence_and_count_go_on_from_anywhere() {
        let mut bursts = Bursts::new(52);
        bursts.begin_at(u32::MAX, 5);
        let block = Block { kind: Kind::Tx, tick: 0, samples: vec![Sample::default(); 1000] };
        let frames: Vec<Vec<u8>> = bursts.lay_out(&block).map(<[u8]>::to_vec).collect();
        let headers = frames.iter().map(|frame| TxData::decode(frame).unwrap().header);
        assert_eq!(headers.map(|h| (h.sequence, h.count)).collect::<Vec<_>>(), [(u32::MAX, 5), (0, 6), (1, 7)]);
        bursts.sent(3);
        assert_eq!(bursts.next(), (2, 8));
    }

    proptest! {
        #[test]
        fn every_sample_goes_out_once_in_step(sizes in prop::collection::vec(0..=MAX_SAMPLES, 1..12), first: u32, tick in 0..u64::MAX / 2) {
            let mut bursts = Bursts::new(52);
            bursts.begin_at(first, (first & 15) as u8);
            let mut expected = first;
            for size in sizes {
                let block = block(tick, size);
                let frames: Vec<Vec<u8>> = bursts.lay_out(&block).map(<[u8]>::to_vec).collect();
                prop_assert_eq!(frames.len(), packets(size));
                let mut samples = Vec::new();
                for (at, frame) in frames.iter().enumerate() {
                    prop_assert!(frame.len() <= FRAME);
                    let data = TxData::decode(frame).unwrap();
                    prop_assert_eq!(data.header, TxHeader {
                        sequence: expected,
                        count: (expected & 15) as u8,
                        start_of_burst: at == 0,
                        end_of_burst: at == frames.len() - 1,
                        tick: Some(tick + at as u64 * 363 * 52),
                    });
                    expected = expected.wrapping_add(1);
                    samples.extend(data.samples());
                }
                bursts.sent(frames.len());
                let number = bursts.number;
                prop_assert!((1..=frames.len() as u32).all(|back| bursts.number_of(expected.wrapping_sub(back)) == number));
                prop_assert_eq!(samples, block.samples);
            }
        }
    }

    #[test]
    fn a_packet_that_did_not_go_out_takes_no_sequence() {
        let mut bursts = Bursts::new(52);
        assert_eq!(bursts.lay_out(&block(0, 1000)).len(), 3);
        bursts.sent(1);
        let next = bursts.lay_out(&block(9, 1)).next().map(|frame| TxData::decode(frame).unwrap().header.sequence);
        assert_eq!(next, Some(1));
        bursts.begin_at(0, 0);
        assert_eq!(bursts.lay_out(&block(9, 1)).next().map(|frame| frame[..4].to_vec()), Some(vec![0; 4]));
    }
}
