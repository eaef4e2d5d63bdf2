//! Modulation (3GPP TS 36.211, 7.1) and its soft inverse.

use std::f32::consts::FRAC_1_SQRT_2;

use num_complex::Complex32;

/// Modulation of the data, with Gray-mapped levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modulation {
    /// 2 bits a symbol.
    Qpsk,
    /// 4 bits a symbol.
    Qam16,
    /// 6 bits a symbol.
    Qam64,
}

impl Modulation {
    /// All, the most robust first.
    pub const ALL: [Self; 3] = [Self::Qpsk, Self::Qam16, Self::Qam64];

    /// Bits of a symbol.
    pub const fn bits(self) -> usize {
        match self {
            Self::Qpsk => 2,
            Self::Qam16 => 4,
            Self::Qam64 => 6,
        }
    }

    /// Amplitudes of one axis by the axis's bits, the first bit most significant, in units of [`Self::unit`].
    const fn levels(self) -> &'static [f32] {
        match self {
            Self::Qpsk => &[1.0, -1.0],
            Self::Qam16 => &[1.0, 3.0, -1.0, -3.0],
            Self::Qam64 => &[3.0, 1.0, 5.0, 7.0, -3.0, -1.0, -5.0, -7.0],
        }
    }

    /// Amplitude that gives the constellation a mean power of 1.
    const fn unit(self) -> f32 {
        match self {
            Self::Qpsk => FRAC_1_SQRT_2,
            // 1 / sqrt(10) and 1 / sqrt(42).
            Self::Qam16 => 0.316_227_77,
            Self::Qam64 => 0.154_303_35,
        }
    }

    /// The symbol of some bits, one a byte: even ones choose the in-phase level, odd ones the quadrature level.
    pub fn map(self, bits: &[u8]) -> Complex32 {
        let (mut re, mut im) = (0, 0);
        for [even, odd] in bits.as_chunks::<2>().0 {
            re = re << 1 | usize::from(even & 1);
            im = im << 1 | usize::from(odd & 1);
        }
        let levels = self.levels();
        let level = |index: usize| levels[index % levels.len()] * self.unit();
        Complex32::new(level(re), level(im))
    }

    /// Appends the log-likelihood ratios of a received symbol's bits, positive for 0, by the max-log approximation. `quality` is the
    /// inverse of the noise's power.
    pub fn soften(self, x: Complex32, quality: f32, out: &mut Vec<f32>) {
        match self {
            Self::Qpsk => {
                let gain = 4.0 * self.unit() * quality;
                out.extend([x.re * gain, x.im * gain]);
            }
            Self::Qam16 => soften::<4>(x, self.unit(), quality, self.levels(), out),
            Self::Qam64 => soften::<8>(x, self.unit(), quality, self.levels(), out),
        }
    }

    /// Squared distance to the nearest symbol.
    pub fn error(self, x: Complex32) -> f32 {
        let (unit, inverse) = (self.unit(), 1.0 / self.unit());
        let most = (self.levels().len() - 1) as f32;
        // The levels are the odd numbers up to the largest.
        let axis = |x: f32| {
            let x = x.abs() * inverse;
            // The cast rounds down, and saturates.
            let level = ((x / 2.0) as u16 as f32 * 2.0 + 1.0).min(most);
            ((x - level) * unit).powi(2)
        };
        axis(x.re) + axis(x.im)
    }
}

/// Both axes, bits interleaved; `L` is the number of levels of an axis.
fn soften<const L: usize>(x: Complex32, unit: f32, quality: f32, levels: &[f32], out: &mut Vec<f32>) {
    let width = L.ilog2() as usize;
    let start = out.len();
    out.resize(start + 2 * width, 0.0);
    for (axis, value) in [x.re, x.im].into_iter().enumerate() {
        let mut best = [[f32::MAX; 2]; 3];
        for (index, level) in levels.iter().take(L).enumerate() {
            let distance = (value - level * unit).powi(2);
            for (bit, best) in best.iter_mut().take(width).enumerate() {
                let side = &mut best[(index >> (width - 1 - bit)) & 1];
                *side = side.min(distance);
            }
        }
        for (bit, [zero, one]) in best.into_iter().take(width).enumerate() {
            out[start + 2 * bit + axis] = (one - zero) * quality;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(modulation: Modulation) -> Vec<(Vec<u8>, Complex32)> {
        let width = modulation.bits();
        (0..1usize << width)
            .map(|n| {
                let bits: Vec<u8> = (0..width).map(|b| (n >> (width - 1 - b) & 1) as u8).collect();
                let symbol = modulation.map(&bits);
                (bits, symbol)
            })
            .collect()
    }

    #[test]
    fn every_constellation_has_unit_power_and_its_own_points() {
        for modulation in Modulation::ALL {
            let all = symbols(modulation);
            let power: f32 = all.iter().map(|(_, x)| x.norm_sqr()).sum::<f32>() / all.len() as f32;
            assert!((power - 1.0).abs() < 1e-5, "{modulation:?}: {power}");
            for (n, (_, a)) in all.iter().enumerate() {
                assert!(all[..n].iter().all(|(_, b)| (a - b).norm() > 0.2));
                assert!(modulation.error(*a) < 1e-9);
            }
        }
        // 36.211, tables 7.1.2-1, 7.1.3-1 and 7.1.4-1.
        let near = |m: Modulation, bits: &[u8], re: f32, im: f32, unit: f32| {
            assert!((m.map(bits) - Complex32::new(re, im) / unit.sqrt()).norm() < 1e-5, "{bits:?}");
        };
        near(Modulation::Qpsk, &[0, 1], 1.0, -1.0, 2.0);
        near(Modulation::Qam16, &[1, 0, 0, 1], -1.0, 3.0, 10.0);
        near(Modulation::Qam64, &[0, 1, 1, 0, 1, 1], 7.0, -1.0, 42.0);
    }

    #[test]
    fn soft_decisions_without_noise_are_right_and_neighbours_differ_in_one_bit() {
        for modulation in Modulation::ALL {
            let all = symbols(modulation);
            let nearest = 2.0 * modulation.unit();
            for (bits, x) in &all {
                let mut soft = Vec::new();
                modulation.soften(*x, 10.0, &mut soft);
                let hard: Vec<u8> = soft.iter().map(|l| u8::from(*l < 0.0)).collect();
                assert_eq!(&hard, bits);
                for (others, y) in &all {
                    if (x - y).norm() < nearest * 1.01 && x != y {
                        assert_eq!(bits.iter().zip(others).filter(|(a, b)| a != b).count(), 1);
                    }
                }
            }
        }
    }
}
