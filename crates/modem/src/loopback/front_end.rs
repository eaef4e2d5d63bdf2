//! Front ends in the simulated channel: mirror images, a leaking carrier, a DC offset, phase noise.
//!
//! The typical ones are those of docs/n210.md, "Impairments", before any correction.

use num_complex::Complex32;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::gauss;

const FULL_SCALE: f32 = 32767.0;

/// Bandwidth of a synthesizer's loop, Hz: its phase noise is flat within.
const LOOP_HZ: f32 = 50e3;

/// What a transmitter and a receiver do to the samples between them.
pub struct FrontEnds {
    /// Factors of a signal and of its conjugate.
    transmit: [Complex32; 2],
    receive: [Complex32; 2],
    carrier: Complex32,
    offset: Complex32,
    /// What is kept of the phase from sample to sample, and what comes new, radians.
    keeps: f32,
    fresh: f32,
    phase: f32,
    random: StdRng,
}

/// Q with so much more gain than I, and so far from a quarter turn after it.
fn imbalance(gain_db: f32, degrees: f32) -> [Complex32; 2] {
    let q = Complex32::from_polar(10f32.powf(gain_db / 20.0), degrees.to_radians());
    [(1.0 + q) / 2.0, (1.0 - q).conj() / 2.0]
}

impl FrontEnds {
    /// Typical ones, uncalibrated, at this rate in samples/s.
    pub fn typical(rate: f64, seed: u64) -> Self {
        let keeps = (-std::f32::consts::TAU * LOOP_HZ / rate as f32).exp();
        // Two oscillators of 0.4 degrees.
        let rms = 0.4f32.to_radians() * 2f32.sqrt();
        Self {
            transmit: imbalance(-0.2, 1.0),
            receive: imbalance(0.2, 1.0),
            carrier: Complex32::from_polar(FULL_SCALE * 0.01, -2.4),
            offset: Complex32::from_polar(FULL_SCALE * 0.01, 2.4),
            keeps,
            fresh: rms * (1.0 - keeps * keeps).sqrt(),
            phase: 0.0,
            random: StdRng::seed_from_u64(seed ^ 0x4646),
        }
    }

    /// What leaves the antenna of a sample.
    pub fn transmitted(&self, sample: Complex32) -> Complex32 {
        sample * self.transmit[0] + sample.conj() * self.transmit[1] + self.carrier
    }

    /// What the receiver's converters make of what comes with noise.
    pub fn received(&mut self, sample: Complex32) -> Complex32 {
        self.phase = self.phase * self.keeps + gauss(&mut self.random).re * self.fresh;
        let turned = sample * Complex32::from_polar(1.0, self.phase);
        turned * self.receive[0] + turned.conj() * self.receive[1] + self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_carrier_and_phase_noise_are_as_loud_as_they_say() {
        let mut ends = FrontEnds::typical(6.25e6, 1);
        let image = |[signal, image]: [Complex32; 2]| 20.0 * (image.norm() / signal.norm()).log10();
        for factors in [ends.transmit, ends.receive] {
            assert!((image(factors) + 36.7).abs() < 0.2, "{} dB", image(factors));
        }
        // An I of 1 stays as it is; a Q of 1 becomes I, too.
        let of = |z: Complex32| z * ends.receive[0] + z.conj() * ends.receive[1];
        assert!((of(Complex32::new(1.0, 0.0)) - Complex32::new(1.0, 0.0)).norm() < 0.02);
        assert!((of(Complex32::i()).im - 1.0233).abs() < 1e-3);
        assert!((ends.transmitted(Complex32::default()).norm() - 327.67).abs() < 0.1);
        let phases: Vec<f32> = (0..200_000)
            .map(|_| {
                ends.received(Complex32::default());
                ends.phase
            })
            .collect();
        let rms = (phases.iter().map(|phase| phase * phase).sum::<f32>() / phases.len() as f32).sqrt().to_degrees();
        assert!((rms - 0.566).abs() < 0.03, "{rms} degrees");
    }
}
