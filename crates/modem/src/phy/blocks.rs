//! How a subframe's data is cut into code blocks.
//!
//! Each block has its own CRC, so that a receiver knows after the first one what else to expect: the first byte of the first block says
//! how many blocks are used. Elements of unused blocks stay empty.

use super::code::{Code, RateMatch};
use super::modulation::Modulation;

/// Coded bits per block from which there is room for another one: the code's rate stays at or under 2/3.
const CODED_BITS: usize = 8 * Code::Data.info_bytes() * 3 / 2;

/// Bytes of the first block before the payload.
const HEADER: usize = 1;

/// The blocks of a subframe.
#[derive(Debug, Clone)]
pub struct BlockLayout {
    /// Of the data.
    pub modulation: Modulation,
    /// Most blocks.
    pub blocks: usize,
    /// Resource elements of a block.
    pub elements: usize,
    /// How each is coded.
    pub matching: RateMatch,
}

impl BlockLayout {
    /// For so many resource elements; without elements there are no blocks.
    pub fn new(elements: usize, modulation: Modulation) -> Self {
        let width = modulation.bits();
        let blocks = (elements * width / CODED_BITS).clamp(1, usize::from(u8::MAX));
        let each = elements / blocks;
        let matching = RateMatch::new(Code::Data, each * width * 2 / 3 / 8, each * width);
        Self { modulation, blocks: if elements == 0 { 0 } else { blocks }, elements: each, matching }
    }

    /// Most bytes of payload.
    pub const fn payload_bytes(&self) -> usize {
        (self.blocks * self.matching.payload_bytes()).saturating_sub(HEADER)
    }

    /// Coded bits of all blocks.
    pub const fn coded_bits(&self) -> usize {
        self.blocks * self.matching.coded_bits()
    }

    /// Replaces `bits` by those of a payload, one a byte; what is too long is cut off.
    pub fn encode(&self, payload: &[u8], bits: &mut Vec<u8>) {
        bits.clear();
        let each = self.matching.payload_bytes();
        let payload = &payload[..payload.len().min(self.payload_bytes())];
        let used = (payload.len() + HEADER).div_ceil(each.max(1)).min(self.blocks);
        let (head, rest) = payload.split_at(payload.len().min(each.saturating_sub(HEADER)));
        let first: Vec<u8> = std::iter::once(used as u8).chain(head.iter().copied()).collect();
        self.matching.encode(&first, bits);
        rest.chunks(each.max(1)).for_each(|part| self.matching.encode(part, bits));
    }

    /// Blocks that are used, and the payload that begins in the first block.
    pub fn open<'a>(&self, first: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let (used, payload) = first.split_first()?;
        let used = usize::from(*used);
        (1..=self.blocks).contains(&used).then_some((used, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phy::code::Decoder;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_payload_takes_the_blocks_it_needs(elements in 400usize..16_000, which in 0usize..3, share in 0.0f64..=1.0) {
            let layout = BlockLayout::new(elements, Modulation::ALL[which]);
            let payload: Vec<u8> = (0..(share * layout.payload_bytes() as f64) as usize).map(|n| (n * 31) as u8).collect();
            let mut bits = Vec::new();
            layout.encode(&payload, &mut bits);
            prop_assert!(bits.len() <= layout.coded_bits() && layout.coded_bits() <= elements * layout.modulation.bits());
            let rate = 8.0 * (layout.matching.payload_bytes() + 3) as f64 / layout.matching.coded_bits() as f64;
            prop_assert!(rate <= 0.667, "rate {}", rate);
            let soft: Vec<f32> = bits.iter().map(|b| 1.0 - 2.0 * f32::from(*b)).collect();
            let (mut decoder, mut got) = (Decoder::default(), Vec::new());
            let mut used = 1;
            let each = layout.matching.coded_bits();
            let mut n = 0;
            while n < used {
                let block = decoder.decode(&layout.matching, &soft[n * each..(n + 1) * each]).unwrap();
                if n == 0 {
                    let (count, head) = layout.open(block).unwrap();
                    used = count;
                    got.extend_from_slice(head);
                } else {
                    got.extend_from_slice(block);
                }
                n += 1;
            }
            prop_assert_eq!(used * each, bits.len());
            prop_assert_eq!(&got[..payload.len()], &payload[..]);
        }
    }
}
