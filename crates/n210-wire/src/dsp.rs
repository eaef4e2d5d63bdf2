//! Rates, frequencies, scale and sample words: what the registers of the signal chains mean.

use super::{Sample, TICKS_PER_SECOND};

/// Largest total decimation or interpolation.
pub const MAX_DECIMATION: u32 = 512;

/// Direction of a signal chain; the two differ in how they use their half-band filters and in the order of their CIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the antenna.
    Receive,
    /// To the antenna.
    Transmit,
}

/// Whether the device can decimate or interpolate by `total`: 2..=128, even to 256, multiples of 4 to 512.
pub fn is_allowed(total: u32) -> bool {
    match total {
        2..=128 => true,
        129..=256 => total.is_multiple_of(2),
        257..=MAX_DECIMATION => total.is_multiple_of(4),
        _ => false,
    }
}

/// The allowed decimation whose rate is nearest to `rate`, in samples per second.
pub fn nearest_decimation(rate: f64) -> u32 {
    let error = |d: u32| (rate_of(d) - rate).abs();
    (2..=MAX_DECIMATION).filter(|d| is_allowed(*d)).min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(MAX_DECIMATION)
}

/// Samples per second at a total decimation.
pub fn rate_of(total: u32) -> f64 {
    TICKS_PER_SECOND as f64 / f64::from(total.max(1))
}

/// The decimation or interpolation register: CIC rate in the low byte, then one bit for each half-band filter.
///
/// None if the device cannot do it.
pub fn decimation_word(direction: Direction, total: u32) -> Option<u32> {
    if !is_allowed(total) {
        return None;
    }
    let (mut cic, mut word) = (total, 0);
    if cic.is_multiple_of(2) && (direction == Direction::Transmit || cic >= 4) {
        (cic, word) = (cic / 2, 0x100);
    }
    if cic.is_multiple_of(2) {
        (cic, word) = (cic / 2, word | 0x200);
    }
    Some(word | cic)
}

/// Total decimation that a register word sets; none if its CIC rate is 0 or beyond 128.
pub fn decimation_of(word: u32) -> Option<u32> {
    let halves = ((word >> 8) & 1) + ((word >> 9) & 1);
    match word & 0xFF {
        cic @ 1..=128 => Some(cic << halves),
        _ => None,
    }
}

/// Gain of the CIC with the CORDIC behind it, and its ideal compensation by the scale register, both against unity.
fn ideal_scale(direction: Direction, decimation_word: u32) -> f64 {
    let order = if direction == Direction::Receive { 4 } else { 3 };
    let growth = f64::from((decimation_word & 0xFF).max(1)).powi(order);
    // The chain drops whole bits after the CIC; the CORDIC grows the amplitude by 1.65.
    growth.log2().ceil().exp2() / (1.65 * growth)
}

/// Full scale of the scale register, which has 18 bits with sign.
const SCALE_UNITY: f64 = 131_072.0;

/// Scale register for sc16 and the factor by which the host multiplies its samples (1 or 2), for a decimation register word.
///
/// The chain's gain is 1 / factor: the host multiplies its samples, received as well as transmitted, by the factor.
pub fn scale_word(direction: Direction, decimation_word: u32) -> (u32, f64) {
    let ideal = ideal_scale(direction, decimation_word);
    let factor = 1.0 + ideal.log2().ceil().max(0.0);
    ((SCALE_UNITY * ideal / factor).round() as u32, factor)
}

/// Amplitude gain of a chain with this decimation register and scale register: 1 when the scale is ideal.
pub fn chain_gain(direction: Direction, decimation_word: u32, scale: u32) -> f64 {
    f64::from(scale & 0x3_FFFF) / (SCALE_UNITY * ideal_scale(direction, decimation_word))
}

/// Frequency register for a shift of `hertz`, to the nearest of its steps of 23 mHz, modulo the master clock.
pub fn frequency_word(hertz: f64) -> u32 {
    (hertz / TICKS_PER_SECOND as f64 * 4_294_967_296.0).round() as i64 as u32
}

/// Shift in hertz of a frequency register, -50 MHz to 50 MHz.
pub fn frequency_of(word: u32) -> f64 {
    f64::from(word.cast_signed()) / 4_294_967_296.0 * TICKS_PER_SECOND as f64
}

/// Receive frequency register that tunes a board without an oscillator of its own to `hertz`: the chain shifts down.
pub fn rx_tuning_word(hertz: f64) -> u32 {
    frequency_word(-hertz)
}

/// Transmit frequency register that tunes a board without an oscillator of its own to `hertz`.
pub fn tx_tuning_word(hertz: f64) -> u32 {
    frequency_word(hertz)
}

/// Reads one sc16 wire word: I then Q, big-endian.
pub fn sample_of(bytes: [u8; 4]) -> Sample {
    Sample::new(i16::from_be_bytes([bytes[0], bytes[1]]), i16::from_be_bytes([bytes[2], bytes[3]]))
}

/// One sc16 wire word.
pub fn sample_bytes(sample: Sample) -> [u8; 4] {
    let ([a, b], [c, d]) = (sample.re.to_be_bytes(), sample.im.to_be_bytes());
    [a, b, c, d]
}

/// Writes samples as sc16; stops at the end of the shorter side.
pub fn write_samples(samples: &[Sample], out: &mut [u8]) {
    for (slot, sample) in out.chunks_exact_mut(4).zip(samples) {
        slot.copy_from_slice(&sample_bytes(*sample));
    }
}

#[cfg(test)]
mod tests {
    use super::Direction::{Receive, Transmit};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn registers_as_uhd_writes_them() {
        for (total, rx, rx_scale, tx, tx_scale) in [
            (2, 0x201, 0x1364E, 0x101, 0x1364E),
            (4, 0x301, 0x1364E, 0x301, 0x1364E),
            (5, 0x005, 0x1FC67, 0x005, 0x13DC0),
            (8, 0x302, 0x1364E, 0x302, 0x1364E),
            (10, 0x105, 0x1FC67, 0x105, 0x13DC0),
            (16, 0x304, 0x1364E, 0x304, 0x1364E),
            (20, 0x305, 0x1FC67, 0x305, 0x13DC0),
            (50, 0x119, 0x1A07B, 0x119, 0x14560),
            (100, 0x319, 0x1A07B, 0x319, 0x14560),
            (200, 0x332, 0x1A07B, 0x332, 0x14560),
            (400, 0x364, 0x1A07B, 0x364, 0x14560),
            (512, 0x380, 0x1364E, 0x380, 0x1364E),
        ] {
            assert_eq!(decimation_word(Receive, total), Some(rx), "{total}");
            assert_eq!(decimation_word(Transmit, total), Some(tx), "{total}");
            assert_eq!(scale_word(Receive, rx).0, rx_scale, "{total}");
            assert_eq!(scale_word(Transmit, tx).0, tx_scale, "{total}");
        }
    }

    #[test]
    fn the_host_doubles_where_the_scale_register_would_overflow() {
        let doubled = |direction| (1..=128).filter(|cic| scale_word(direction, *cic).1 > 1.0).collect::<Vec<_>>();
        let rx = [7, 14, 23, 27, 28, 33, 39].into_iter().chain(46..=47).chain(54..=56).chain(65..=67);
        let rx = rx.chain(77..=79).chain(91..=94).chain(108..=112);
        assert_eq!(doubled(Receive), rx.collect::<Vec<_>>());
        let tx = [13, 17, 21, 26, 27, 33, 34, 41, 42].into_iter().chain(51..=54).chain(65..=68);
        assert_eq!(doubled(Transmit), tx.chain(81..=85).chain(102..=108).collect::<Vec<_>>());
    }

    #[test]
    fn there_are_255_rates_and_each_survives_its_register() {
        let all: Vec<u32> = (0..1000).filter(|d| is_allowed(*d)).collect();
        assert_eq!(all.len(), 255);
        for total in all {
            for direction in [Receive, Transmit] {
                assert_eq!(decimation_word(direction, total).and_then(decimation_of), Some(total));
                let word = decimation_word(direction, total).unwrap();
                let (scale, factor) = scale_word(direction, word);
                assert!((chain_gain(direction, word, scale) * factor - 1.0).abs() < 1e-4, "{total}");
            }
            assert_eq!(nearest_decimation(rate_of(total)), total);
        }
        assert_eq!(nearest_decimation(0.0), 512);
    }

    #[test]
    fn frequency_words_have_the_signs_of_uhd() {
        assert_eq!(rx_tuning_word(10e6), 0xE666_6666);
        assert_eq!(tx_tuning_word(10e6), 0x1999_999A);
    }

    proptest! {
        #[test]
        fn frequencies_survive_to_a_step(word: u32) {
            prop_assert_eq!(frequency_word(frequency_of(word)), word);
        }

        #[test]
        fn samples_survive_the_wire(raw in prop::collection::vec(any::<(i16, i16)>(), 0..50)) {
            let samples: Vec<Sample> = raw.into_iter().map(|(i, q)| Sample::new(i, q)).collect();
            let mut bytes = vec![0; samples.len() * 4];
            write_samples(&samples, &mut bytes);
            let back: Vec<Sample> = bytes.as_chunks::<4>().0.iter().map(|bytes| sample_of(*bytes)).collect();
            prop_assert_eq!(samples, back);
        }

        #[test]
        fn any_register_word_is_read_without_panic(word: u32, scale: u32) {
            let _ = (decimation_of(word), chain_gain(Receive, word, scale), scale_word(Transmit, word));
        }
    }
}
