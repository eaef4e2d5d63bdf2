//! The air between the radios of a process: what one transmits, the others receive at the same tick.
//!
//! First storey: a transmitter and a receiver couple when their total rates are equal and their tuned frequencies differ by less than
//! half that rate. Filters are ideal and without delay; oscillators start at phase 0 at power-up, so that equal frequencies need no
//! rotation. A radio does not hear itself.

pub mod medium;
pub mod tuning;

use std::collections::VecDeque;
use std::f32::consts::TAU;

use num_complex::Complex;
use rand::{Rng, SeedableRng, rngs::StdRng};

use medium::{Medium, Path};
use tuning::Tuning;

use crate::lab::n210::device::clock::Tick;
use crate::radio::wire::dsp;
use crate::radio::wire::{Sample, TICKS_PER_SECOND};

/// Samples of a transmitter that the air remembers: 10 ms at 25 Msps, more than any receive packet spans.
const MEMORY: usize = 1 << 18;

/// Entries of the table of normal deviates.
const DEVIATES: usize = 1 << 14;

const FULL_SCALE: f32 = 32767.0;

/// Samples of one transmitter that follow one another on one grid with one tuning.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: Tick,
    /// Number of its first sample among all the transmitter ever sent.
    first: u64,
    count: u64,
    tuning: Tuning,
}

impl Stretch {
    fn end(&self) -> Tick {
        self.start + self.count * u64::from(self.tuning.decimation)
    }
}

/// What one transmitter sent lately.
struct Track {
    samples: Vec<Sample>,
    sent: u64,
    stretches: VecDeque<Stretch>,
}

/// The air.
pub struct Air {
    /// From each radio to each, row by row.
    paths: Vec<Path>,
    /// What a radio's carriers are off by, Hz.
    offsets: Vec<f64>,
    tracks: Vec<Track>,
    deviates: Vec<f32>,
    noise: Vec<u64>,
    /// Noise of each radio against that of the table of deviates, as an amplitude.
    noise_gains: Vec<f32>,
    noise_dbfs: f32,
    sum: Vec<Complex<f32>>,
}

impl Air {
    /// Air between so many radios.
    pub fn new(radios: usize, medium: Medium) -> Self {
        let mut random = StdRng::seed_from_u64(medium.seed);
        // Power splits evenly into I and Q.
        let sigma = FULL_SCALE * 10_f32.powf(medium.noise_dbfs / 20.0) / 2_f32.sqrt();
        let noise = (0..radios).map(|_| random.random()).collect();
        let mut paths = vec![medium.path; radios * radios];
        for radio in 0..radios {
            paths[radio * radios + radio].blocked = true;
        }
        Self {
            paths,
            offsets: vec![0.0; radios],
            tracks: (0..radios).map(|_| Track::new()).collect(),
            deviates: deviates(&mut random, sigma),
            noise,
            noise_gains: vec![1.0; radios],
            noise_dbfs: medium.noise_dbfs,
            sum: Vec::new(),
        }
    }

    /// Sets the way from one radio to one radio, itself included.
    pub fn set_path(&mut self, from: usize, to: usize, path: Path) {
        let radios = self.tracks.len();
        if from < radios && to < radios {
            self.paths[from * radios + to] = path;
        }
    }

    /// Sets by how many Hz the oscillator of a radio is off, when it transmits and when it receives.
    pub fn set_carrier_offset(&mut self, radio: usize, hz: f64) {
        if let Some(offset) = self.offsets.get_mut(radio) {
            *offset = hz;
        }
    }

    /// Sets the noise in the band of a radio's receiver, dB against full scale.
    pub fn set_noise(&mut self, radio: usize, dbfs: f32) {
        if let Some(gain) = self.noise_gains.get_mut(radio) {
            *gain = 10_f32.powf((dbfs - self.noise_dbfs) / 20.0);
        }
    }

    /// Radio `radio` transmits samples, the first at tick `start`.
    pub fn play(&mut self, radio: usize, tuning: Tuning, start: Tick, samples: impl ExactSizeIterator<Item = Sample>) {
        if let Some(track) = self.tracks.get_mut(radio) {
            track.play(tuning, start, samples);
        }
    }

    /// Writes what radio `radio` receives from tick `start` on, as sc16 words, to fill `out`.
    pub fn hear(&mut self, radio: usize, tuning: Tuning, start: Tick, out: &mut [u8]) {
        let count = out.len() / 4;
        self.sum.clear();
        self.sum.resize(count, Complex::default());
        let radios = self.tracks.len();
        for (other, track) in self.tracks.iter().enumerate() {
            let Some(path) = self.paths.get(other * radios + radio).filter(|path| !path.blocked) else { continue };
            track.add_to(&mut self.sum, tuning, start.saturating_sub(path.delay), 10_f32.powf(path.gain_db / 20.0));
        }
        let (Some(state), Some(&gain)) = (self.noise.get_mut(radio), self.noise_gains.get(radio)) else { return };
        for (slot, value) in out.as_chunks_mut::<4>().0.iter_mut().zip(&self.sum) {
            let bits = random_bits(state);
            let re = value.re + self.deviates[bits as usize % DEVIATES] * gain;
            let im = value.im + self.deviates[(bits >> 32) as usize % DEVIATES] * gain;
            *slot = dsp::sample_bytes(Sample::new(rounded(re), rounded(im)));
        }
    }
}

impl Track {
    fn new() -> Self {
        Self { samples: vec![Sample::default(); MEMORY], sent: 0, stretches: VecDeque::with_capacity(1024) }
    }

    fn play(&mut self, tuning: Tuning, start: Tick, samples: impl ExactSizeIterator<Item = Sample>) {
        let count = samples.len() as u64;
        let at = self.sent as usize % MEMORY;
        let mut slots = at;
        for sample in samples {
            self.samples[slots] = sample;
            slots = (slots + 1) % MEMORY;
        }
        match self.stretches.back_mut() {
            Some(last) if last.tuning == tuning && last.end() == start => last.count += count,
            _ => self.stretches.push_back(Stretch { start, first: self.sent, count, tuning }),
        }
        self.sent += count;
        let oldest = self.sent.saturating_sub(MEMORY as u64);
        while self.stretches.front().is_some_and(|old| old.first + old.count <= oldest) {
            self.stretches.pop_front();
        }
    }

    /// Adds what of this transmitter falls on the receiver's samples.
    fn add_to(&self, sum: &mut [Complex<f32>], rx: Tuning, from: Tick, gain: f32) {
        let to = from + sum.len() as u64 * u64::from(rx.decimation);
        // Stretches are in the order of time: the latest first, until one ends before the receiver begins.
        for stretch in self.stretches.iter().rev().take_while(|stretch| stretch.end() > from) {
            if stretch.start < to && couples(&stretch.tuning, &rx) {
                self.add_stretch(stretch, sum, rx, from, gain);
            }
        }
    }

    fn add_stretch(&self, stretch: &Stretch, sum: &mut [Complex<f32>], rx: Tuning, from: Tick, gain: f32) {
        let step = u64::from(rx.decimation);
        // Between two samples of the transmitter the earlier one counts.
        let (skip, mut number) = if stretch.start > from {
            (((stretch.start - from).div_ceil(step)) as usize, 0)
        } else {
            (0, (from - stretch.start) / step)
        };
        let oldest = self.sent.saturating_sub(MEMORY as u64);
        let lost = oldest.saturating_sub(stretch.first + number);
        number += lost;
        let skip = skip.saturating_add(lost as usize);
        let count = stretch.count.saturating_sub(number) as usize;
        let Some(sum) = sum.get_mut(skip..) else { return };
        let mut at = (stretch.first + number) as usize % MEMORY;
        let amplitude = gain * stretch.tuning.gain * rx.gain;
        let shift = stretch.tuning.frequency.wrapping_add(rx.frequency);
        let mut phasor = turn(shift.wrapping_mul((from + skip as u64 * step) as u32)) * amplitude;
        let advance = turn(shift.wrapping_mul(rx.decimation));
        for slot in sum.iter_mut().take(count) {
            let sample = self.samples[at];
            at = (at + 1) % MEMORY;
            *slot += Complex::new(f32::from(sample.re), f32::from(sample.im)) * phasor;
            phasor *= advance;
        }
    }
}

/// Equal rates, and the transmitter's centre in the receiver's band.
fn couples(tx: &Tuning, rx: &Tuning) -> bool {
    // Receive words are "oscillator less target", transmit words "target less oscillator": equal tuning sums to 0.
    let apart = dsp::frequency_of(tx.frequency.wrapping_add(rx.frequency)).abs();
    tx.decimation == rx.decimation && apart < TICKS_PER_SECOND as f64 / f64::from(rx.decimation) / 2.0
}

/// Unit phasor at a phase in units of 2^-32 turns.
fn turn(phase: u32) -> Complex<f32> {
    if phase == 0 {
        // Exactly 1: equal frequencies leave the samples as they are.
        return Complex::new(1.0, 0.0);
    }
    Complex::from_polar(1.0, phase.cast_signed() as f32 / 4_294_967_296.0 * TAU)
}

/// Nearest 16-bit integer, at most full scale.
fn rounded(value: f32) -> i16 {
    // Added to a number of 23 significant bits, the value loses its fraction: rounding without a call.
    const INTEGER: f32 = 12_582_912.0;
    (value.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) + INTEGER).to_bits() as i16
}

/// The splitmix64 generator.
fn random_bits(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Normal deviates (Box-Muller) with exactly zero mean and this standard deviation.
fn deviates(random: &mut StdRng, sigma: f32) -> Vec<f32> {
    let raw: Vec<f64> = (0..DEVIATES)
        .map(|_| {
            let (radius, angle): (f64, f64) = (random.random_range(f64::MIN_POSITIVE..1.0), random.random());
            (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
        })
        .collect();
    let mean = raw.iter().sum::<f64>() / DEVIATES as f64;
    let spread = (raw.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / DEVIATES as f64).sqrt();
    raw.iter().map(|v| ((v - mean) / spread) as f32 * sigma).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radio::wire::dsp::Direction;

    const COUNT: usize = 10_000;

    fn tuned(direction: Direction, frequency: u32) -> Tuning {
        let mut tuning = Tuning::new(direction);
        let word = dsp::decimation_word(direction, 52).unwrap();
        tuning.set_decimation(word);
        tuning.set_scale(dsp::scale_word(direction, word).0);
        tuning.gain *= dsp::scale_word(direction, word).1 as f32;
        Tuning { frequency, ..tuning }
    }

    fn hear(air: &mut Air, radio: usize, frequency: f64, start: Tick) -> Vec<Complex<f64>> {
        let mut bytes = vec![0; COUNT * 4];
        air.hear(radio, tuned(Direction::Receive, dsp::rx_tuning_word(frequency)), start, &mut bytes);
        let samples = bytes.as_chunks::<4>().0.iter().map(|bytes| dsp::sample_of(*bytes));
        samples.map(|s| Complex::new(f64::from(s.re), f64::from(s.im)) / 32767.0).collect()
    }

    fn medium(gain_db: f32, noise_dbfs: f32, delay: u64) -> Medium {
        Medium { path: Path { gain_db, delay, ..Path::default() }, noise_dbfs, seed: 7 }
    }

    #[test]
    fn noise_has_its_power_no_mean_and_no_colour() {
        let mut air = Air::new(2, medium(0.0, -40.0, 0));
        let heard = hear(&mut air, 0, 0.0, 0);
        let power = heard.iter().map(Complex::norm_sqr).sum::<f64>() / COUNT as f64;
        assert!((10.0 * power.log10() + 40.0).abs() < 0.3, "{power}");
        let mean = heard.iter().sum::<Complex<f64>>() / COUNT as f64;
        let neighbours = heard.windows(2).map(|pair| pair[0] * pair[1].conj()).sum::<Complex<f64>>() / COUNT as f64;
        // Five standard deviations.
        assert!(mean.norm() < 5.0 * (power / COUNT as f64).sqrt() && neighbours.norm() < 5.0 * power / (COUNT as f64).sqrt());
        assert_eq!(hear(&mut Air::new(2, medium(0.0, -40.0, 0)), 0, 0.0, 0), heard, "the same seed gives the same noise");
    }

    #[test]
    fn a_difference_in_tuning_turns_the_samples() {
        let mut air = Air::new(2, medium(-20.0, -200.0, 1040));
        let tuning = tuned(Direction::Transmit, dsp::tx_tuning_word(10e6));
        air.play(0, tuning, 520_000, std::iter::repeat_n(Sample::new(20_000, 0), COUNT));
        // One cycle in 32 samples; the delay is 20 samples.
        let offset = 100e6 / 52.0 / 32.0;
        let heard = hear(&mut air, 1, 10e6 - offset, 520_000);
        assert!(heard[..20].iter().all(|s| s.norm() == 0.0));
        let turn = Complex::from_polar(1.0, std::f64::consts::TAU / 32.0);
        for pair in heard[20..].windows(2) {
            assert!((pair[0].norm() - 0.1 * 20_000.0 / 32_767.0).abs() < 1e-4 && (pair[1] - pair[0] * turn).norm() < 2e-4);
        }
        // Out of the band, at another rate, and at the transmitter itself: silence.
        assert!(hear(&mut air, 1, 8.9e6, 520_000).iter().all(|s| s.norm() == 0.0));
        assert!(hear(&mut air, 0, 10e6, 520_000).iter().all(|s| s.norm() == 0.0));
        let mut bytes = [1; 400];
        let other = Tuning { decimation: 50, ..tuned(Direction::Receive, dsp::rx_tuning_word(10e6)) };
        air.hear(1, other, 530_000, &mut bytes);
        assert_eq!(bytes, [0; 400]);
    }

    #[test]
    fn what_is_older_than_the_memory_is_silence() {
        let mut air = Air::new(2, medium(0.0, -200.0, 0));
        let tuning = tuned(Direction::Transmit, 0);
        air.play(0, tuning, 0, std::iter::repeat_n(Sample::new(1000, 0), MEMORY + 100));
        let heard = hear(&mut air, 1, 0.0, 0);
        assert!(heard[..100].iter().all(|s| s.norm() == 0.0) && heard[100..].iter().all(|s| s.norm() > 0.02));
    }
}
