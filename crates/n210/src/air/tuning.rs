//! How a signal chain is set: what its registers and its board say.

use num_complex::Complex;

use super::iq::IqMatrix;
use super::offset::Offset;
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
    /// What is done between antenna and chain, the chain's own multiplexer included.
    pub front: FrontEnd,
    /// The same without it, and its register.
    multiplexed: (FrontEnd, u32),
    /// Direction, rate register, scale register.
    pub words: (Direction, u32, u32),
    /// A tick while the chain runs, and the phase of its oscillator there in units of 2^-32 turns.
    pub since: (Tick, u32),
    /// Tick from which on the chain has taken in what is on the air.
    pub started: Tick,
}

/// Everything between an antenna and a chain: a board, a converter, and the corrections in the FPGA.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrontEnd {
    /// Frequency of its oscillator, Hz; 0 without one.
    pub lo: f64,
    /// Its amplitude gain against the board's nominal one; 0 cuts the antenna off.
    pub gain: f32,
    /// The same on the way inside the board by which its transmitter reaches its receiver; 0 cuts it off.
    pub leak: f32,
    /// Its converter runs: without it there is not even noise.
    pub converts: bool,
    /// What it does to I and Q.
    pub iq: IqMatrix,
    /// The part of that which is done behind a receiver's converters.
    pub behind_converter: IqMatrix,
    /// What it adds to I and Q.
    pub offset: Offset,
    /// Noise that a receiving board brings to its converters in all of their band, steps of the converter.
    pub noise: f64,
    /// Phase noise of its oscillator, radians.
    pub phase_noise: f32,
}

impl FrontEnd {
    /// A converter without power.
    pub const OFF: Self = Self {
        lo: 0.0,
        gain: 0.0,
        leak: 0.0,
        converts: false,
        iq: IqMatrix::IDENTITY,
        behind_converter: IqMatrix::IDENTITY,
        offset: Offset { fixed: Complex { re: 0.0, im: 0.0 }, decaying: Complex { re: 0.0, im: 0.0 }, since: 0 },
        noise: 0.0,
        phase_noise: 0.0,
    };

    /// The same with more that is done to I and Q behind it.
    #[must_use]
    fn then(self, next: IqMatrix) -> Self {
        Self {
            iq: self.iq.then(next),
            behind_converter: self.behind_converter.then(next),
            offset: self.offset.map(|value| next.apply(value)),
            ..self
        }
    }
}

impl Default for FrontEnd {
    fn default() -> Self {
        Self { gain: 1.0, converts: true, ..Self::OFF }
    }
}

/// Multiplexer register of a receive chain.
const SWAP: u32 = 1;
const REAL: u32 = 2;

/// What a receive chain takes of the front end's I and Q.
fn multiplexer(word: u32) -> IqMatrix {
    let ordered = if word & SWAP == 0 { IqMatrix::IDENTITY } else { IqMatrix::SWAP };
    if word & REAL == 0 { ordered } else { ordered.then(IqMatrix([[1.0, 0.0], [0.0, 0.0]])) }
}

impl Tuning {
    /// Full gain at 25 Msps and 0 Hz, until registers say something else.
    pub fn new(direction: Direction) -> Self {
        let words = (direction, 0x301, 0x1364E);
        let front = FrontEnd::default();
        Self { decimation: 4, frequency: 0, gain: 1.0, front, multiplexed: (front, 0), words, since: (0, 0), started: 0 }
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

    /// The same chain for what it sends beside its samples: through other filters, and without the carrier that leaks, which goes with the samples.
    #[must_use]
    pub fn beside(self, decimation: u32, rate_word: u32, gain: f32) -> Self {
        let words = (self.words.0, rate_word, self.words.2);
        Self { decimation, words, gain, front: FrontEnd { offset: Offset::default(), ..self.front }, ..self }
    }

    /// What is done between antenna and chain, from now on.
    pub fn set_front(&mut self, front: FrontEnd) {
        self.multiplexed.0 = front;
        self.front = front.then(multiplexer(self.multiplexed.1));
    }

    /// The multiplexer register of a receive chain.
    pub fn set_multiplexer(&mut self, word: u32) {
        self.multiplexed.1 = word;
        self.set_front(self.multiplexed.0);
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
