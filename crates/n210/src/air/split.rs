//! Complex samples as two rows of floats, and the inner loops over them: written so that the compiler makes vectors of them.

use num_complex::Complex;

use super::turn::{self, Turns};
use super::wide::vectorised;

/// Outputs that the filter computes at a time.
const BLOCK: usize = 32;

/// Products that a sum keeps apart.
pub const LANES: usize = 8;

/// Samples.
#[derive(Debug, Default)]
pub struct Split {
    /// In phase.
    pub re: Vec<f32>,
    /// In quadrature.
    pub im: Vec<f32>,
}

/// Rows of taps, one for each position of an output between two inputs.
#[derive(Debug, Default)]
pub struct Bank {
    /// Taps of a row, a multiple of `LANES` when there are several rows; the first belongs to the oldest input.
    pub taps: usize,
    /// Real parts, row after row.
    pub re: Vec<f32>,
    /// Imaginary parts; none if all are 0.
    pub im: Vec<f32>,
    /// What each row makes of a constant of 1.
    constants: Vec<Complex<f32>>,
}

impl Bank {
    /// Rows of so many taps.
    pub fn new(taps: usize, re: Vec<f32>, im: Vec<f32>) -> Self {
        let sums = |values: &[f32]| values.chunks(taps.max(1)).map(|row| row.iter().sum()).collect::<Vec<f32>>();
        let imaginary = sums(&im);
        let part = |row: usize| imaginary.get(row).copied().unwrap_or_default();
        let constants = sums(&re).into_iter().enumerate().map(|(row, re)| Complex::new(re, part(row))).collect();
        Self { taps, re, im, constants }
    }
}

/// The phasors of a block of samples, each turned from the one before by as much.
#[derive(Debug)]
pub struct Wheel {
    advance: Turns,
    phasors: [Complex<f32>; BLOCK],
    /// From one block to the next.
    block: Complex<f64>,
}

impl Wheel {
    /// Turned from each sample to the next by this.
    pub fn new(advance: Turns) -> Self {
        let phasor = |n: usize| turn::phasor(advance.wrapping_mul(n as u64));
        let phasors = std::array::from_fn(|n| Complex::new(phasor(n).re as f32, phasor(n).im as f32));
        Self { advance, phasors, block: phasor(BLOCK) }
    }

    /// By what it turns.
    pub const fn advance(&self) -> Turns {
        self.advance
    }
}

/// Which row an output takes and at which input it begins, from one output to the next.
#[derive(Debug, Clone, Copy)]
pub struct Stepper {
    /// Row of the first output.
    pub row: usize,
    /// Rows.
    pub rows: usize,
    /// Inputs and rows from one output to the next.
    pub step: (usize, usize),
}

impl Split {
    /// So many zeros.
    pub fn reset(&mut self, length: usize) {
        self.fill(length, Complex::default());
    }

    /// Inputs that `filter` needs for so many outputs.
    pub fn needed(bank: &Bank, stepper: &Stepper, outputs: usize) -> usize {
        if stepper.is_dense() {
            outputs.next_multiple_of(BLOCK) + bank.taps
        } else {
            let rows = stepper.row + stepper.step.1 * outputs;
            stepper.step.0 * outputs + rows / stepper.rows + bank.taps
        }
    }

    /// Inputs up to the last that so many outputs depend on.
    pub fn reached(bank: &Bank, stepper: &Stepper, outputs: usize) -> usize {
        let last = outputs.saturating_sub(1);
        stepper.step.0 * last + (stepper.row + stepper.step.1 * last) / stepper.rows + bank.taps
    }

    /// `outputs` filtered samples of a constant of 1.
    pub fn constant(&mut self, bank: &Bank, stepper: Stepper, outputs: usize) {
        let mut row = stepper.row;
        let value = |row: usize| bank.constants.get(row).copied().unwrap_or_default();
        if stepper.step.1 == 0 {
            return self.fill(outputs, value(row));
        }
        self.reset(outputs);
        for (re, im) in self.re.iter_mut().zip(&mut self.im) {
            (*re, *im) = (value(row).re, value(row).im);
            row += stepper.step.1;
            if row >= stepper.rows {
                row -= stepper.rows;
            }
        }
    }

    /// So many times one value.
    pub fn fill(&mut self, length: usize, value: Complex<f32>) {
        for (row, part) in [(&mut self.re, value.re), (&mut self.im, value.im)] {
            row.clear();
            row.resize(length, part);
        }
    }

    /// `outputs` filtered samples of an input that has what `needed` says.
    pub fn filter(&mut self, input: &Self, bank: &Bank, stepper: Stepper, outputs: usize) {
        self.reset(outputs.next_multiple_of(BLOCK));
        if stepper.is_dense() {
            let Self { re, im } = self;
            vectorised(
                #[inline(always)]
                || {
                    dense(re, &input.re, &bank.re, &input.im, &bank.im, -1.0);
                    dense(im, &input.im, &bank.re, &input.re, &bank.im, 1.0);
                },
            );
        } else {
            vectorised(
                #[inline(always)]
                || self.polyphase(input, bank, stepper, outputs),
            );
        }
    }

    #[inline(always)]
    fn polyphase(&mut self, input: &Self, bank: &Bank, stepper: Stepper, outputs: usize) {
        let (mut at, mut row) = (0, stepper.row);
        for (re, im) in self.re.iter_mut().zip(&mut self.im).take(outputs) {
            let taps = row * bank.taps..(row + 1) * bank.taps;
            let (xr, xi) = (&input.re[at..at + bank.taps], &input.im[at..at + bank.taps]);
            let real = &bank.re[taps.clone()];
            (*re, *im) = (dot(real, xr), dot(real, xi));
            if let Some(imaginary) = bank.im.get(taps) {
                *re -= dot(imaginary, xi);
                *im += dot(imaginary, xr);
            }
            at += stepper.step.0;
            row += stepper.step.1;
            if row >= stepper.rows {
                row -= stepper.rows;
                at += 1;
            }
        }
    }

    /// Adds samples from position `at` on, turned by a phase that advances from each to the next.
    pub fn add_turned(&mut self, at: usize, other: &Self, count: usize, gain: f64, phase: Turns, wheel: &Wheel) {
        vectorised(
            #[inline(always)]
            || self.add_in_blocks(at, other, count, gain, phase, wheel),
        );
    }

    #[inline(always)]
    fn add_in_blocks(&mut self, at: usize, other: &Self, count: usize, gain: f64, phase: Turns, wheel: &Wheel) {
        let rows = self.re[at..at + count].chunks_mut(BLOCK).zip(self.im[at..at + count].chunks_mut(BLOCK));
        let mut base = turn::phasor(phase) * gain;
        for (n, (re, im)) in rows.enumerate() {
            let (base_re, base_im) = (base.re as f32, base.im as f32);
            base *= wheel.block;
            let from = n * BLOCK..n * BLOCK + re.len();
            let (xr, xi) = (&other.re[from.clone()], &other.im[from]);
            for ((((re, im), xr), xi), turn) in re.iter_mut().zip(im).zip(xr).zip(xi).zip(&wheel.phasors) {
                let (c, s) = (turn.re * base_re - turn.im * base_im, turn.re * base_im + turn.im * base_re);
                *re += xr * c - xi * s;
                *im += xr * s + xi * c;
            }
        }
    }
}

impl Stepper {
    /// Each output is one input further, with the same taps.
    pub fn is_dense(&self) -> bool {
        self.rows == 1 && self.step == (1, 0)
    }
}

/// Each output is the sum of the inputs from its own position on times the taps; `out` is a whole number of blocks.
#[inline(always)]
fn dense(out: &mut [f32], x: &[f32], taps: &[f32], cross_x: &[f32], cross_taps: &[f32], sign: f32) {
    for (n, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let mut sums = [0.0; BLOCK];
        accumulate(&mut sums, &x[n * BLOCK..], taps, 1.0);
        if !cross_taps.is_empty() {
            accumulate(&mut sums, &cross_x[n * BLOCK..], cross_taps, sign);
        }
        *out = sums;
    }
}

#[inline(always)]
fn accumulate(sums: &mut [f32; BLOCK], x: &[f32], taps: &[f32], sign: f32) {
    for (tap, x) in taps.iter().zip(x.array_windows::<BLOCK>()) {
        let tap = tap * sign;
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += x * tap;
        }
    }
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    // In pairs: one after another, each addition would wait for the last.
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
