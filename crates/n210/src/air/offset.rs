//! A constant that a front end adds: the DC offset of a receiver's converters, or the carrier that leaks out of a transmitter's mixer.

use num_complex::Complex;

use crate::device::clock::Tick;

/// Ticks in which the loop that removes a receiver's offset takes out all but 1/e of it: its integrator counts 2^-20 of what is left.
pub const LOOP_TICKS: f64 = 1_048_576.0;

/// Less than a fiftieth of a converter's step is nothing.
const LEAST: f64 = 0.02;

/// The constant, in steps of the converter: a part that stays, and one that the loop takes out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Offset {
    /// What stays.
    pub fixed: Complex<f64>,
    /// What there was at tick `since` of what the loop takes out.
    pub decaying: Complex<f64>,
    /// That tick.
    pub since: Tick,
}

impl Offset {
    /// One that stays.
    pub fn fixed(value: Complex<f64>) -> Self {
        Self { fixed: value, ..Self::default() }
    }

    /// Each part after something that is done to it.
    #[must_use]
    pub fn map(self, work: impl Fn(Complex<f64>) -> Complex<f64>) -> Self {
        Self { fixed: work(self.fixed), decaying: work(self.decaying), since: self.since }
    }

    /// What is left of the decaying part at a tick.
    pub fn left(&self, at: Tick) -> Complex<f64> {
        self.decaying * left(self.since, at)
    }

    /// Whether nothing is left of the decaying part, from a tick on.
    pub fn has_settled(&self, at: Tick) -> bool {
        self.decaying == Complex::default() || self.left(at).norm() < LEAST
    }

    /// Whether there is nothing that a converter would show, from a tick on.
    pub fn is_nothing(&self, at: Tick) -> bool {
        self.fixed.norm() < LEAST && self.has_settled(at)
    }
}

/// The part of an offset that the loop has left at a tick, of what there was at another.
pub fn left(since: Tick, at: Tick) -> f64 {
    (-(at.saturating_sub(since) as f64) / LOOP_TICKS).exp()
}
