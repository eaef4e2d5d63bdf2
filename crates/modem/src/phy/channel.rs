//! Channel estimate of every subcarrier from the reference signals.
//!
//! Wiener interpolation for the channel that is the hardest to follow within the prefix: delays spread evenly over the length of the
//! prefix. The real delays are unknown, and a better guess would gain little.

use std::collections::HashMap;

use num_complex::Complex32;

use super::cell::{PILOT_COMB, PILOT_SPACING};
use super::numerology::{Numerology, USEFUL_TICKS};

/// Reference signals that one estimate rests on.
const TAPS: usize = 8;

/// Noise relative to the signal for which the weights are computed: for a poor and for a good reception.
const NOISE: [f64; 2] = [0.1, 0.001];

/// Signal to noise ratio from which the second of them is better.
const GOOD: f32 = 50.0;

type Weights = [f32; TAPS];

/// Estimates channels of one comb of reference signals.
#[derive(Debug)]
pub struct Estimator {
    numerology: Numerology,
    shift: usize,
    /// By subcarrier: the first knot in use, and its row in `weights`.
    places: Vec<(u32, u32)>,
    weights: [Vec<Weights>; 2],
    knots: Vec<Complex32>,
    channel: Vec<Complex32>,
}

impl Estimator {
    /// For cells whose reference signals are shifted by `shift` (the cell id modulo 6).
    pub fn new(numerology: Numerology, shift: usize) -> Self {
        let (first, width) = (shift % PILOT_COMB, numerology.subcarriers());
        let count = width / PILOT_COMB;
        let mut known: HashMap<[i32; TAPS], u32> = HashMap::new();
        let mut weights = [Vec::new(), Vec::new()];
        let spread = numerology.prefix.ticks(1) as f64 / USEFUL_TICKS as f64;
        let mut places = Vec::with_capacity(width);
        for k in 0..width {
            let start = (k.saturating_sub(first) / PILOT_COMB + 1).saturating_sub(TAPS / 2).min(count - TAPS);
            let distances = std::array::from_fn(|t| numerology.offset(first + PILOT_COMB * (start + t)) - numerology.offset(k));
            let row = *known.entry(distances).or_insert_with(|| {
                weights.iter_mut().zip(NOISE).for_each(|(rows, noise)| rows.push(wiener(distances, spread, noise)));
                weights[0].len() as u32 - 1
            });
            places.push((start as u32, row));
        }
        Self { numerology, shift, places, weights, knots: Vec::with_capacity(count), channel: vec![Complex32::default(); width] }
    }

    /// Whether it fits.
    pub fn is_for(&self, numerology: &Numerology, shift: usize) -> bool {
        self.numerology == *numerology && self.shift == shift
    }

    /// Reads the least-squares estimates of a subframe's four rows of reference signals, of which the turning has been taken out.
    /// Returns the mean phase step from one subcarrier to the next.
    pub fn read(&mut self, pilots: &[Complex32]) -> f32 {
        let count = pilots.len() / 4;
        self.knots.clear();
        for i in 0..2 * count {
            // Two symbols' combs together make one reference signal every three subcarriers; with a shift of 3 or more the second
            // symbol's comb begins lower than the first's.
            let second = (i % 2 == 1) != (self.shift % PILOT_SPACING >= PILOT_COMB);
            let index = usize::from(second) * count + i / 2;
            self.knots.push((pilots[index] + pilots[index + 2 * count]) * 0.5);
        }
        let steps = self.knots.windows(2).map(|pair| pair[1] * pair[0].conj());
        steps.sum::<Complex32>().arg() / PILOT_COMB as f32
    }

    /// The channel of every subcarrier, given the phase step that [`Self::read`] returned. `ramp`, by subcarrier, was in the reference
    /// signals and is taken out.
    pub fn estimate(&mut self, slope: f32, snr: f32, ramp: &[Complex32]) -> &[Complex32] {
        let first = self.shift % PILOT_COMB;
        let n = self.numerology;
        // The slope is taken out before and put back after, so that the spread of delays lies around zero.
        let level = |k: usize| Complex32::from_polar(1.0, -slope * n.offset(k) as f32);
        self.knots.iter_mut().enumerate().for_each(|(i, knot)| *knot *= level(first + PILOT_COMB * i));
        let weights = &self.weights[usize::from(snr > GOOD)];
        let (step, mut back) = (Complex32::from_polar(1.0, slope), level(0).conj());
        for (k, (channel, (start, row))) in self.channel.iter_mut().zip(&self.places).enumerate() {
            let knots = self.knots[*start as usize..].iter().zip(&weights[*row as usize]);
            let flat: Complex32 = knots.map(|(knot, weight)| knot * weight).sum();
            *channel = flat * back * ramp[k].conj();
            back *= step;
            if n.offset(k) == -1 {
                back *= step;
            }
        }
        &self.channel
    }
}

/// Weights of the reference signals at these distances for the channel at distance 0.
fn wiener(distances: [i32; TAPS], spread: f64, noise: f64) -> Weights {
    let correlation = |distance: i32| {
        let x = std::f64::consts::PI * spread * f64::from(distance);
        if x == 0.0 { 1.0 } else { x.sin() / x }
    };
    let mut rows: [[f64; TAPS + 1]; TAPS] = std::array::from_fn(|i| {
        std::array::from_fn(|j| match j {
            TAPS => correlation(distances[i]),
            _ => correlation(distances[i] - distances[j]) + if i == j { noise } else { 0.0 },
        })
    });
    // Gauss-Jordan: the matrix is positive definite, so that no row needs to be exchanged.
    for pivot in 0..TAPS {
        let row = rows[pivot].map(|x| x / rows[pivot][pivot]);
        rows[pivot] = row;
        for (_, other) in rows.iter_mut().enumerate().filter(|(i, _)| *i != pivot) {
            let factor = other[pivot];
            other.iter_mut().zip(row).for_each(|(x, r)| *x -= factor * r);
        }
    }
    std::array::from_fn(|i| rows[i][TAPS] as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phy::numerology::{Bandwidth, Prefix};

    /// Greatest error relative to a two-ray channel of these delays, ticks.
    fn error(numerology: Numerology, shift: usize, delays: [f32; 2]) -> f32 {
        let mut estimator = Estimator::new(numerology, shift);
        let truth = |k: usize| -> Complex32 {
            let turn =
                |ticks: f32| Complex32::from_polar(0.7, -std::f32::consts::TAU * ticks / 6720.0 * numerology.offset(k) as f32);
            turn(delays[0]) + turn(delays[1]) * 0.6
        };
        let row = |first: usize| (0..numerology.subcarriers() / 6).map(move |m| 6 * m + first % 6);
        let pilots: Vec<Complex32> = [0, 3, 0, 3].into_iter().flat_map(|v| row(v + shift)).map(truth).collect();
        let slope = estimator.read(&pilots);
        let ramp = vec![Complex32::new(1.0, 0.0); numerology.subcarriers()];
        let channel = estimator.estimate(slope, 1000.0, &ramp);
        let squared: f32 = channel.iter().enumerate().map(|(k, h)| (h - truth(k)).norm_sqr()).sum();
        (squared / numerology.subcarriers() as f32).sqrt()
    }

    #[test]
    fn channels_within_the_prefix_are_followed() {
        for bandwidth in Bandwidth::ALL {
            for shift in 0..6 {
                let normal = error(Numerology::new(bandwidth, Prefix::Normal), shift, [-80.0, 300.0]);
                // At the edges of the narrowest bandwidth there is least to go by.
                assert!(normal < 0.05, "{bandwidth:?} shift {shift}: {normal}");
                let extended = error(Numerology::new(bandwidth, Prefix::Extended), shift, [100.0, 1000.0]);
                assert!(extended < 0.1, "{bandwidth:?} shift {shift}, extended: {extended}");
            }
        }
    }
}
