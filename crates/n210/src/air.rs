//! The air between the radios of a process: what their transmitters send reaches their receivers through the filters of both chains.
//!
//! Ticks are those of the process. A sample that a transmitter sends at tick t begins to act at t, and a sample received at t holds what
//! arrived before t: what lies between is the delay of the filters (`response`) and of the path. A radio receives itself only over a path from
//! itself to itself.
//!
//! Levels are counted in steps of the 16-bit converters. A converter's limits act on what is in the band of the chain, not on what its
//! filters remove later; rounding is to the nearest at the very end, without the dither of the FPGA's roundings on the way.

pub mod medium;
mod noise;
mod path_filter;
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

#[cfg(test)]
mod tests;

use medium::{Medium, Path};
use noise::Noise;
use path_filter::{PathFilter, ReceivingChain, Scratch};
use response::FilterChain;
use split::Split;
use track::Track;
use tuning::Tuning;
use turn::Carrier;

use crate::device::clock::Tick;
use n210_wire::dsp::{self, Direction};
use n210_wire::{SAMPLES_PER_PACKET, Sample};

const FULL_SCALE: f64 = 32_767.0;

/// Noise below this is none: a hundredth of the last bit.
const SILENT_DBFS: f32 = -130.0;

/// The air.
pub struct Air {
    /// From each radio to each, row by row.
    filters: Vec<PathFilter>,
    carriers: Vec<Carrier>,
    tracks: Vec<Track>,
    /// Noise of each radio, amplitude in steps of the converter.
    floors: Vec<f64>,
    noise: Noise,
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
            carriers: vec![Carrier::default(); radios],
            tracks: (0..radios).map(|_| Track::new()).collect(),
            floors: vec![amplitude(medium.noise_dbfs); radios],
            noise: Noise::new(medium.seed, radios),
            sum,
            scratch: Scratch::default(),
            now: 0,
        }
    }

    /// Sets the path from one radio to one radio, itself included; it holds for what is received from now on.
    pub fn set_path(&mut self, from: usize, to: usize, path: Path) {
        let radios = self.tracks.len();
        if from < radios && to < radios {
            self.filters[from * radios + to] = PathFilter::new(path);
        }
    }

    /// Sets by how many Hz the oscillator of a radio is off, when it transmits and when it receives.
    pub fn set_carrier_offset(&mut self, radio: usize, hz: f64) {
        if let Some(carrier) = self.carriers.get_mut(radio) {
            carrier.set(hz, self.now);
        }
    }

    /// Sets the noise in the band of a radio's receivers, dB against a full-scale carrier.
    pub fn set_noise(&mut self, radio: usize, dbfs: f32) {
        if let Some(floor) = self.floors.get_mut(radio) {
            *floor = amplitude(dbfs);
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
        if tuning.front.gain == 0.0 {
            // The board or the converter is off: not even noise.
            return out.fill(0);
        }
        self.sum.reset(out.len() / 4);
        self.now = self.now.max(start);
        let radios = self.tracks.len();
        let Some(carrier) = self.carriers.get(radio).copied() else { return };
        let listener = ReceivingChain { tuning, carrier, start };
        for (from, track) in self.tracks.iter().enumerate() {
            let filter = &mut self.filters[from * radios + radio];
            filter.add(&mut self.sum, &listener, track, &self.carriers[from], &mut self.scratch);
        }
        if self.floors[radio] > 0.0 {
            self.noise.add(&mut self.sum, radio, &tuning, start, self.floors[radio]);
        }
        settle(&mut self.sum, &tuning, start);
        write(&self.sum, tuning.gain, out);
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
