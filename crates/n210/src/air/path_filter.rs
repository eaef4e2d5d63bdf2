//! From one transmitter to one receiver: transmit filters, path and receive filters as one filter between their sample grids.
//!
//! y(t) = e^(jDt) * sum over samples m of x(m) g(t - t_m), where D is the transmitter's frequency less the receiver's, and g the convolution
//! of the transmit filters, the rays, and the receive filters shifted to the transmitter's frequency. g is computed on the grid of the
//! 100 MHz clock once for each pair of tunings; only those of its values that fall on samples are used. Each part of what the front ends make
//! of the samples (`part`) goes through a filter of its own.

use std::collections::VecDeque;

use num_complex::Complex;

use super::medium::Path;
use super::part::{Part, Source, parts};
use super::phase_noise::{Jitter, Oscillator, PhaseNoise};
use super::response::{CORDIC, FilterChain};
use super::split::{Bank, LANES, Split, Stepper};
use super::track::{Stretch, Track};
use super::tuning::{FrontEnd, Tuning};
use super::turn::{self, Carrier, Turns};
use crate::device::clock::Tick;
use n210_wire::dsp::Direction;

/// Sum of the taps that are left out, where all sum to about 1: -100 dB.
const NEGLIGIBLE: f64 = 1e-5;

/// A sample meets those values of a filter that lie on one grid: at most so much more than on all grids in the mean.
const WORST_GRID: f64 = 4.0;

/// Converters see 100 MHz of spectrum around the oscillator of their board.
const NYQUIST: f64 = 50e6;

/// Rays later than this are out of the air's memory at any rate, ticks.
const LATEST: u64 = 1 << 30;

/// Banks that are kept, and pairs of filters: two chains, with six parts each.
const KEPT: usize = 8;
const KEPT_PAIRS: usize = 32;

/// The chain that receives, and from when on.
#[derive(Debug, Clone, Copy)]
pub struct ReceivingChain {
    /// Its radio.
    pub radio: usize,
    /// Its chain.
    pub tuning: Tuning,
    /// What its carrier is off by.
    pub carrier: Carrier,
    /// Tick of its first sample.
    pub start: Tick,
}

/// The radio that transmits.
#[derive(Clone, Copy)]
pub struct Transmitter<'a> {
    /// Its number.
    pub radio: usize,
    /// What it sent.
    pub track: &'a Track,
    /// What its carrier is off by.
    pub carrier: Carrier,
}

/// By which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From antenna to antenna.
    Antennas,
    /// Inside a board.
    Board,
}

impl Way {
    /// A front end's gain on it.
    fn gain(self, front: &FrontEnd) -> f64 {
        f64::from(if self == Self::Antennas { front.gain } else { front.leak })
    }
}

/// Scratch of a computation.
pub struct Scratch {
    /// Phase noise of all oscillators.
    pub phase_noise: PhaseNoise,
    input: Split,
    output: Split,
}

impl Scratch {
    /// Nothing computed yet.
    pub fn new(seed: u64) -> Self {
        Self { phase_noise: PhaseNoise::new(seed), input: Split::default(), output: Split::default() }
    }
}

/// Where a part lies and how it is heard.
struct Heard<'a> {
    track: &'a Track,
    stretch: &'a Stretch,
    source: Source,
    mirrored: bool,
    gain: f64,
    phase: Turns,
    shift: Turns,
    jitter: Option<Jitter>,
}

/// The path from one transmitter to one receiver, with the filters that were computed for it.
pub struct PathFilter {
    path: Path,
    amplitude: f64,
    /// Last effect of a sample, ticks after it.
    memory: u64,
    channels: VecDeque<PairFilters>,
}

/// Rate registers of both, and the frequency from one to the other; of a mirror image, the receive chain's own frequency as well.
type PairKey = (u32, u32, Turns, Option<Turns>);

/// The filters between two tunings.
struct PairFilters {
    key: PairKey,
    /// What they leave of a full signal at most.
    passed: f64,
    rays: Vec<Response>,
}

/// Rays so close to one another that one filter does for them.
struct Response {
    /// Tick of the first value.
    first: u64,
    values: Vec<Complex<f32>>,
    banks: VecDeque<(u64, i64, Bank)>,
}

/// Steps between samples, ticks.
#[derive(Clone, Copy)]
struct Grids {
    tx: u64,
    rx: u64,
    common: u64,
}

impl PathFilter {
    /// The filters over a path.
    pub fn new(path: Path) -> Self {
        let amplitude = if path.blocked { 0.0 } else { 10_f64.powf(f64::from(path.gain_db) / 20.0) };
        let latest = path.taps.iter().map(|tap| tap.delay).filter(|delay| *delay <= LATEST).max().unwrap_or(0);
        // Twice the longest filters there are; and what ends a burst may be recorded before what is sent earlier.
        let memory = path.delay.min(LATEST) + latest + (2 * 18 + 24) * 512;
        Self { path, amplitude, memory, channels: VecDeque::new() }
    }

    /// Adds what is received of a transmitter.
    pub fn add(&mut self, sum: &mut Split, to: &ReceivingChain, from: Transmitter, way: Way, scratch: &mut Scratch) {
        let listening = self.amplitude * way.gain(&to.tuning.front);
        if listening == 0.0 || self.path.delay > LATEST {
            return;
        }
        let last = to.start.saturating_add(sum.re.len() as u64 * u64::from(to.tuning.decimation));
        for stretch in from.track.after(to.start.saturating_sub(self.memory)) {
            let gain = listening * way.gain(&stretch.tuning.front);
            if stretch.start > last || gain == 0.0 {
                continue;
            }
            for part in parts(&stretch.tuning, &to.tuning.front, gain) {
                let Some((shift, phase)) = place(&part, &stretch.tuning, from.carrier, to) else { continue };
                let own = turn::turns_from_word(to.tuning.frequency);
                let key = (stretch.tuning.words.1, to.tuning.words.1, shift, part.mirrored.then_some(own));
                let heard = Heard {
                    track: from.track,
                    stretch,
                    source: part.source,
                    mirrored: part.mirrored,
                    gain: part.factor.norm(),
                    phase: phase.wrapping_add(turn::turns_from_radians(part.factor.arg())),
                    shift,
                    jitter: jitter(&part, (from.radio, &stretch.tuning), to),
                };
                let channel = self.channel(key);
                if part.is_nothing(channel.passed) {
                    continue;
                }
                for response in &mut channel.rays {
                    response.add(sum, to, &heard, scratch);
                }
            }
        }
    }

    fn channel(&mut self, key: PairKey) -> &mut PairFilters {
        let known = self.channels.iter().position(|channel| channel.key == key);
        let at = known.unwrap_or_else(|| {
            if self.channels.len() >= KEPT_PAIRS {
                self.channels.pop_front();
            }
            self.channels.push_back(PairFilters::new(key, &self.path));
            self.channels.len() - 1
        });
        &mut self.channels[at]
    }
}

/// Frequency of a part in the receive chain, turns per tick, and its phase at tick 0; none if the converters do not see it.
fn place(part: &Part, tx: &Tuning, carrier: Carrier, to: &ReceivingChain) -> Option<(Turns, Turns)> {
    let (word, start, hertz) = match part.source {
        Source::Samples => (tx.frequency, tx.phase_at_power_up(), tx.shift()),
        Source::Mirrored => (tx.frequency.wrapping_neg(), tx.phase_at_power_up().wrapping_neg(), -tx.shift()),
        Source::Carrier => (0, 0, 0.0),
    };
    let apart = (tx.front.lo + carrier.offset) - (to.tuning.front.lo + to.carrier.offset) + hertz;
    let boards = turn::per_tick(tx.front.lo - to.tuning.front.lo);
    let shift = boards.wrapping_add(carrier.step()).wrapping_sub(to.carrier.step()).wrapping_add(turn::turns_from_word(word));
    let phase = turn::turns_from_word(start).wrapping_add(carrier.at_power_up()).wrapping_sub(to.carrier.at_power_up());
    let (apart, shift, phase) =
        if part.mirrored { (-apart, shift.wrapping_neg(), phase.wrapping_neg()) } else { (apart, shift, phase) };
    let (own, held) = (turn::turns_from_word(to.tuning.frequency), turn::turns_from_word(to.tuning.phase_at_power_up()));
    ((apart + to.tuning.shift()).abs() < NYQUIST).then(|| (shift.wrapping_add(own), phase.wrapping_add(held)))
}

/// Phase noise between two oscillators, if they have any. A radio has two of them.
fn jitter(part: &Part, (radio, tx): (usize, &Tuning), to: &ReceivingChain) -> Option<Jitter> {
    let ends = [
        Oscillator { number: 2 * radio as u64, rms: tx.front.phase_noise },
        Oscillator { number: 2 * to.radio as u64 + 1, rms: to.tuning.front.phase_noise },
    ];
    ends.iter().any(|end| end.rms > 0.0).then_some(Jitter { ends, mirrored: part.mirrored })
}

impl PairFilters {
    fn new(key: PairKey, path: &Path) -> Self {
        let (tx, rx) = (FilterChain::new(Direction::Transmit, key.0), FilterChain::new(Direction::Receive, key.1));
        let shifted = rx.impulse().into_iter().enumerate();
        let shifted = shifted.map(|(n, value)| turn::phasor(key.2.wrapping_mul(n as u64).wrapping_neg()) * value * CORDIC * CORDIC);
        let filters = tx.filter(shifted.collect());
        let total = filters.len();
        let (lead, filters) = trimmed(&filters);
        let heard = filters.iter().map(|value| value.norm()).sum::<f64>();
        let unit = tx.impulse().iter().sum::<f64>();
        if heard < NEGLIGIBLE * unit {
            return Self { key, passed: 0.0, rays: Vec::new() };
        }
        // The phase is given for the receive chain's frequency; the filters are at the transmitter's. A mirror image was at the negative
        // of its frequency when it was delayed.
        let turned = key.3.map_or(key.2, |own| key.2.wrapping_sub(own.wrapping_mul(2)));
        let delayed = |delay: u64| turn::phasor(turned.wrapping_mul(delay).wrapping_neg());
        let mut rays = vec![(0, Complex::new(1.0, 0.0))];
        for tap in path.taps.iter().filter(|tap| tap.delay <= LATEST) {
            let gain = 10_f64.powf(f64::from(tap.gain_db) / 20.0);
            let degrees = if key.3.is_some() { -tap.phase_degrees } else { tap.phase_degrees };
            rays.push((tap.delay, delayed(tap.delay) * Complex::from_polar(gain, f64::from(degrees).to_radians())));
        }
        rays.sort_by_key(|(delay, _)| *delay);
        let mut responses: Vec<(u64, Vec<Complex<f64>>)> = Vec::new();
        for (delay, gain) in rays {
            if responses.last().is_none_or(|(first, values)| first + (values.len() + total) as u64 <= delay) {
                responses.push((delay, Vec::new()));
            }
            let Some((first, values)) = responses.last_mut() else { break };
            let at = (delay - *first) as usize;
            values.resize(values.len().max(at + filters.len()), Complex::default());
            values[at..].iter_mut().zip(filters).for_each(|(slot, value)| *slot += value * gain);
        }
        // The delay of the direct ray turns the phase as well.
        let turn = delayed(path.delay);
        let response = |(first, values): (u64, Vec<Complex<f64>>)| Response {
            first: first + path.delay + lead as u64,
            values: values.iter().map(|value| value * turn).map(|v| Complex::new(v.re as f32, v.im as f32)).collect(),
            banks: VecDeque::new(),
        };
        let rays: Vec<Response> = responses.into_iter().map(response).collect();
        let all: f64 = rays.iter().flat_map(|ray| &ray.values).map(|value| f64::from(value.norm())).sum();
        Self { key, passed: WORST_GRID * all / unit, rays }
    }
}

/// A filter without the ends that are negligible, and where it begins.
fn trimmed(values: &[Complex<f64>]) -> (usize, &[Complex<f64>]) {
    let small = |sum: &mut f64, value: &Complex<f64>| {
        *sum += value.norm();
        (*sum < NEGLIGIBLE / 2.0).then_some(())
    };
    let lead = values.iter().scan(0.0, small).count();
    let tail = values[lead..].iter().rev().scan(0.0, small).count();
    (lead, &values[lead..values.len() - tail])
}

impl Response {
    /// Adds what of a part falls on the listener's samples.
    fn add(&mut self, sum: &mut Split, to: &ReceivingChain, heard: &Heard, scratch: &mut Scratch) {
        let Heard { track, stretch, gain, phase, shift, .. } = *heard;
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
        track.copy(stretch, first, Split::needed(bank, &stepper, outputs), &mut scratch.input);
        match heard.source {
            Source::Carrier => hold_one(&mut scratch.input, track.remembered(stretch), stretch.count, first),
            // The mirror image of a mirror image is the signal again.
            source if (source == Source::Mirrored) != heard.mirrored => {
                scratch.input.im.iter_mut().for_each(|value| *value = -*value);
            }
            _ => {}
        }
        scratch.output.filter(&scratch.input, bank, stepper, outputs);
        if let Some(jitter) = &heard.jitter {
            scratch.phase_noise.turn(&mut scratch.output, outputs, (at, grids.rx), jitter);
        }
        let phase = phase.wrapping_add(shift.wrapping_mul(at));
        sum.add_turned(from as usize, &scratch.output, outputs, gain, phase, shift.wrapping_mul(grids.rx));
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
        (oldest, Bank { taps, re, im: if real { Vec::new() } else { im } })
    }
}

/// 1 wherever a stretch has samples; `input` begins with its sample `first`.
fn hold_one(input: &mut Split, oldest: u64, count: u64, first: i64) {
    let length = input.re.len();
    input.reset(length);
    let place = |number: u64| number.cast_signed().saturating_sub(first).clamp(0, length as i64) as usize;
    let (begin, end) = (place(oldest), place(count));
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
