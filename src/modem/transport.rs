//! Transport blocks: payload with CRC-24A (3GPP TS 36.212, 5.1.1), scrambled (36.211, 6.3.1). No forward error correction yet.

use crc::{CRC_24_LTE_A, Crc, Table};

use super::gold::Gold;
use super::sync_signals::CellId;

/// Bytes of the CRC.
pub const CRC_BYTES: usize = 3;

const CRC24A: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_24_LTE_A);

/// The CRC of a payload, most significant byte first.
pub fn crc(payload: &[u8]) -> [u8; CRC_BYTES] {
    let [_, crc @ ..] = CRC24A.checksum(payload).to_be_bytes();
    crc
}

/// The payload of a block whose CRC is right.
pub fn checked(block: &[u8]) -> Option<&[u8]> {
    let (payload, sum) = block.split_at_checked(block.len().checked_sub(CRC_BYTES)?)?;
    (crc(payload) == sum).then_some(payload)
}

/// The scrambling sequence of a subframe, in bytes, the first bit in the most significant place.
pub fn scrambling(rnti: u16, cell: CellId, subframe: usize, bytes: usize) -> Vec<u8> {
    let c_init = (u32::from(rnti) << 14) + ((subframe as u32) << 9) + u32::from(cell.number());
    let mut gold = Gold::new(c_init);
    (0..bytes).map(|_| gold.byte()).collect()
}

/// Scrambles or descrambles in place.
pub fn scramble(block: &mut [u8], sequence: &[u8]) {
    block.iter_mut().zip(sequence).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crc_has_the_catalogue_check_value() {
        assert_eq!(crc(b"123456789"), [0xcd, 0xe7, 0x03]);
    }

    #[test]
    fn blocks_shorter_than_a_crc_are_bad() {
        assert_eq!(checked(&[]), None);
        assert_eq!(checked(&[1, 2]), None);
    }

    proptest! {
        #[test]
        fn one_wrong_bit_is_noticed(payload in prop::collection::vec(any::<u8>(), 1..240), at: prop::sample::Index) {
            let mut block = payload.clone();
            block.extend(crc(&payload));
            prop_assert_eq!(checked(&block), Some(payload.as_slice()));
            let bit = at.index(block.len() * 8);
            block[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(checked(&block), None);
        }
    }
}
