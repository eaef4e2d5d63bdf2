//! Where samples, symbols and subcarriers lie: LTE numerology (3GPP TS 36.211, 5.6 and 6.12) at rates that the N210 has.
//!
//! LTE's rates are no integer divisions of the N210's 100 MHz. Here a useful symbol is 6720 device ticks at every bandwidth, so that
//! every rate is 100 MHz over an even number, the prefixes are whole samples, and the subcarrier spacing is 14 880.95 Hz, 0.8 % under
//! LTE's. A slot is 50 400 ticks with either prefix.

/// Subframes in a frame.
pub const SUBFRAMES: usize = 10;
/// Subcarriers in a resource block.
pub const BLOCK_SUBCARRIERS: usize = 12;
/// Rate of the device clock, ticks per second.
pub const TICK_RATE: f64 = 100e6;
/// Device ticks of the useful part of a symbol.
pub const USEFUL_TICKS: u64 = 6720;
/// Device ticks of a slot.
pub const SLOT_TICKS: u64 = 50_400;
/// Device ticks of a subframe.
pub const SUBFRAME_TICKS: u64 = 2 * SLOT_TICKS;
/// Device ticks of a frame.
pub const FRAME_TICKS: u64 = SUBFRAMES as u64 * SUBFRAME_TICKS;
/// Hz between subcarriers.
pub const SPACING: f64 = TICK_RATE / USEFUL_TICKS as f64;

/// Relative error of a sample rate up to which it means one of these: configurations write it in decimals.
const RATE_TOLERANCE: f64 = 1e-4;

/// Length of the cyclic prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prefix {
    /// Seven symbols a slot; 672 ticks before the first, 448 before the others.
    Normal,
    /// Six symbols a slot, 1680 ticks before each.
    Extended,
}

impl Prefix {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Normal, Self::Extended];

    /// OFDM symbols in a slot.
    pub const fn slot_symbols(self) -> usize {
        match self {
            Self::Normal => 7,
            Self::Extended => 6,
        }
    }

    /// Device ticks before a symbol of a slot.
    pub const fn ticks(self, symbol: usize) -> u64 {
        match self {
            Self::Normal if symbol.is_multiple_of(7) => 672,
            Self::Normal => 448,
            Self::Extended => 1680,
        }
    }
}

/// System bandwidths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bandwidth {
    /// 1.4 MHz, 6 resource blocks.
    Mhz1_4,
    /// 3 MHz, 15 resource blocks.
    Mhz3,
    /// 5 MHz, 25 resource blocks.
    Mhz5,
    /// 10 MHz, 50 resource blocks.
    Mhz10,
    /// 15 MHz, 75 resource blocks.
    Mhz15,
    /// 20 MHz, 100 resource blocks.
    Mhz20,
}

impl Bandwidth {
    /// All, the narrowest first.
    pub const ALL: [Self; 6] = [Self::Mhz1_4, Self::Mhz3, Self::Mhz5, Self::Mhz10, Self::Mhz15, Self::Mhz20];

    /// The name's number.
    pub const fn mhz(self) -> f64 {
        match self {
            Self::Mhz1_4 => 1.4,
            Self::Mhz3 => 3.0,
            Self::Mhz5 => 5.0,
            Self::Mhz10 => 10.0,
            Self::Mhz15 => 15.0,
            Self::Mhz20 => 20.0,
        }
    }

    /// Resource blocks.
    pub const fn resource_blocks(self) -> usize {
        match self {
            Self::Mhz1_4 => 6,
            Self::Mhz3 => 15,
            Self::Mhz5 => 25,
            Self::Mhz10 => 50,
            Self::Mhz15 => 75,
            Self::Mhz20 => 100,
        }
    }

    /// Device ticks per sample: the rate is 100 MHz over this.
    pub const fn ticks_per_sample(self) -> u64 {
        match self {
            Self::Mhz1_4 => 56,
            Self::Mhz3 => 28,
            Self::Mhz5 => 16,
            Self::Mhz10 => 8,
            Self::Mhz15 | Self::Mhz20 => 4,
        }
    }

    /// Samples per second.
    pub fn rate(self) -> f64 {
        TICK_RATE / self.ticks_per_sample() as f64
    }

    /// Whether a radio with that rate, samples per second, carries it.
    pub fn fits(self, rate: f64) -> bool {
        (rate / self.rate() - 1.0).abs() <= RATE_TOLERANCE
    }

    /// The bandwidth of that name, in MHz.
    ///
    /// # Errors
    /// A sentence with the names that there are.
    pub fn parse(mhz: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|bandwidth| mhz.parse() == Ok(bandwidth.mhz()));
        found.ok_or_else(|| {
            let names = Self::ALL.map(|bandwidth| bandwidth.mhz().to_string()).join(", ");
            format!("the bandwidths are {names} MHz")
        })
    }

    /// The widest that a radio with that rate, samples per second, carries.
    pub fn for_rate(rate: f64) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|b| b.fits(rate))
    }
}

/// One bandwidth with one prefix, at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Numerology {
    /// System bandwidth.
    pub bandwidth: Bandwidth,
    /// Cyclic prefix.
    pub prefix: Prefix,
    /// Whose rate it is: at least that of `bandwidth`.
    pub sampled: Bandwidth,
}

impl Numerology {
    /// A bandwidth at its own rate.
    pub const fn new(bandwidth: Bandwidth, prefix: Prefix) -> Self {
        Self { bandwidth, prefix, sampled: bandwidth }
    }

    /// The six middle resource blocks of the bandwidth that samples were taken for, which are the same whatever the cell's is.
    pub const fn middle(sampled: Bandwidth, prefix: Prefix) -> Self {
        Self { bandwidth: Bandwidth::Mhz1_4, prefix, sampled }
    }

    /// Device ticks per sample.
    pub const fn ticks_per_sample(&self) -> u64 {
        self.sampled.ticks_per_sample()
    }

    /// FFT size, which is also the samples of a symbol's useful part.
    pub const fn fft(&self) -> usize {
        (USEFUL_TICKS / self.ticks_per_sample()) as usize
    }

    /// Subcarriers in use, the one at 0 Hz not counted.
    pub const fn subcarriers(&self) -> usize {
        self.bandwidth.resource_blocks() * BLOCK_SUBCARRIERS
    }

    /// OFDM symbols in a slot.
    pub const fn slot_symbols(&self) -> usize {
        self.prefix.slot_symbols()
    }

    /// OFDM symbols in a subframe.
    pub const fn symbols(&self) -> usize {
        2 * self.slot_symbols()
    }

    /// Resource elements of a subframe.
    pub const fn elements(&self) -> usize {
        self.symbols() * self.subcarriers()
    }

    /// Samples of the cyclic prefix of a symbol of the subframe.
    pub const fn prefix(&self, symbol: usize) -> usize {
        (self.prefix.ticks(symbol % self.slot_symbols()) / self.ticks_per_sample()) as usize
    }

    /// Samples of a slot.
    pub const fn slot_samples(&self) -> usize {
        (SLOT_TICKS / self.ticks_per_sample()) as usize
    }

    /// Samples of a subframe.
    pub const fn subframe_samples(&self) -> usize {
        2 * self.slot_samples()
    }

    /// Device tick of the subframe at which the useful part of a symbol begins, behind its prefix.
    pub const fn useful_tick(&self, symbol: usize) -> u64 {
        let (slot, within) = (symbol / self.slot_symbols(), symbol % self.slot_symbols());
        slot as u64 * SLOT_TICKS + self.prefix.ticks(0) + within as u64 * (USEFUL_TICKS + self.prefix.ticks(1))
    }

    /// Sample of the subframe at which the useful part of a symbol begins, behind its prefix.
    pub const fn useful_start(&self, symbol: usize) -> usize {
        (self.useful_tick(symbol) / self.ticks_per_sample()) as usize
    }

    /// Frequency of subcarrier `k`, counted from the lowest, in subcarriers from 0 Hz; 0 itself is left out.
    pub const fn offset(&self, k: usize) -> i32 {
        let half = self.subcarriers() / 2;
        k as i32 - half as i32 + if k < half { 0 } else { 1 }
    }

    /// FFT bin of subcarrier `k`, counted from the lowest frequency; the bin at 0 Hz is left out.
    pub const fn bin(&self, k: usize) -> usize {
        self.offset(k).rem_euclid(self.fft() as i32) as usize
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
    pub fn next_subframe(&self, tick: u64) -> (usize, u64) {
        // The origin's frame may lie ahead of the tick: count from the same phase near tick 0.
        let phase = self.origin % FRAME_TICKS;
        if tick <= phase {
            let back = (phase - tick) / SUBFRAME_TICKS;
            return (((SUBFRAMES as u64 - back % SUBFRAMES as u64) % SUBFRAMES as u64) as usize, phase - back * SUBFRAME_TICKS);
        }
        let count = (tick - phase).div_ceil(SUBFRAME_TICKS);
        ((count % SUBFRAMES as u64) as usize, phase + count * SUBFRAME_TICKS)
    }

    /// Tick at which the frame begins that holds `tick`, which must not lie in the first frame of the device clock.
    pub fn frame_start(&self, tick: u64) -> u64 {
        let phase = self.origin % FRAME_TICKS;
        tick.saturating_sub((tick + FRAME_TICKS - phase) % FRAME_TICKS)
    }

    /// Whether another clock's frames begin within so many ticks of this one's.
    pub fn is_near(self, other: Self, ticks: u64) -> bool {
        let apart = (self.origin % FRAME_TICKS + FRAME_TICKS - other.origin % FRAME_TICKS) % FRAME_TICKS;
        apart.min(FRAME_TICKS - apart) <= ticks
    }

    /// The clock moved by a number of ticks.
    pub fn moved(self, ticks: i64) -> Self {
        let shift = ticks.rem_euclid(FRAME_TICKS as i64) as u64;
        Self { origin: (self.origin % FRAME_TICKS + shift) % FRAME_TICKS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_length_is_a_whole_number_of_samples_and_symbols_fill_the_subframe() {
        for bandwidth in Bandwidth::ALL {
            for prefix in Prefix::ALL {
                let n = Numerology::new(bandwidth, prefix);
                assert_eq!(n.fft() as u64 * n.ticks_per_sample(), USEFUL_TICKS);
                assert_eq!(n.subframe_samples() as u64 * n.ticks_per_sample(), SUBFRAME_TICKS);
                assert!(n.subcarriers() < n.fft());
                let mut at = 0;
                for symbol in 0..n.symbols() {
                    assert_eq!(n.prefix(symbol) as u64 * n.ticks_per_sample(), prefix.ticks(symbol % prefix.slot_symbols()));
                    assert_eq!(n.useful_start(symbol), at + n.prefix(symbol), "{n:?} symbol {symbol}");
                    at = n.useful_start(symbol) + n.fft();
                }
                assert_eq!(at, n.subframe_samples());
            }
        }
    }

    #[test]
    fn rates_are_recognised_as_they_are_written_down() {
        assert_eq!(Bandwidth::for_rate(6.25e6), Some(Bandwidth::Mhz5));
        assert_eq!(Bandwidth::for_rate(1_785_714.3), Some(Bandwidth::Mhz1_4));
        assert_eq!(Bandwidth::for_rate(25e6), Some(Bandwidth::Mhz20));
        assert_eq!(Bandwidth::for_rate(1_923_076.9), None);
        assert!(Bandwidth::Mhz15.fits(25e6));
    }

    #[test]
    fn bins_surround_zero_without_using_it() {
        let n = Numerology::new(Bandwidth::Mhz1_4, Prefix::Normal);
        assert_eq!((n.bin(0), n.bin(35), n.bin(36), n.bin(71)), (84, 119, 1, 36));
    }

    proptest! {
        #[test]
        fn the_next_subframe_is_within_one_and_on_the_grid(origin in 0u64..1 << 50, tick in 0u64..1 << 50) {
            let (index, start) = FrameClock { origin }.next_subframe(tick);
            prop_assert!(start >= tick && start - tick < SUBFRAME_TICKS);
            let phase = (start as i128 - origin as i128).rem_euclid(FRAME_TICKS as i128) as u64;
            prop_assert_eq!(phase, index as u64 * SUBFRAME_TICKS);
        }

        #[test]
        fn moving_moves_every_subframe(origin in 0u64..1 << 50, by in -2_000_000i64..2_000_000) {
            let moved = FrameClock { origin }.moved(by);
            let phase = (moved.origin as i128 - origin as i128 - by as i128).rem_euclid(FRAME_TICKS as i128);
            prop_assert_eq!(phase, 0);
        }
    }
}
