//! Joins receive packets into blocks of contiguous samples.

use super::timeline::{PacketPlace, SampleTimeline};
use n210_wire::RxData;
use workload::samples::{Block, Kind};

/// Most samples of a block: a subframe of the reference modem. Larger blocks would wait for longer than they save.
pub const BLOCK: usize = 1920;

/// The block under way.
#[derive(Debug)]
pub struct Merger {
    timeline: SampleTimeline,
    block: Block,
    /// Ticks from the air to the time stamp.
    delay: u64,
}

impl Merger {
    /// For a stream of one sample every `decimation` ticks, stamped `delay` ticks after it was on the air.
    pub fn new(decimation: u32, delay: u64) -> Self {
        let block = Block { kind: Kind::Rx, tick: 0, samples: Vec::with_capacity(BLOCK) };
        Self { timeline: SampleTimeline::new(u64::from(decimation)), block, delay }
    }

    /// Adds a packet, and hands over the block under way first if the packet does not continue it or does not fit.
    pub fn add(&mut self, data: &RxData<'_>, full: impl FnMut(&Block)) -> PacketPlace {
        let place = self.timeline.place(data.tick, data.count, data.len());
        if place == PacketPlace::Straggler {
            return place;
        }
        if place != PacketPlace::Next || self.block.samples.len() + data.len() > BLOCK {
            self.hand_over(full);
        }
        if self.block.samples.is_empty() {
            self.block.tick = data.tick.saturating_sub(self.delay);
        }
        data.append_to(&mut self.block.samples);
        place
    }

    /// Hands over the block under way, if there is one.
    pub fn hand_over(&mut self, mut full: impl FnMut(&Block)) {
        if !self.block.samples.is_empty() {
            full(&self.block);
            self.block.samples.clear();
        }
    }

    /// Forgets the past: the next packet begins a timeline.
    pub fn restart(&mut self) {
        self.timeline.restart();
        self.block.samples.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use n210_wire::stream_rx::{STREAM_ID, encode_data};
    use n210_wire::{RxPacket, SAMPLES_PER_PACKET, Sample};
    use proptest::prelude::*;

    const D: u64 = 52;

    /// A packet at a place in the stream whose samples are their own number.
    fn packet(first: u64, count: u8, samples: usize) -> Vec<u8> {
        let samples: Vec<Sample> = (first..).take(samples).map(|n| Sample::new(n as i16, (n >> 16) as i16)).collect();
        let mut bytes = vec![0; 1472];
        let length = encode_data(&mut bytes, STREAM_ID, count, first * D, &samples, false).unwrap();
        bytes.truncate(length);
        bytes
    }

    fn add(merger: &mut Merger, bytes: &[u8], blocks: &mut Vec<Block>) -> PacketPlace {
        let Ok(RxPacket::Data(data)) = RxPacket::decode(bytes) else { panic!("not a sample packet") };
        merger.add(&data, |block| blocks.push(block.clone()))
    }

    #[test]
    fn a_block_holds_five_packets_and_a_batch_ends_it() {
        let (mut merger, mut blocks) = (Merger::new(D as u32, 0), Vec::new());
        for at in 0..7 {
            add(&mut merger, &packet(at * 363, at as u8, 363), &mut blocks);
        }
        merger.hand_over(|block| blocks.push(block.clone()));
        merger.hand_over(|_| panic!("nothing is left"));
        let shape: Vec<(u64, usize)> = blocks.iter().map(|b| (b.tick, b.samples.len())).collect();
        assert_eq!(shape, [(0, 5 * 363), (5 * 363 * D, 2 * 363)]);
    }

    #[test]
    fn no_block_crosses_a_gap() {
        let (mut merger, mut blocks) = (Merger::new(D as u32, 0), Vec::new());
        assert_eq!(add(&mut merger, &packet(0, 15, 363), &mut blocks), PacketPlace::Start);
        assert_eq!(add(&mut merger, &packet(726, 1, 363), &mut blocks), PacketPlace::Gap(363));
        assert_eq!(add(&mut merger, &packet(363, 0, 363), &mut blocks), PacketPlace::Straggler);
        assert_eq!(add(&mut merger, &packet(1089, 2, 1), &mut blocks), PacketPlace::Next);
        merger.hand_over(|block| blocks.push(block.clone()));
        let shape: Vec<(u64, usize)> = blocks.iter().map(|b| (b.tick, b.samples.len())).collect();
        assert_eq!(shape, [(0, 363), (726 * D, 364)]);
    }

    #[test]
    fn a_block_has_the_tick_at_which_it_was_on_the_air() {
        let (mut merger, mut blocks) = (Merger::new(D as u32, 622), Vec::new());
        add(&mut merger, &packet(100, 0, 363), &mut blocks);
        assert_eq!(add(&mut merger, &packet(463, 1, 363), &mut blocks), PacketPlace::Next);
        merger.hand_over(|block| blocks.push(block.clone()));
        assert_eq!(blocks.iter().map(|block| block.tick).collect::<Vec<_>>(), [100 * D - 622]);
    }

    proptest! {
        #[test]
        fn every_sample_arrives_once_at_its_tick(
            packets in prop::collection::vec((1..=SAMPLES_PER_PACKET, prop::bool::weighted(0.9), any::<bool>()), 1..100),
        ) {
            let (mut merger, mut blocks, mut first, mut expected) = (Merger::new(D as u32, 0), Vec::new(), 0, Vec::new());
            // More than 16 packets: the counts wrap.
            for (at, (size, kept, ends_batch)) in packets.into_iter().enumerate() {
                if kept {
                    add(&mut merger, &packet(first, (at & 15) as u8, size), &mut blocks);
                    expected.extend(first..first + size as u64);
                }
                if ends_batch {
                    merger.hand_over(|block| blocks.push(block.clone()));
                }
                first += size as u64;
            }
            merger.hand_over(|block| blocks.push(block.clone()));
            let mut seen = Vec::new();
            for block in blocks {
                prop_assert!((1..=BLOCK).contains(&block.samples.len()));
                for (sample, n) in block.samples.iter().zip(block.tick / D..) {
                    prop_assert_eq!(*sample, Sample::new(n as i16, (n >> 16) as i16));
                    seen.push(n);
                }
            }
            prop_assert_eq!(seen, expected);
        }
    }
}
