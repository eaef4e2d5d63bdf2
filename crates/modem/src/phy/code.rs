//! Forward error correction: CRC-24 (3GPP TS 36.212, 5.1.1), LDPC with soft decisions, rate matching.
//!
//! LTE's turbo code has no well-kept library; `labrador-ldpc` has the codes of CCSDS. A block of `info` bytes is filled up with zeros to
//! the code's length (the receiver knows them), encoded, and of the parity as many bits are sent as fit; when there is room for more,
//! bits are repeated. The information itself is sent as it is, so that a good reception needs no decoder.

use crc::{CRC_24_LTE_A, CRC_24_LTE_B, Crc, Table};
use labrador_ldpc::LDPCCode;

/// Bytes of a CRC.
pub const CRC_BYTES: usize = 3;

const CRC24A: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_24_LTE_A);
const CRC24B: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_24_LTE_B);

/// Most iterations of the decoder.
const ITERATIONS: usize = 30;
/// Steps of the decoder's integers per unit of log-likelihood.
const STEPS: f32 = 16.0;
/// Largest log-likelihood taken from the air: the decoder adds a few of them.
const MOST: f32 = 4000.0;
/// Step from one sent bit of parity to the next. Odd, so that all have their turn, and no regular pattern: TM2048 is made of circulants, and
/// of evenly spread parity none of its checks would get all the bits that it needs to begin with (blocks of 69 or 128 bytes at rate 2/3
/// were not corrected at all).
const PARITY_STEP: usize = 257;
/// Log-likelihood of a bit that is known to be 0.
const KNOWN: i16 = 16_000;

/// What protects what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Data: TM2048, 1024 information bits, CRC-24B as LTE's code blocks.
    Data,
    /// Broadcast block: TC256, 128 information bits, CRC-24A.
    Broadcast,
}

impl Code {
    const fn ldpc(self) -> LDPCCode {
        match self {
            Self::Data => LDPCCode::TM2048,
            Self::Broadcast => LDPCCode::TC256,
        }
    }

    /// Information bytes of a full block, CRC included.
    pub const fn info_bytes(self) -> usize {
        self.ldpc().k() / 8
    }

    /// Bits of a codeword.
    const fn length(self) -> usize {
        self.ldpc().n()
    }

    fn crc(self, payload: &[u8]) -> [u8; CRC_BYTES] {
        let sum = match self {
            Self::Data => CRC24B.checksum(payload),
            Self::Broadcast => CRC24A.checksum(payload),
        };
        let [_, crc @ ..] = sum.to_be_bytes();
        crc
    }

    /// The payload of a block whose CRC is right.
    pub fn checked(self, block: &[u8]) -> Option<&[u8]> {
        let (payload, sum) = block.split_at_checked(block.len().checked_sub(CRC_BYTES)?)?;
        (self.crc(payload) == sum).then_some(payload)
    }
}

/// Which bits of a codeword are transmitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateMatch {
    code: Code,
    /// Information bytes, CRC included.
    info: usize,
    /// Position in the codeword of each transmitted bit.
    positions: Vec<u16>,
}

impl RateMatch {
    /// `info` bytes, CRC included, into `coded` bits. More information than the code or the bits have room for is cut off.
    pub fn new(code: Code, info: usize, coded: usize) -> Self {
        let info = info.min(code.info_bytes()).min(coded / 8).max(CRC_BYTES);
        let (bits, k) = (8 * info, 8 * code.info_bytes());
        let half = (code.length() - k) / 2;
        let sent = coded.saturating_sub(bits).min(2 * half);
        // The second half first: TM2048's first half is checked together with bits that are never sent, so it helps least.
        let of_half = |start: usize| (0..half).map(move |n| k + start + n * PARITY_STEP % half);
        let parity = of_half(half).chain(of_half(0)).take(sent);
        let once: Vec<u16> = (0..bits).chain(parity).map(|n| n as u16).collect();
        // When all is sent, it starts again with the information.
        let positions = once.iter().copied().cycle().take(coded.max(bits)).collect();
        Self { code, info, positions }
    }

    /// Bytes of payload of a block.
    pub const fn payload_bytes(&self) -> usize {
        self.info - CRC_BYTES
    }

    /// Bits of a block on the air.
    pub const fn coded_bits(&self) -> usize {
        self.positions.len()
    }

    /// Appends the bits of a block, one a byte. A payload of another length is cut or filled with zeros.
    pub fn encode(&self, payload: &[u8], bits: &mut Vec<u8>) {
        let mut info = [0u8; Code::Data.info_bytes()];
        let payload = &payload[..payload.len().min(self.payload_bytes())];
        info[..payload.len()].copy_from_slice(payload);
        let crc = self.code.crc(&info[..self.payload_bytes()]);
        info[self.payload_bytes()..self.info].copy_from_slice(&crc);
        // In words of 64 bits the encoder is several times as fast as in bytes.
        let mut codeword = [0u64; Code::Data.length() / 64];
        let codeword = &mut codeword[..self.code.length() / 64];
        let codeword = self.code.ldpc().copy_encode(&info[..self.code.info_bytes()], codeword);
        bits.extend(self.positions.iter().map(|n| codeword[usize::from(*n) / 8] >> (7 - n % 8) & 1));
    }
}

/// Room for a decoder.
#[derive(Debug)]
pub struct Decoder {
    soft: Vec<f32>,
    llrs: Vec<i16>,
    output: Vec<u8>,
    working: Vec<i16>,
    working_u8: Vec<u8>,
    /// Blocks whose hard decisions were wrong.
    worked: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        let code = Code::Data.ldpc();
        Self {
            soft: vec![0.0; code.n()],
            llrs: vec![0; code.n()],
            output: vec![0; code.output_len()],
            working: vec![0; code.decode_ms_working_len()],
            working_u8: vec![0; code.decode_ms_working_u8_len()],
            worked: 0,
        }
    }
}

impl Decoder {
    /// The payload of a block from the log-likelihood ratios of its bits, if the CRC is right.
    pub fn decode(&mut self, matching: &RateMatch, received: &[f32]) -> Option<&[u8]> {
        let length = matching.code.length();
        let soft = &mut self.soft[..length];
        soft.fill(0.0);
        for (value, position) in received.iter().zip(&matching.positions) {
            soft[usize::from(*position)] += value;
        }
        // Without errors in the information the code is not needed, which spares nearly all of the work on a good channel.
        let hard = self.output.iter_mut().zip(soft.as_chunks::<8>().0);
        hard.for_each(|(byte, soft)| *byte = soft.iter().fold(0, |byte, s| byte << 1 | u8::from(*s < 0.0)));
        if matching.code.checked(&self.output[..matching.info]).is_none() {
            self.correct(matching);
        }
        matching.code.checked(&self.output[..matching.info])
    }

    /// Blocks that the error correction had to work on so far.
    #[cfg(test)]
    pub const fn worked(&self) -> u64 {
        self.worked
    }

    fn correct(&mut self, matching: &RateMatch) {
        self.worked += 1;
        let (code, length) = (matching.code.ldpc(), matching.code.length());
        let llrs = &mut self.llrs[..length];
        for (llr, soft) in llrs.iter_mut().zip(&self.soft) {
            // `as` saturates, and makes 0 of what is no number.
            *llr = (soft * STEPS).clamp(-MOST, MOST) as i16;
        }
        llrs[8 * matching.info..code.k()].fill(KNOWN);
        let _ = code.decode_ms(
            llrs,
            &mut self.output[..code.output_len()],
            &mut self.working[..code.decode_ms_working_len()],
            &mut self.working_u8[..code.decode_ms_working_u8_len()],
            ITERATIONS,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    fn soften(bits: &[u8]) -> Vec<f32> {
        bits.iter().map(|b| 4.0 - 8.0 * f32::from(*b)).collect()
    }

    #[test]
    fn crcs_have_the_catalogue_check_values() {
        assert_eq!(Code::Broadcast.crc(b"123456789"), [0xcd, 0xe7, 0x03]);
        assert_eq!(Code::Data.crc(b"123456789"), [0x23, 0xef, 0x52]);
        assert_eq!(Code::Data.checked(&[]), None);
        assert_eq!(Code::Data.checked(&[1, 2]), None);
    }

    /// Blocks of the sizes that layouts make, at the rate that they have.
    #[test]
    fn a_few_wrong_bits_are_corrected_in_a_block_of_any_size_in_use() {
        let mut random = StdRng::seed_from_u64(1);
        let mut decoder = Decoder::default();
        for info in 64..=128 {
            let coded = 12 * info;
            let matching = RateMatch::new(Code::Data, info, coded);
            let payload: Vec<u8> = (0..matching.payload_bytes()).map(|_| random.random()).collect();
            let mut bits = Vec::new();
            matching.encode(&payload, &mut bits);
            let mut corrected = || {
                let mut wrong = bits.clone();
                (0..coded / 200 + 1).for_each(|_| wrong[random.random_range(0..coded)] ^= 1);
                decoder.decode(&matching, &soften(&wrong)) == Some(&payload)
            };
            let count = (0..8).filter(|_| corrected()).count();
            assert!(count >= 7, "{info} bytes: {count} of 8");
        }
    }

    /// No bit is sent twice before all were sent once.
    #[test]
    fn all_bits_have_their_turn() {
        for code in [Code::Data, Code::Broadcast] {
            let mut positions = RateMatch::new(code, code.info_bytes(), code.length()).positions;
            positions.sort_unstable();
            assert!(positions.iter().copied().eq(0..code.length() as u16));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_rate_carries_any_payload(broadcast: bool, info in 4usize..=128, coded in 40usize..5000, seed: u64, payload: [u8; 128]) {
            let code = if broadcast { Code::Broadcast } else { Code::Data };
            let matching = RateMatch::new(code, info, coded);
            let payload = &payload[..matching.payload_bytes()];
            let mut bits = Vec::new();
            matching.encode(payload, &mut bits);
            prop_assert_eq!(bits.len(), matching.coded_bits());
            prop_assert!(matching.coded_bits() <= coded.max(8 * CRC_BYTES));
            let mut decoder = Decoder::default();
            prop_assert_eq!(decoder.decode(&matching, &soften(&bits)), Some(payload));
            prop_assert_eq!(decoder.worked(), 0);
            // Up to rate 2/3 a few wrong bits are corrected, unless the block is much shorter than any in use. Not any few: a
            // rare pattern is beyond min-sum, but two of eight are not chance.
            if 8 * matching.info * 3 <= coded * 2 && (broadcast || info >= 64) {
                let mut random = StdRng::seed_from_u64(seed);
                let mut corrected = || {
                    let mut wrong = bits.clone();
                    (0..coded / 200 + 1).for_each(|_| wrong[random.random_range(0..coded)] ^= 1);
                    decoder.decode(&matching, &soften(&wrong)) == Some(payload)
                };
                let count = (0..8).filter(|_| corrected()).count();
                prop_assert!(count >= 7, "{} of 8", count);
            }
        }

        #[test]
        fn noise_is_no_block(received in prop::collection::vec(any::<f32>(), 0..600)) {
            let mut decoder = Decoder::default();
            let matching = RateMatch::new(Code::Broadcast, 16, 552);
            prop_assert_eq!(decoder.decode(&matching, &received[..received.len().min(552)]).filter(|p| p.iter().any(|b| *b != 0)), None);
        }
    }
}
