//! Chains as UHD sets them, and tones, for tests and measurements.
#![cfg_attr(not(test), expect(clippy::unwrap_used, reason = "a measurement may end with a panic"))]

use std::f64::consts::TAU;

use num_complex::Complex;

use super::tuning::Tuning;
use n210_wire::Sample;
use n210_wire::dsp::{self, Direction};

/// A chain as UHD sets it.
pub fn chain(direction: Direction, decimation: u32, frequency: u32) -> Tuning {
    let mut tuning = Tuning::new(direction);
    let word = dsp::decimation_word(direction, decimation).unwrap();
    tuning.set_decimation(word);
    tuning.set_scale(dsp::scale_word(direction, word).0);
    tuning.set_frequency(frequency, 0);
    tuning
}

/// A transmit chain.
pub fn tx(decimation: u32, frequency: u32) -> Tuning {
    chain(Direction::Transmit, decimation, frequency)
}

/// A receive chain.
pub fn rx(decimation: u32, frequency: u32) -> Tuning {
    chain(Direction::Receive, decimation, frequency)
}

/// A rotating phasor, so many turns from each sample to the next.
pub fn tone(amplitude: f64, turns: f64, count: usize) -> impl ExactSizeIterator<Item = Sample> {
    (0..count).map(move |n| {
        let value = Complex::from_polar(amplitude, TAU * (turns * n as f64).fract());
        Sample::new(value.re.round() as i16, value.im.round() as i16)
    })
}
