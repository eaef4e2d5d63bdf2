//! The air between the radios of a process: what their transmitters send reaches their receivers through the filters of both chains.
//!
//! Ticks are those of the process. A sample that a transmitter sends at tick t begins to act at t, and a sample received at t holds what
//! arrived before t: what lies between is the delay of the filters (`response`) and of the path. A radio receives itself only over a path from
//! itself to itself.
//!
//! Levels are counted in steps of the 16-bit converters. A converter's limits act on what is in the band of the chain, not on what its
//! filters remove later; rounding is to the nearest at the very end, without the dither of the FPGA's roundings on the way.

pub mod iq;
mod latest;
pub mod medium;
mod noise;
pub mod offset;
mod part;
mod path_filter;
mod phase_noise;
pub mod response;
#[cfg(feature = "bench")]
pub mod speed;
mod split;
#[cfg(any(test, feature = "bench"))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests and measurements may panic")]
mod tones;
mod track;
pub mod tuning;
mod turn;
mod wide;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use latest::Latest;
use medium::{Medium, Path};
use noise::Noise;
use num_complex::Complex;
use path_filter::{PathFilter, ReceivingChain, Scratch, Transmitter, Way};
use response::{CORDIC, FilterChain};
use split::{Split, Wheel};
use track::Track;
use tuning::Tuning;
use turn::Carrier;
use wide::vectorised;

use crate::device::clock::Tick;
use n210_wire::dsp::{self, Direction};
use n210_wire::{SAMPLES_PER_PACKET, Sample};

/// Steps of the converters, of a full-scale carrier.
pub const FULL_SCALE: f64 = 32_767.0;

/// Noise below this is none: a hundredth of the last bit.
const SILENT_DBFS: f32 = -130.0;

/// The air.
pub struct Air {
    /// From each radio to each, row by row.
    filters: Vec<PathFilter>,
    /// From each radio to itself, inside its board.
    boards: Vec<PathFilter>,
    carriers: Vec<Carrier>,
    tracks: Vec<Track>,
    /// Noise of each radio, amplitude in steps of the converter.
    floors: Vec<f64>,
    noise: Noise,
    constants: VecDeque<FilteredConstant>,
    ones: Split,
    /// What each radio received last.
    latest: Vec<Latest>,
    sum: Split,
    scratch: Scratch,
    /// Tick up to which something was sent or received.
    now: Tick,
}

impl Air {
    /// Air between so many radios.
    pub fn new(radios: usize, medium: Medium) -> Self {
        let own = Path { blocked: true, ..Path::default() };
        let path = |n: usize| if n.is_multiple_of(radios + 1) { own.clone() } else { medium.path.clone() };
        let mut sum = Split::default();
        sum.reset(SAMPLES_PER_PACKET);
        Self {
            filters: (0..radios * radios).map(|n| PathFilter::new(path(n))).collect(),
            boards: (0..radios).map(|_| PathFilter::new(Path::default())).collect(),
            carriers: vec![Carrier::default(); radios],
            tracks: (0..radios).map(|_| Track::new()).collect(),
            floors: vec![amplitude(medium.noise_dbfs); radios],
            noise: Noise::new(medium.seed, radios),
            constants: VecDeque::new(),
            ones: Split::default(),
            latest: (0..radios).map(|_| Latest::default()).collect(),
            sum,
            scratch: Scratch::new(medium.seed),
            now: 0,
        }
    }

    /// Sets the path from one radio to one radio, itself included; it holds for what is received from now on.
    pub fn set_path(&mut self, from: usize, to: usize, path: Path) {
        let radios = self.tracks.len();
        if from < radios && to < radios {
            self.filters[from * radios + to] = PathFilter::new(path);
            self.latest[to].forget();
        }
    }

    /// Sets by how many Hz the oscillator of a radio is off, when it transmits and when it receives.
    pub fn set_carrier_offset(&mut self, radio: usize, hz: f64) {
        if let Some(carrier) = self.carriers.get_mut(radio) {
            carrier.set(hz, self.now);
            self.latest.iter_mut().for_each(Latest::forget);
        }
    }

    /// Sets the noise in the band of a radio's receivers, dB against a full-scale carrier.
    pub fn set_noise(&mut self, radio: usize, dbfs: f32) {
        if let Some(floor) = self.floors.get_mut(radio) {
            *floor = amplitude(dbfs);
            self.latest[radio].forget();
        }
    }

    /// Radio `radio` transmits samples, the first at tick `start`.
    pub fn transmit(&mut self, radio: usize, tuning: Tuning, start: Tick, samples: impl ExactSizeIterator<Item = Sample>) {
        if let Some(track) = self.tracks.get_mut(radio)
            && samples.len() > 0
        {
            self.now = self.now.max(start);
            track.record(tuning, start, samples);
        }
    }

    /// Writes what radio `radio` receives from tick `start` on, as sc16 words, to fill `out`.
    pub fn receive(&mut self, radio: usize, tuning: Tuning, start: Tick, out: &mut [u8]) {
        if !tuning.front.converts {
            return out.fill(0);
        }
        self.now = self.now.max(start);
        let Some(latest) = self.latest.get(radio) else { return };
        latest.copy(&tuning, start, out.len() / 4, &mut self.sum);
        let (known, rest) = out.split_at_mut(self.sum.re.len() * 4);
        self.convert(&tuning, start, known);
        if !rest.is_empty() {
            let start = start.saturating_add(known.len() as u64 / 4 * u64::from(tuning.decimation));
            self.sum.reset(rest.len() / 4);
            self.hear(radio, tuning, start);
            self.latest[radio].keep(&tuning, start, &self.sum);
            self.convert(&tuning, start, rest);
        }
    }

    /// What the samples in `sum` are in the chain's words, which fill `out`.
    fn convert(&mut self, tuning: &Tuning, start: Tick, out: &mut [u8]) {
        settle(&mut self.sum, tuning, start);
        vectorised(
            #[inline(always)]
            || write(&self.sum, tuning.gain, out),
        );
    }

    /// Adds what a radio receives from tick `start` on to `sum`, up to its converter.
    fn hear(&mut self, radio: usize, tuning: Tuning, start: Tick) {
        let radios = self.tracks.len();
        let carrier = self.carriers[radio];
        let floor = self.floors[radio].hypot(tuning.front.noise / f64::from(tuning.decimation).sqrt());
        let listener = ReceivingChain { radio, tuning, carrier, start, inaudible: part::inaudible(floor) };
        for (from, track) in self.tracks.iter().enumerate() {
            let transmitter = Transmitter { radio: from, track, carrier: self.carriers[from] };
            let filter = &mut self.filters[from * radios + radio];
            filter.add(&mut self.sum, &listener, transmitter, Way::Antennas, &mut self.scratch);
            if from == radio {
                self.boards[radio].add(&mut self.sum, &listener, transmitter, Way::Board, &mut self.scratch);
            }
        }
        if !tuning.front.offset.is_nothing(start) {
            self.add_offset(&tuning, start);
        }
        if floor > 0.0 {
            self.noise.add(&mut self.sum, radio, &tuning, start, floor);
        }
    }

    /// The receiver's DC offset: a carrier at its oscillator.
    fn add_offset(&mut self, tuning: &Tuning, start: Tick) {
        let offset = &tuning.front.offset;
        let step = turn::turns_from_word(tuning.frequency);
        let begin = turn::turns_from_word(tuning.phase_at_power_up()).wrapping_add(step.wrapping_mul(start));
        let count = self.sum.re.len();
        let Self { sum, ones, .. } = self;
        let constant = FilteredConstant::find(&mut self.constants, tuning);
        let mut add = |at: usize, count: usize, value: Complex<f64>| {
            ones.fill(count, Complex::new(1.0, 0.0));
            let value = value * constant.passed;
            let phase = begin.wrapping_add(turn::turns_from_radians(value.arg()));
            let phase = phase.wrapping_add(constant.wheel.advance().wrapping_mul(at as u64));
            sum.add_turned(at, ones, count, value.norm(), phase, &constant.wheel);
        };
        if offset.has_settled(start) {
            return add(0, count, offset.fixed);
        }
        let piece = (SETTLING / tuning.decimation as usize).max(1);
        for at in (0..count).step_by(piece) {
            let count = piece.min(count - at);
            let middle = (at + count / 2) as u64 * u64::from(tuning.decimation);
            add(at, count, offset.fixed + offset.left(start + middle));
        }
    }
}

/// Ticks in which an offset that the loop takes out counts as constant: it loses a thousandth of itself.
const SETTLING: usize = 1024;

/// What receive filters make of a constant.
struct FilteredConstant {
    /// Rate and frequency registers.
    key: (u32, u32),
    passed: Complex<f64>,
    wheel: Wheel,
}

impl FilteredConstant {
    /// That of a receive chain, of those that are known.
    fn find<'a>(known: &'a mut VecDeque<Self>, tuning: &Tuning) -> &'a Self {
        const KEPT: usize = 32;
        let key = (tuning.words.1, tuning.frequency);
        let at = known.iter().position(|known| known.key == key).unwrap_or_else(|| {
            if known.len() >= KEPT {
                known.pop_front();
            }
            known.push_back(Self::new(key, tuning.decimation));
            known.len() - 1
        });
        &known[at]
    }

    fn new(key: (u32, u32), decimation: u32) -> Self {
        let step = turn::turns_from_word(key.1);
        let impulse = FilterChain::new(Direction::Receive, key.0).impulse();
        let waves = impulse.iter().enumerate().map(|(n, value)| turn::phasor(step.wrapping_mul(n as u64).wrapping_neg()) * value);
        Self { key, passed: waves.sum::<Complex<f64>>() * CORDIC, wheel: Wheel::new(step.wrapping_mul(u64::from(decimation))) }
    }
}

/// Amplitude of a noise power, in steps of the converter.
fn amplitude(dbfs: f32) -> f64 {
    if dbfs < SILENT_DBFS { 0.0 } else { FULL_SCALE * 10_f64.powf(f64::from(dbfs) / 20.0) }
}

/// A receive chain starts with its CIC filter empty: its first samples rise as its step response does.
///
/// Exact for a carrier at its frequency; the half-band filters' memory of an earlier stream is left out.
fn settle(sum: &mut Split, tuning: &Tuning, start: Tick) {
    let chain = FilterChain::new(Direction::Receive, tuning.words.1);
    let mut elapsed = start.cast_signed() - tuning.started.cast_signed();
    if elapsed >= chain.span() as i64 {
        return;
    }
    let impulse = chain.impulse();
    let whole: f64 = impulse.iter().sum();
    for (re, im) in sum.re.iter_mut().zip(&mut sum.im) {
        let Some(part) = impulse.get(..elapsed.max(0) as usize) else { return };
        let risen = (part.iter().sum::<f64>() / whole) as f32;
        (*re, *im) = (*re * risen, *im * risen);
        elapsed += i64::from(tuning.decimation);
    }
}

/// Through the converter, the scale register and the rounding to 16 bits.
#[inline(always)]
fn write(sum: &Split, gain: f32, out: &mut [u8]) {
    let slots = out.as_chunks_mut::<4>().0.iter_mut();
    for ((slot, re), im) in slots.zip(&sum.re).zip(&sum.im) {
        *slot = dsp::sample_bytes(Sample::new(rounded(*re, gain), rounded(*im, gain)));
    }
}

/// Nearest 16-bit integer, at most full scale.
#[inline(always)]
fn rounded(value: f32, gain: f32) -> i16 {
    const LEAST: f32 = i16::MIN as f32;
    const MOST: f32 = i16::MAX as f32;
    // Added to a number of 23 significant bits, the value loses its fraction: rounding without a call.
    const INTEGER: f32 = 12_582_912.0;
    ((value.clamp(LEAST, MOST) * gain).clamp(LEAST, MOST) + INTEGER).to_bits() as i16
}
