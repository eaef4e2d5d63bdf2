//! The filters of a signal chain, as impulse responses on the grid of the 100 MHz clock.
//!
//! A receive chain is a CIC decimator of four stages, a small half-band filter (7 taps, bit 9 of the rate register) and a large one (31
//! taps, bit 8), each at the rate that reaches it. A transmit chain is its mirror image: the large half-band filter first (bit 9), then the
//! small one (bit 8), then the CIC interpolator. Nothing makes up for the droop of the CIC. Coefficients and order are those of the
//! public FPGA sources; their fixed-point rounding and the delay of their pipelines (some tens of ticks) are left out.

use num_complex::Complex;

use n210_wire::dsp::Direction;

/// One half of each half-band filter, outermost first, every second tap (the others are 0), in units of 2^-18; the centre is 2^17.
pub const SMALL: [f64; 2] = [-10_690.0, 75_809.0];
/// The same of the large one.
pub const LARGE: [f64; 8] = [-107.0, 445.0, -1_271.0, 2_959.0, -6_107.0, 11_953.0, -24_706.0, 82_359.0];
const UNITY: f64 = 262_144.0;

const CIC_STAGES: u32 = 4;

/// Gain of the CORDIC (20 stages) against the 1.65 for which hosts compute the scale register.
pub const CORDIC: f64 = 1.646_760_258_121 / 1.65;

/// The filters that a rate register switches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterChain {
    /// Rate of the CIC filter, ticks.
    pub cic: usize,
    /// The small half-band filter is on.
    pub small: bool,
    /// The large half-band filter is on.
    pub large: bool,
    /// Amplitude at DC that a sample has in all its ticks together: an interpolator stretches it.
    stretch: usize,
}

impl FilterChain {
    /// Filters of a chain in a direction at a value of its rate register.
    pub fn new(direction: Direction, word: u32) -> Self {
        let (near, far) = (word & 0x200 != 0, word & 0x100 != 0);
        let (small, large) = if direction == Direction::Receive { (near, far) } else { (far, near) };
        let cic = (word as usize & 0xFF).max(1);
        let total = cic << (usize::from(small) + usize::from(large));
        Self { cic, small, large, stretch: if direction == Direction::Receive { 1 } else { total } }
    }

    /// Ticks between the taps of the large half-band filter.
    pub fn large_spacing(&self) -> usize {
        self.cic << usize::from(self.small)
    }

    /// Ticks from the first to the last effect of an impulse.
    pub fn span(&self) -> usize {
        let small = if self.small { 6 * self.cic } else { 0 };
        let large = if self.large { 30 * self.large_spacing() } else { 0 };
        CIC_STAGES as usize * (self.cic - 1) + small + large
    }

    /// A signal on the clock's grid through the filters.
    pub fn filter(&self, mut signal: Vec<Complex<f64>>) -> Vec<Complex<f64>> {
        if self.large {
            signal = half_band(&signal, &LARGE, self.large_spacing());
        }
        if self.small {
            signal = half_band(&signal, &SMALL, self.cic);
        }
        for _ in 0..CIC_STAGES {
            signal = boxcar(&signal, self.cic);
        }
        let gain = self.stretch as f64;
        signal.iter_mut().for_each(|value| *value *= gain);
        signal
    }

    /// The response to an impulse at tick 0; it sums to about 1, in a transmitter to about its interpolation.
    pub fn impulse(&self) -> Vec<f64> {
        self.filter(vec![Complex::new(1.0, 0.0)]).into_iter().map(|value| value.re).collect()
    }
}

fn half_band(signal: &[Complex<f64>], half: &[f64], spacing: usize) -> Vec<Complex<f64>> {
    let length = 4 * half.len() - 1;
    let mut out = vec![Complex::default(); signal.len() + (length - 1) * spacing];
    let outer = half.iter().enumerate().flat_map(|(n, tap)| [(2 * n, *tap), (length - 1 - 2 * n, *tap)]);
    for (at, tap) in outer.chain([(length / 2, UNITY / 2.0)]) {
        for (slot, value) in out.iter_mut().skip(at * spacing).zip(signal) {
            *slot += value * (tap / UNITY);
        }
    }
    out
}

/// Mean of the last `length` values.
fn boxcar(signal: &[Complex<f64>], length: usize) -> Vec<Complex<f64>> {
    let mut sum = Complex::default();
    let at = |n: usize| signal.get(n).copied().unwrap_or_default();
    (0..signal.len() + length - 1)
        .map(|n| {
            sum += at(n) - n.checked_sub(length).map(at).unwrap_or_default();
            sum / length as f64
        })
        .collect()
}
