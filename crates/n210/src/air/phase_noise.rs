//! The phase noise of oscillators: flat within the bandwidth of a synthesizer's loop, falling by 20 dB a decade beyond.
//!
//! It is a function of seed, oscillator and tick alone, so that packets leave no trace. Two rows of different lengths together repeat after hours.

use std::f64::consts::TAU;

use super::split::Split;
use super::turn;
use super::wide::vectorised;
use crate::device::clock::Tick;

/// Ticks from one value of a row to the next.
const STEP: u64 = 64;

/// Values of the rows: prime to one another.
const LENGTHS: [usize; 2] = [65_536, 65_521];

/// Bandwidth of the loop, Hz: that of boards with an ADF4350.
const LOOP_HZ: f64 = 50e3;

/// An oscillator, and the root of its mean squared phase, radians.
#[derive(Debug, Clone, Copy)]
pub struct Oscillator {
    /// Number in its process.
    pub number: u64,
    /// Radians.
    pub rms: f32,
}

/// From one oscillator to another.
#[derive(Debug, Clone, Copy)]
pub struct Jitter {
    /// The transmitter's and the receiver's.
    pub ends: [Oscillator; 2],
    /// The receiver hears a mirror image.
    pub mirrored: bool,
}

impl Jitter {
    /// By what it turns a sample at most, radians: hardly ever more.
    pub fn most(&self) -> f64 {
        const CREST: f64 = 5.0;
        CREST * self.ends.iter().map(|end| f64::from(end.rms)).sum::<f64>()
    }
}

/// Rows for all oscillators.
pub struct PhaseNoise {
    seed: u64,
    rows: [Vec<f32>; 2],
    /// Between two oscillators, one every `STEP` ticks.
    phases: Vec<f32>,
    /// Of each sample.
    angles: Vec<f32>,
}

impl PhaseNoise {
    /// Phase noise with a seed. Rows are made when they are first needed.
    pub fn new(seed: u64) -> Self {
        Self { seed, rows: [Vec::new(), Vec::new()], phases: Vec::new(), angles: Vec::new() }
    }

    /// Turns the first samples of a signal, `step` ticks apart from tick `start` on.
    pub fn turn(&mut self, signal: &mut Split, count: usize, (start, step): (Tick, u64), jitter: &Jitter) {
        if self.rows[0].is_empty() {
            let seed = self.seed;
            self.rows = [0, 1].map(|row| make_row(LENGTHS[row], turn::mix(seed ^ (row as u64 + 0x5048))));
        }
        let values = ((start % STEP + count as u64 * step) / STEP) as usize + 2;
        self.phases.clear();
        self.phases.resize(values, 0.0);
        let [from, to] = jitter.ends;
        let sign = if jitter.mirrored { -1.0 } else { 1.0 };
        self.add(from, start / STEP, sign);
        self.add(to, start / STEP, -sign);
        self.angles.clear();
        self.angles.resize(count, 0.0);
        let Self { phases, angles, .. } = self;
        vectorised(
            #[inline(always)]
            || {
                interpolate(phases, angles, (start % STEP) as usize, step as usize);
                turn_by(angles, signal);
            },
        );
    }

    /// Adds an oscillator's phases from a value of the rows on, with this sign.
    fn add(&mut self, oscillator: Oscillator, first: u64, sign: f32) {
        if oscillator.rms == 0.0 {
            return;
        }
        let place = turn::mix(self.seed ^ turn::mix(oscillator.number));
        let factor = oscillator.rms * sign;
        for (row, begin) in self.rows.iter().zip([place as u32, (place >> 32) as u32]) {
            let mut at = ((first + u64::from(begin)) % row.len() as u64) as usize;
            let mut phases = self.phases.as_mut_slice();
            // Piece by piece: the row goes on at its beginning.
            while !phases.is_empty() {
                let (piece, rest) = phases.split_at_mut(phases.len().min(row.len() - at));
                piece.iter_mut().zip(&row[at..]).for_each(|(sum, value)| *sum += value * factor);
                (phases, at) = (rest, 0);
            }
        }
    }
}

/// Angles of samples `step` ticks apart, the first so many ticks after the first phase, on straight lines from each phase to the next.
#[inline(always)]
fn interpolate(phases: &[f32], angles: &mut [f32], mut ticks: usize, step: usize) {
    const LENGTH: usize = STEP as usize;
    let mut angles = angles;
    for (n, pair) in phases.windows(2).enumerate() {
        // Samples that stand before the second phase.
        let count = ((n + 1) * LENGTH).saturating_sub(ticks).div_ceil(step).min(angles.len());
        let (here, rest) = angles.split_at_mut(count);
        let (begin, slope) = (ticks.saturating_sub(n * LENGTH) as f32, (pair[1] - pair[0]) / LENGTH as f32);
        for (at, angle) in here.iter_mut().enumerate() {
            *angle = pair[0] + slope * (begin + (at * step) as f32);
        }
        ticks += count * step;
        angles = rest;
    }
}

/// Turns samples, each by an angle in radians.
#[inline(always)]
fn turn_by(angles: &[f32], signal: &mut Split) {
    for ((angle, re), im) in angles.iter().zip(&mut signal.re).zip(&mut signal.im) {
        // Within some degrees, as these are, no more terms are needed.
        let square = angle * angle;
        let (c, s) = (1.0 - square * (0.5 - square / 24.0), angle * (1.0 - square * (1.0 / 6.0 - square / 120.0)));
        (*re, *im) = (*re * c - *im * s, *re * s + *im * c);
    }
}

/// A row that goes on at its beginning, with a mean square of 1/2.
fn make_row(length: usize, mut state: u64) -> Vec<f32> {
    let mut deviate = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let bits = turn::mix(state);
        let (u, v) = ((f64::from(bits as u32) + 1.0) / 4_294_967_296.0, f64::from((bits >> 32) as u32) / 4_294_967_296.0);
        (-2.0 * u.ln()).sqrt() * (TAU * v).cos()
    };
    let white: Vec<f64> = (0..length).map(|_| deviate()).collect();
    let keep = (-TAU * LOOP_HZ * STEP as f64 / n210_wire::TICKS_PER_SECOND as f64).exp();
    let mut value = 0.0;
    // Once around, so that the end is what the beginning follows.
    white.iter().for_each(|white| value = value * keep + white);
    let row: Vec<f64> = white
        .iter()
        .map(|white| {
            value = value * keep + white;
            value
        })
        .collect();
    let power = row.iter().map(|value| value * value).sum::<f64>() / length as f64;
    row.iter().map(|value| (value / (2.0 * power).sqrt()) as f32).collect()
}
