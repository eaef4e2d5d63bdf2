//! The noise that an antenna brings, white at the converter and coloured by the receive filters.
//!
//! It is a function of seed, radio, tuning and time alone: two chains of a radio that are set alike receive the same, however their samples
//! are put into packets. For each rate two periodic rows are made, of sinusoids with the spectrum of the filters and random phases. Their
//! sum, each taken from a place and with a sign that a hash picks for every block of samples, is the noise.

use std::collections::VecDeque;

use num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::response::FilterChain;
use super::split::Split;
use super::tuning::Tuning;
use super::turn;
use crate::device::clock::Tick;
use n210_wire::dsp::Direction;

/// Samples after which a row repeats.
const PERIOD: usize = 1 << 15;

/// Samples with one choice of places.
const BLOCK: usize = 1 << 12;

/// Two rows for one rate, each with its beginning repeated at its end.
struct Rows {
    word: u32,
    rows: [Split; 2],
}

/// An image of the noise that is less than this part of the noise is left out: 30 dB.
const BESIDE: f64 = 1.0 / 32.0;

/// Noise of all radios.
pub struct Noise {
    seed: u64,
    rates: VecDeque<Rows>,
    limit: usize,
    inverse: std::sync::Arc<dyn Fft<f64>>,
}

impl Noise {
    /// Noise with a seed, for so many radios.
    pub fn new(seed: u64, radios: usize) -> Self {
        Self {
            seed,
            rates: VecDeque::new(),
            // Each chain of each radio at a rate of its own.
            limit: 2 * radios.max(1),
            inverse: FftPlanner::new().plan_fft_inverse(PERIOD),
        }
    }

    /// Adds what a radio's chain receives from tick `start` on; `amplitude` is the root of the mean power of both converters together.
    pub fn add(&mut self, sum: &mut Split, radio: usize, tuning: &Tuning, start: Tick, amplitude: f64) {
        // Noise that is white has another image at every frequency but 0, where the image is its own mirror.
        let matrix = &tuning.front.behind_converter;
        let parts = [(matrix.direct(), tuning.frequency, false), (matrix.mirrored(), tuning.frequency.wrapping_neg(), true)];
        let louder = parts.map(|(factor, ..)| factor.norm()).into_iter().fold(0.0, f64::max);
        for (factor, frequency, mirrored) in parts {
            if factor.norm() > BESIDE * louder {
                self.add_part(sum, radio, tuning, start, (factor * amplitude, frequency, mirrored));
            }
        }
    }

    /// Adds the noise around a frequency, or its mirror image.
    fn add_part(
        &mut self,
        sum: &mut Split,
        radio: usize,
        tuning: &Tuning,
        start: Tick,
        (factor, frequency, mirrored): (Complex<f64>, u32, bool),
    ) {
        let (period, words) = (u64::from(tuning.decimation), tuning.words.1);
        let place = [radio as u64, u64::from(words), u64::from(frequency), tuning.front.lo.to_bits(), start % period];
        let key = place.iter().fold(self.seed, |key, word| turn::mix(key ^ word));
        // The antenna does not know when the chain's oscillator started.
        let turned = turn::phasor(turn::turns_from_word(tuning.phase_at_power_up())) * factor * std::f64::consts::FRAC_1_SQRT_2;
        let rows = self.rows(words);
        let (mut number, mut at) = (start / period, 0);
        while at < sum.re.len() {
            let inside = (number % BLOCK as u64) as usize;
            let count = (BLOCK - inside).min(sum.re.len() - at);
            let hash = turn::mix(key ^ (number / BLOCK as u64));
            for (row, bits) in rows.iter().zip([hash as u32, (hash >> 32) as u32]) {
                let sign = if bits >> 31 == 0 { 1.0 } else { -1.0 };
                add_row(sum, at, row, (bits as usize % PERIOD + inside, count), turned * sign, if mirrored { -1.0 } else { 1.0 });
            }
            number += count as u64;
            at += count;
        }
    }

    /// The rows for a rate register, made when it is first seen.
    fn rows(&mut self, word: u32) -> &[Split; 2] {
        let known = self.rates.iter().position(|rate| rate.word == word);
        let at = known.unwrap_or_else(|| {
            if self.rates.len() >= self.limit {
                self.rates.pop_front();
            }
            let spectrum = spectrum(FilterChain::new(Direction::Receive, word), n210_wire::dsp::decimation_of(word));
            let rows = [1, 2].map(|row| self.row(&spectrum, turn::mix(self.seed ^ turn::mix(u64::from(word) << 2 | row))));
            self.rates.push_back(Rows { word, rows });
            self.rates.len() - 1
        });
        &self.rates[at].rows
    }

    /// A row with this amplitude in each of its frequencies and a mean power of exactly 1.
    fn row(&self, spectrum: &[f64], mut state: u64) -> Split {
        let phased = spectrum.iter().map(|amplitude| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            turn::phasor(turn::mix(state)) * amplitude
        });
        let mut row: Vec<Complex<f64>> = phased.collect();
        self.inverse.process(&mut row);
        let power = row.iter().map(Complex::norm_sqr).sum::<f64>() / PERIOD as f64;
        let scale = 1.0 / power.sqrt();
        let repeated = || row.iter().chain(&row[..BLOCK]);
        Split {
            re: repeated().map(|value| (value.re * scale) as f32).collect(),
            im: repeated().map(|value| (value.im * scale) as f32).collect(),
        }
    }
}

/// Amplitudes of white noise behind the filters, for `PERIOD` frequencies of the decimated rate.
fn spectrum(chain: FilterChain, decimation: Option<u32>) -> Vec<f64> {
    let (impulse, step) = (chain.impulse(), decimation.unwrap_or(1) as usize);
    // By the correlation of the decimated noise: what the filters pass beyond its rate is folded into it.
    let mut line = vec![Complex::default(); PERIOD];
    for lag in 0..impulse.len().div_ceil(step) {
        let shifted = impulse.iter().zip(impulse.iter().skip(lag * step));
        let correlation = Complex::new(shifted.map(|(a, b)| a * b).sum::<f64>(), 0.0);
        line[lag] = correlation;
        line[(PERIOD - lag) % PERIOD] = correlation;
    }
    FftPlanner::new().plan_fft_forward(PERIOD).process(&mut line);
    line.iter().map(|power| power.re.max(0.0).sqrt()).collect()
}

/// Adds a part of a row, turned; its imaginary parts with this sign.
fn add_row(sum: &mut Split, at: usize, row: &Split, (from, count): (usize, usize), by: Complex<f64>, imaginary: f32) {
    let (c, s) = (by.re as f32, by.im as f32);
    let (nr, ni) = (&row.re[from..from + count], &row.im[from..from + count]);
    let (re, im) = (&mut sum.re[at..at + count], &mut sum.im[at..at + count]);
    if s == 0.0 {
        re.iter_mut().zip(nr).for_each(|(slot, value)| *slot += value * c);
        im.iter_mut().zip(ni).for_each(|(slot, value)| *slot += value * c * imaginary);
        return;
    }
    for (((re, im), nr), ni) in re.iter_mut().zip(im).zip(nr).zip(ni) {
        let ni = ni * imaginary;
        *re += nr * c - ni * s;
        *im += nr * s + ni * c;
    }
}
