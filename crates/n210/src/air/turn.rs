//! Phases as integers: a turn is 2^64, so that no phase drifts, however long a radio runs.

use num_complex::Complex;

use crate::device::clock::Tick;
use n210_wire::TICKS_PER_SECOND;

/// A part of a turn in units of 2^-64; sums wrap as phases do.
pub type Turns = u64;

/// What a register counts, in units of 2^-32 turns.
pub fn turns_from_word(word: u32) -> Turns {
    u64::from(word) << 32
}

/// Turns per tick of a frequency in Hz, exact to a microhertz.
pub fn per_tick(hertz: f64) -> Turns {
    const MICRO: f64 = 1e6;
    const TICKS: i128 = TICKS_PER_SECOND as i128 * MICRO as i128;
    // A float out of range becomes the nearest integer, not-a-number becomes 0.
    let micro = (hertz * MICRO).round() as i64;
    ((i128::from(micro) << 64) / TICKS) as u64
}

/// Unit phasor; exactly 1 at phase 0.
pub fn phasor(turns: Turns) -> Complex<f64> {
    Complex::cis(radians(turns))
}

/// Radians of a phase, at most half a turn to either side.
pub fn radians(turns: Turns) -> f64 {
    turns.cast_signed() as f64 * (std::f64::consts::TAU / 18_446_744_073_709_551_616.0)
}

/// An angle in radians.
pub fn turns_from_radians(angle: f64) -> Turns {
    (angle / std::f64::consts::TAU * 18_446_744_073_709_551_616.0) as i128 as u64
}

/// A carrier's deviation from its nominal frequency: changes of frequency leave the phase where it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carrier {
    /// Hz.
    pub offset: f64,
    step: Turns,
    since: (Tick, Turns),
}

impl Carrier {
    /// Sets the deviation from a tick on.
    pub fn set(&mut self, hertz: f64, now: Tick) {
        let phase = self.at_power_up().wrapping_add(self.step.wrapping_mul(now));
        *self = Self { offset: hertz, step: per_tick(hertz), since: (now, phase) };
    }

    /// Turns per tick.
    pub fn step(&self) -> Turns {
        self.step
    }

    /// Phase that it would have had at tick 0.
    pub fn at_power_up(&self) -> Turns {
        self.since.1.wrapping_sub(self.step.wrapping_mul(self.since.0))
    }
}

/// The finisher of splitmix64: each bit of the result depends on all of the argument.
pub fn mix(word: u64) -> u64 {
    let mixed = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
