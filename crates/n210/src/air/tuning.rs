//! How a signal chain is set: what its registers and its board say.

use crate::device::clock::Tick;
use n210_wire::dsp::{self, Direction};

/// Board and chain, from the antenna to the samples or back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Ticks per sample.
    pub decimation: u32,
    /// Frequency register.
    pub frequency: u32,
    /// Amplitude gain of the chain by its scale register.
    pub gain: f32,
    /// What the board does.
    pub front: FrontEnd,
    /// Direction, rate register, scale register.
    pub words: (Direction, u32, u32),
    /// A tick while the chain runs, and the phase of its oscillator there in units of 2^-32 turns.
    pub since: (Tick, u32),
    /// Tick from which on the chain has taken in what is on the air.
    pub started: Tick,
}

/// A board between antenna and converter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrontEnd {
    /// Frequency of its oscillator, Hz; 0 without one.
    pub lo: f64,
    /// Its amplitude gain against the board's nominal one; 0 switches it off.
    pub gain: f32,
}

impl Default for FrontEnd {
    fn default() -> Self {
        Self { lo: 0.0, gain: 1.0 }
    }
}

impl Tuning {
    /// Full gain at 25 Msps and 0 Hz, until registers say something else.
    pub fn new(direction: Direction) -> Self {
        let words = (direction, 0x301, 0x1364E);
        Self { decimation: 4, frequency: 0, gain: 1.0, front: FrontEnd::default(), words, since: (0, 0), started: 0 }
    }

    /// The decimation or interpolation register; a word that means nothing changes nothing.
    pub fn set_decimation(&mut self, word: u32) {
        if let Some(decimation) = dsp::decimation_of(word) {
            self.decimation = decimation;
            self.words.1 = word;
            self.set_scale(self.words.2);
        }
    }

    /// The scale register.
    pub fn set_scale(&mut self, word: u32) {
        self.words.2 = word;
        self.gain = dsp::chain_gain(self.words.0, self.words.1, word) as f32;
    }

    /// The frequency register, written at a tick: the phase goes on from where it is.
    pub fn set_frequency(&mut self, word: u32, now: Tick) {
        self.since = (now, self.phase_at_power_up().wrapping_add(self.frequency.wrapping_mul(now as u32)));
        self.frequency = word;
    }

    /// The chain begins to run: it takes in what is on the air from tick `intake` on, and its oscillator, which was held at phase 0, turns
    /// from tick `oscillator` on.
    pub fn start(&mut self, intake: Tick, oscillator: Tick) {
        (self.since, self.started) = ((oscillator, 0), intake);
    }

    /// Phase that the oscillator would have had at tick 0, in units of 2^-32 turns.
    pub fn phase_at_power_up(&self) -> u32 {
        let (tick, phase) = self.since;
        phase.wrapping_sub(self.frequency.wrapping_mul(tick as u32))
    }

    /// What the registers shift by, Hz: up in a transmitter, and in a receiver up as well (its word is negative to shift down).
    pub fn shift(&self) -> f64 {
        dsp::frequency_of(self.frequency)
    }
}
