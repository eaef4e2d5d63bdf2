//! From the samples of a subframe to a transport block: FFT, channel estimate, one-tap equaliser, hard decisions, CRC.

use std::f32::consts::{FRAC_1_SQRT_2, TAU};
use std::sync::Arc;

use num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::cell::{Cell, PILOT_COMB, PILOT_SPACING, PILOT_SYMBOLS};
use super::numerology::{Numerology, SYMBOLS};
use super::transport;

/// The FFT window begins this many samples before the useful part, within the prefix: a timing error either way then does no harm.
const EARLY: usize = 3;

/// Coherence of neighbouring reference signals above which a subframe is taken for transmitted. Noise alone gives about 0.15, a
/// signal of 10 dB 0.9.
const PRESENT: f32 = 0.5;

/// What became of a subframe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Nobody transmitted.
    Absent,
    /// Transmitted, but the CRC is wrong.
    Bad,
    /// The block is in [`Demodulator::payload`].
    Good(Measured),
}

/// What a good block tells about the channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Signal to noise ratio at the decision, linear.
    pub snr: f32,
    /// How much later than assumed the subframe begins, samples.
    pub late: f32,
    /// Carrier frequency offset that remains, cycles per sample.
    pub cfo: f32,
}

/// Demodulates subframes.
pub struct Demodulator {
    numerology: Numerology,
    forward: Arc<dyn Fft<f32>>,
    scratch: Vec<Complex32>,
    /// Takes out the phase ramp of the early window, by subcarrier.
    ramp: Vec<Complex32>,
    symbol: Vec<Complex32>,
    grid: Vec<Complex32>,
    /// Least-squares channel at the reference signals.
    pilots: Vec<Complex32>,
    /// Channel every three subcarriers.
    knots: Vec<Complex32>,
    channel: Vec<Complex32>,
    block: Vec<u8>,
}

impl Demodulator {
    /// A demodulator with its buffers.
    pub fn new(numerology: Numerology, planner: &mut FftPlanner<f32>) -> Self {
        let forward = planner.plan_fft_forward(numerology.fft);
        let zero = Complex32::default();
        let ramp = (0..numerology.subcarriers())
            .map(|k| {
                Complex32::from_polar(1.0, TAU * ((numerology.bin(k) * EARLY) % numerology.fft) as f32 / numerology.fft as f32)
            })
            .collect();
        Self {
            scratch: vec![zero; forward.get_inplace_scratch_len()],
            forward,
            ramp,
            symbol: vec![zero; numerology.fft],
            grid: vec![zero; numerology.elements()],
            pilots: Vec::with_capacity(PILOT_SYMBOLS.len() * numerology.subcarriers() / PILOT_SPACING),
            knots: Vec::with_capacity(numerology.subcarriers() / PILOT_COMB),
            channel: vec![zero; numerology.subcarriers()],
            block: Vec::new(),
            numerology,
        }
    }

    /// The payload of the last good block.
    pub fn payload(&self) -> &[u8] {
        transport::checked(&self.block).unwrap_or(&[])
    }

    /// Demodulates one subframe 0..10 from its samples; `cfo` is taken out first, cycles per sample.
    pub fn subframe(&mut self, cell: &Cell, subframe: usize, samples: &[Complex32], cfo: f32) -> Outcome {
        if samples.len() < self.numerology.subframe_samples() {
            return Outcome::Absent;
        }
        for symbol in PILOT_SYMBOLS {
            self.transform(symbol, samples, cfo);
        }
        self.read_pilots(cell, subframe);
        if self.coherence() < PRESENT {
            return Outcome::Absent;
        }
        for symbol in (0..SYMBOLS).filter(|s| !PILOT_SYMBOLS.contains(s)) {
            self.transform(symbol, samples, cfo);
        }
        let turn = self.turn();
        self.straighten(turn);
        let ramp = self.estimate_channel(cell);
        let error = self.decide(cell, subframe, turn);
        match transport::checked(&self.block) {
            None => Outcome::Bad,
            Some(_) => Outcome::Good(Measured {
                snr: 1.0 / error.max(1e-6),
                late: -ramp * self.numerology.fft as f32 / TAU,
                cfo: turn / (TAU * self.numerology.slot_samples() as f32),
            }),
        }
    }

    /// FFT of one symbol into the grid.
    fn transform(&mut self, symbol: usize, samples: &[Complex32], cfo: f32) {
        let start = self.numerology.useful_start(symbol) - EARLY;
        self.symbol.copy_from_slice(&samples[start..start + self.numerology.fft]);
        if cfo != 0.0 {
            let mut phase = Complex32::from_polar(1.0, -TAU * (cfo * start as f32).fract());
            let step = Complex32::from_polar(1.0, -TAU * cfo);
            for x in &mut self.symbol {
                *x *= phase;
                phase *= step;
            }
        }
        self.forward.process_with_scratch(&mut self.symbol, &mut self.scratch);
        let width = self.numerology.subcarriers();
        let row = &mut self.grid[symbol * width..(symbol + 1) * width];
        for (k, (x, ramp)) in row.iter_mut().zip(&self.ramp).enumerate() {
            *x = self.symbol[self.numerology.bin(k)] * ramp;
        }
    }

    fn read_pilots(&mut self, cell: &Cell, subframe: usize) {
        self.pilots.clear();
        self.pilots.extend(cell.pilots(subframe).iter().map(|p| self.grid[p.element] * p.value.conj()));
    }

    /// Reference signals of the n-th reference symbol of the subframe.
    fn row(&self, n: usize) -> &[Complex32] {
        let count = self.pilots.len() / PILOT_SYMBOLS.len();
        &self.pilots[n * count..(n + 1) * count]
    }

    /// 1 when neighbouring reference signals agree in amplitude and in how their phase goes on, 0 when they are independent.
    fn coherence(&self) -> f32 {
        let mut product = Complex32::default();
        for n in 0..PILOT_SYMBOLS.len() {
            product += neighbours(self.row(n));
        }
        let power: f32 = self.pilots.iter().map(Complex32::norm_sqr).sum();
        product.norm() / power.max(f32::MIN_POSITIVE)
    }

    /// By what angle the channel turns within a slot: reference signals one slot apart lie on the same subcarriers.
    fn turn(&self) -> f32 {
        let between = |a: usize, b: usize| self.row(a).iter().zip(self.row(b)).map(|(x, y)| y * x.conj()).sum::<Complex32>();
        (between(0, 2) + between(1, 3)).arg()
    }

    /// Phase of a symbol against the first, when the channel turns by `turn` a slot.
    fn phase(&self, symbol: usize, turn: f32) -> f32 {
        let samples = self.numerology.useful_start(symbol) - self.numerology.useful_start(0);
        turn * samples as f32 / self.numerology.slot_samples() as f32
    }

    /// Takes the turning out of the reference signals.
    fn straighten(&mut self, turn: f32) {
        let count = self.pilots.len() / PILOT_SYMBOLS.len();
        for (n, symbol) in PILOT_SYMBOLS.into_iter().enumerate() {
            let back = Complex32::from_polar(1.0, -self.phase(symbol, turn));
            self.pilots[n * count..(n + 1) * count].iter_mut().for_each(|x| *x *= back);
        }
    }

    /// Channel of every subcarrier, from the mean of both slots, smoothed over three reference signals and interpolated. Returns the
    /// mean phase step from one subcarrier to the next, which is the timing error.
    fn estimate_channel(&mut self, cell: &Cell) -> f32 {
        let numerology = self.numerology;
        let slope = (0..PILOT_SYMBOLS.len()).map(|n| neighbours(self.row(n))).sum::<Complex32>().arg() / PILOT_SPACING as f32;
        // The slope is taken out before smoothing and put back after, so that it neither bends nor damps the estimate.
        let level = |k: usize| Complex32::from_polar(1.0, -slope * numerology.offset(k) as f32);
        let shift = usize::from(cell.id.number()) % PILOT_SPACING;
        let first = shift % PILOT_COMB;
        let count = self.pilots.len() / PILOT_SYMBOLS.len();
        self.knots.clear();
        for i in 0..2 * count {
            // Two symbols' combs together make one reference signal every three subcarriers; with a shift of 3 or more the second
            // symbol's comb begins lower than the first's.
            let second = (i % 2 == 1) != (shift >= PILOT_COMB);
            let index = usize::from(second) * count + i / 2;
            let mean = (self.pilots[index] + self.pilots[index + 2 * count]) * 0.5;
            self.knots.push(mean * level(first + PILOT_COMB * i));
        }
        let last = self.knots.len() - 1;
        for (k, channel) in self.channel.iter_mut().enumerate() {
            // Linear between the knots, constant beyond the outermost.
            let above = k.saturating_sub(first);
            let i = (above / PILOT_COMB).min(last);
            let part = (above % PILOT_COMB) as f32 / PILOT_COMB as f32;
            let value = smooth(&self.knots, i) * (1.0 - part) + smooth(&self.knots, (i + 1).min(last)) * part;
            *channel = value * level(k).conj();
        }
        slope
    }

    /// Equalises and decides into the block; returns the mean squared error relative to the signal.
    fn decide(&mut self, cell: &Cell, subframe: usize, turn: f32) -> f32 {
        let width = self.numerology.subcarriers();
        let data = cell.data(subframe);
        self.block.clear();
        let (mut error, mut byte, mut current) = (0.0, 0u8, usize::MAX);
        let mut back = Complex32::default();
        for (n, element) in data.iter().enumerate() {
            let (symbol, k) = (element / width, element % width);
            if symbol != current {
                current = symbol;
                back = Complex32::from_polar(1.0, -self.phase(symbol, turn));
            }
            let h = self.channel[k];
            let x = self.grid[*element] * back * h.conj() / h.norm_sqr().max(f32::MIN_POSITIVE);
            byte = (byte << 2) | (u8::from(x.re < 0.0) << 1) | u8::from(x.im < 0.0);
            error += (x.re.abs() - FRAC_1_SQRT_2).powi(2) + (x.im.abs() - FRAC_1_SQRT_2).powi(2);
            if n % 4 == 3 {
                self.block.push(byte);
            }
        }
        transport::scramble(&mut self.block, cell.scrambling(subframe));
        error / data.len().max(1) as f32
    }
}

/// Sum of each reference signal times the conjugate of its lower neighbour.
fn neighbours(row: &[Complex32]) -> Complex32 {
    row.windows(2).map(|pair| pair[1] * pair[0].conj()).sum()
}

/// Mean of a knot and its neighbours.
fn smooth(knots: &[Complex32], i: usize) -> Complex32 {
    let around = &knots[i.saturating_sub(1)..(i + 2).min(knots.len())];
    around.iter().sum::<Complex32>() / around.len() as f32
}
