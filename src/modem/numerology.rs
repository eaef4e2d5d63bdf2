//! Where samples, symbols and subcarriers lie: LTE numerology (3GPP TS 36.211, 5.6 and 6.12) at a rate that the N210 has.
//!
//! LTE's 1.92 Msps is no integer division of the N210's 100 MHz; 100 MHz / 52 = 1.923 Msps is, so that every time in the air
//! interface is 0.16 % shorter than LTE's and the subcarrier spacing is 15 024 Hz.

/// Subframes in a frame.
pub const SUBFRAMES: usize = 10;
/// OFDM symbols in a slot, normal cyclic prefix.
pub const SLOT_SYMBOLS: usize = 7;
/// OFDM symbols in a subframe.
pub const SYMBOLS: usize = 2 * SLOT_SYMBOLS;
/// Subcarriers in a resource block.
pub const BLOCK_SUBCARRIERS: usize = 12;
/// Rate of the device clock, ticks per second.
pub const TICK_RATE: f64 = 100e6;

/// FFT size to which the prefix lengths of the standard refer.
const REFERENCE_FFT: usize = 2048;
/// Normal cyclic prefix of the first symbol of a slot at the reference FFT size, samples.
const REFERENCE_PREFIX_FIRST: usize = 160;
/// Normal cyclic prefix of the other symbols at the reference FFT size, samples.
const REFERENCE_PREFIX: usize = 144;

/// One bandwidth at one sample rate, normal cyclic prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numerology {
    /// FFT size.
    pub fft: usize,
    /// Resource blocks.
    pub resource_blocks: usize,
    /// Device ticks per sample.
    pub ticks_per_sample: u64,
}

impl Numerology {
    /// 1.4 MHz: 6 resource blocks at 100 MHz / 52.
    pub const MHZ_1_4: Self = Self { fft: 128, resource_blocks: 6, ticks_per_sample: 52 };

    /// Samples per second.
    pub fn rate(&self) -> f64 {
        TICK_RATE / self.ticks_per_sample as f64
    }

    /// Hz between subcarriers.
    pub fn spacing(&self) -> f64 {
        self.rate() / self.fft as f64
    }

    /// Subcarriers in use, the one at 0 Hz not counted.
    pub const fn subcarriers(&self) -> usize {
        self.resource_blocks * BLOCK_SUBCARRIERS
    }

    /// Resource elements of a subframe.
    pub const fn elements(&self) -> usize {
        SYMBOLS * self.subcarriers()
    }

    /// Samples of the cyclic prefix of symbol 0..14.
    pub const fn prefix(&self, symbol: usize) -> usize {
        let reference = if symbol.is_multiple_of(SLOT_SYMBOLS) { REFERENCE_PREFIX_FIRST } else { REFERENCE_PREFIX };
        reference * self.fft / REFERENCE_FFT
    }

    /// Samples of a slot.
    pub const fn slot_samples(&self) -> usize {
        self.prefix(0) + (SLOT_SYMBOLS - 1) * self.prefix(1) + SLOT_SYMBOLS * self.fft
    }

    /// Samples of a subframe.
    pub const fn subframe_samples(&self) -> usize {
        2 * self.slot_samples()
    }

    /// Device ticks of a subframe.
    pub const fn subframe_ticks(&self) -> u64 {
        self.subframe_samples() as u64 * self.ticks_per_sample
    }

    /// Device ticks of a frame.
    pub const fn frame_ticks(&self) -> u64 {
        SUBFRAMES as u64 * self.subframe_ticks()
    }

    /// Sample of the subframe at which the useful part of symbol 0..14 begins, behind its prefix.
    pub const fn useful_start(&self, symbol: usize) -> usize {
        let (slot, within) = (symbol / SLOT_SYMBOLS, symbol % SLOT_SYMBOLS);
        slot * self.slot_samples() + self.prefix(0) + within * (self.fft + self.prefix(1))
    }

    /// Frequency of subcarrier `k`, counted from the lowest, in subcarriers from 0 Hz; 0 itself is left out.
    pub const fn offset(&self, k: usize) -> i32 {
        let half = self.subcarriers() / 2;
        k as i32 - half as i32 + if k < half { 0 } else { 1 }
    }

    /// FFT bin of subcarrier `k`, counted from the lowest frequency; the bin at 0 Hz is left out.
    pub const fn bin(&self, k: usize) -> usize {
        self.offset(k).rem_euclid(self.fft as i32) as usize
    }
}

/// Where frames lie on the device clock: some tick at which a subframe 0 begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameClock {
    /// Tick of the first sample of a subframe 0.
    pub origin: u64,
}

impl FrameClock {
    /// Number (0..10) and tick of the first subframe that begins at `tick` or later.
    pub fn next_subframe(&self, numerology: &Numerology, tick: u64) -> (usize, u64) {
        let length = numerology.subframe_ticks();
        // The origin's frame may lie ahead of the tick: count from the same phase near tick 0.
        let phase = self.origin % numerology.frame_ticks();
        if tick <= phase {
            let back = (phase - tick) / length;
            return (((SUBFRAMES as u64 - back % SUBFRAMES as u64) % SUBFRAMES as u64) as usize, phase - back * length);
        }
        let count = (tick - phase).div_ceil(length);
        ((count % SUBFRAMES as u64) as usize, phase + count * length)
    }

    /// The clock moved by a number of ticks.
    pub fn moved(self, numerology: &Numerology, ticks: i64) -> Self {
        let frame = numerology.frame_ticks();
        let shift = ticks.rem_euclid(frame as i64) as u64;
        Self { origin: (self.origin % frame + shift) % frame }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_subframe_is_1920_samples_and_99840_ticks() {
        let n = Numerology::MHZ_1_4;
        assert_eq!((n.slot_samples(), n.subframe_samples(), n.subframe_ticks()), (960, 1920, 99_840));
        assert_eq!((n.prefix(0), n.prefix(1), n.prefix(7)), (10, 9, 10));
        assert_eq!((n.useful_start(0), n.useful_start(6), n.useful_start(7)), (10, 832, 970));
        assert_eq!(n.useful_start(13) + n.fft, n.subframe_samples());
    }

    #[test]
    fn bins_surround_zero_without_using_it() {
        let n = Numerology::MHZ_1_4;
        assert_eq!((n.bin(0), n.bin(35), n.bin(36), n.bin(71)), (92, 127, 1, 36));
    }

    proptest! {
        #[test]
        fn the_next_subframe_is_within_one_and_on_the_grid(origin in 0u64..1 << 50, tick in 0u64..1 << 50) {
            let n = Numerology::MHZ_1_4;
            let (index, start) = FrameClock { origin }.next_subframe(&n, tick);
            prop_assert!(start >= tick && start - tick < n.subframe_ticks());
            let phase = (start as i128 - origin as i128).rem_euclid(n.frame_ticks() as i128) as u64;
            prop_assert_eq!(phase, index as u64 * n.subframe_ticks());
        }

        #[test]
        fn moving_moves_every_subframe(origin in 0u64..1 << 50, by in -2_000_000i64..2_000_000) {
            let n = Numerology::MHZ_1_4;
            let moved = FrameClock { origin }.moved(&n, by);
            let phase = (moved.origin as i128 - origin as i128 - by as i128).rem_euclid(n.frame_ticks() as i128);
            prop_assert_eq!(phase, 0);
        }
    }
}
