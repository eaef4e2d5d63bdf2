//! Rays of a path: the filter between two tunings, laid out for the samples of both.

use std::collections::VecDeque;

use num_complex::Complex;

use super::{ReceivingChain, Scratch};
use crate::air::phase_noise::Jitter;
use crate::air::split::{Bank, LANES, Split, Stepper, Wheel};
use crate::air::track::{Stretch, Track};
use crate::air::turn::{self, Turns};

/// Sum of the taps that are left out, where all sum to about 1: -100 dB.
pub(super) const NEGLIGIBLE: f64 = 1e-5;

/// Banks that are kept.
const KEPT: usize = 8;

/// Where a part lies and how it is heard.
pub(super) struct Heard<'a> {
    pub(super) track: &'a Track,
    pub(super) stretch: &'a Stretch,
    pub(super) carrier: bool,
    pub(super) conjugated: bool,
    pub(super) turning: Turning,
    pub(super) beside: Option<Turning>,
    pub(super) jitter: Option<Jitter>,
}

/// How loud a part is, and how it turns at the receiver.
#[derive(Clone, Copy)]
pub(super) struct Turning {
    gain: f64,
    /// At tick 0.
    phase: Turns,
    /// From each tick to the next.
    shift: Turns,
}

impl Turning {
    /// By a factor, and from this phase on.
    pub(super) fn new(factor: Complex<f64>, phase: Turns, shift: Turns) -> Self {
        Self { gain: factor.norm(), phase: phase.wrapping_add(turn::turns_from_radians(factor.arg())), shift }
    }
}

/// Rays so close to one another that one filter does for them.
pub(super) struct RayFilter {
    /// Tick of the first value.
    pub(super) first: u64,
    pub(super) values: Vec<Complex<f32>>,
    pub(super) banks: VecDeque<(u64, i64, Bank)>,
    /// Turns from one output to the next, of a part and of what is beside it.
    pub(super) wheels: [Option<Wheel>; 2],
}

/// Steps between samples, ticks.
#[derive(Clone, Copy)]
struct Grids {
    tx: u64,
    rx: u64,
    common: u64,
}

impl RayFilter {
    /// Adds what of a part falls on the listener's samples.
    pub(super) fn add(&mut self, sum: &mut Split, to: &ReceivingChain, heard: &Heard, scratch: &mut Scratch) {
        let Heard { track, stretch, .. } = *heard;
        let grids = Grids::new(stretch.tuning.decimation, to.tuning.decimation);
        let (begin, end) = (stretch.start + track.remembered(stretch) * grids.tx, stretch.end() - grids.tx);
        let from = (begin + self.first).saturating_sub(to.start).div_ceil(grids.rx);
        // The last output that the last sample reaches, and one more.
        let until = (end + self.first + self.values.len() as u64).saturating_sub(to.start).div_ceil(grids.rx);
        let until = until.min(sum.re.len() as u64);
        if from >= until {
            return;
        }
        let (outputs, at) = ((until - from) as usize, to.start + from * grids.rx);
        // Ticks since the stretch began: not negative, as a response begins after its sample.
        let since = at - stretch.start;
        let (oldest, bank) = self.bank(grids, since % grids.common);
        let stepper = grids.stepper(since);
        let first = (since / grids.tx).cast_signed() - oldest;
        let needed = Split::needed(bank, &stepper, outputs);
        if heard.carrier {
            let sent = (track.remembered(stretch).cast_signed() - first, stretch.count.cast_signed() - first);
            if sent.0 <= 0 && sent.1 >= Split::reached(bank, &stepper, outputs) as i64 {
                scratch.output.constant(bank, stepper, outputs);
            } else {
                hold_one(&mut scratch.input, needed, sent);
                scratch.output.filter(&scratch.input, bank, stepper, outputs);
            }
        } else {
            track.copy(stretch, first, needed, &mut scratch.input);
            if heard.conjugated {
                scratch.input.im.iter_mut().for_each(|value| *value = -*value);
            }
            scratch.output.filter(&scratch.input, bank, stepper, outputs);
        }
        if let Some(jitter) = &heard.jitter {
            scratch.phase_noise.turn(&mut scratch.output, outputs, (at, grids.rx), jitter);
        }
        for (turning, wheel) in [Some(heard.turning), heard.beside].into_iter().flatten().zip(&mut self.wheels) {
            let phase = turning.phase.wrapping_add(turning.shift.wrapping_mul(at));
            let advance = turning.shift.wrapping_mul(grids.rx);
            wheel.take_if(|wheel| wheel.advance() != advance);
            let wheel = wheel.get_or_insert_with(|| Wheel::new(advance));
            sum.add_turned(from as usize, &scratch.output, outputs, turning.gain, phase, wheel);
        }
    }

    /// The rows of taps between two grids that lie apart by `residue`, and by how many samples the first tap looks back.
    fn bank(&mut self, grids: Grids, residue: u64) -> (i64, &Bank) {
        let known = self.banks.iter().position(|(key, ..)| *key == residue);
        let at = known.unwrap_or_else(|| {
            if self.banks.len() >= KEPT {
                self.banks.pop_front();
            }
            let (oldest, bank) = self.rows(grids, residue);
            self.banks.push_back((residue, oldest.cast_signed(), bank));
            self.banks.len() - 1
        });
        let (_, oldest, bank) = &self.banks[at];
        (*oldest, bank)
    }

    fn rows(&self, grids: Grids, residue: u64) -> (u64, Bank) {
        let rows = grids.tx / grids.common;
        let value = |row: u64, back: u64| {
            let at = (back * grids.tx + residue + row * grids.common).checked_sub(self.first);
            at.and_then(|at| self.values.get(at as usize)).copied().unwrap_or_default()
        };
        // Taps that none of the rows needs are left out at both ends.
        let weight = |back: u64| (0..rows).map(|row| f64::from(value(row, back).norm())).fold(0.0, f64::max);
        let (mut newest, mut oldest) = (self.first / grids.tx, (self.first + self.values.len() as u64) / grids.tx);
        let mut left = NEGLIGIBLE / 2.0 - weight(newest);
        while left > 0.0 && newest < oldest {
            newest += 1;
            left -= weight(newest);
        }
        left = NEGLIGIBLE / 2.0 - weight(oldest);
        while left > 0.0 && newest < oldest {
            oldest -= 1;
            left -= weight(oldest);
        }
        let mut taps = (oldest - newest + 1) as usize;
        if !grids.stepper(residue).is_dense() {
            taps = taps.next_multiple_of(LANES);
        }
        let tap = |row, tap: usize| oldest.checked_sub(tap as u64).map(|back| value(row, back)).unwrap_or_default();
        let all = (0..rows).flat_map(|row| (0..taps).map(move |n| tap(row, n)));
        let (re, im): (Vec<f32>, Vec<f32>) = all.map(|value| (value.re, value.im)).unzip();
        let sum = |parts: &[f32]| parts.iter().map(|tap| tap.abs()).sum::<f32>();
        let real = sum(&im) <= NEGLIGIBLE as f32 * sum(&re);
        (oldest, Bank::new(taps, re, if real { Vec::new() } else { im }))
    }
}

/// 1 from one place to another, and 0 around.
fn hold_one(input: &mut Split, length: usize, sent: (i64, i64)) {
    input.reset(length);
    let [begin, end] = [sent.0, sent.1].map(|at| at.clamp(0, length as i64) as usize);
    if begin < end {
        input.re[begin..end].fill(1.0);
    }
}

impl Grids {
    fn new(tx: u32, rx: u32) -> Self {
        let (tx, rx) = (u64::from(tx.max(1)), u64::from(rx.max(1)));
        let (mut a, mut b) = (tx, rx);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self { tx, rx, common: a }
    }

    /// Where outputs stand between inputs, the first so many ticks after an input.
    fn stepper(&self, since: u64) -> Stepper {
        Stepper {
            row: (since % self.tx / self.common) as usize,
            rows: (self.tx / self.common) as usize,
            step: ((self.rx / self.tx) as usize, (self.rx % self.tx / self.common) as usize),
        }
    }
}
