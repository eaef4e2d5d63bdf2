//! From one transmitter to one receiver: transmit filters, path and receive filters as one filter between their sample grids.
//!
//! y(t) = e^(jDt) * sum over samples m of x(m) g(t - t_m), where D is the transmitter's frequency less the receiver's, and g the convolution
//! of the transmit filters, the rays, and the receive filters shifted to the transmitter's frequency. g is computed on the grid of the
//! 100 MHz clock once for each pair of tunings; only those of its values that fall on samples are used. Each part of what the front ends make
//! of the samples (`part`) goes through a filter of its own.

mod rays;

use std::collections::VecDeque;

use num_complex::Complex;

use self::rays::{Heard, NEGLIGIBLE, RayFilter, Turning};
use super::medium::Path;
use super::part::{Part, Source, parts};
use super::phase_noise::{Jitter, Oscillator, PhaseNoise};
use super::response::{CORDIC, FilterChain};
use super::split::Split;
use super::track::Track;
use super::tuning::{FrontEnd, Tuning};
use super::turn::{self, Carrier, Turns};
use crate::device::clock::Tick;
use n210_wire::dsp::Direction;

/// A sample meets those values of a filter that lie on one grid: at most so much more than on all grids in the mean.
const WORST_GRID: f64 = 4.0;

/// What filters leave of a full signal at most.
const MOST_PASSED: f64 = 8.0;

/// Converters see 100 MHz of spectrum around the oscillator of their board.
const NYQUIST: f64 = 50e6;

/// Rays later than this are out of the air's memory at any rate, ticks.
const LATEST: u64 = 1 << 30;

/// Pairs of filters that are kept: two chains, with six parts each.
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
    /// Largest samples that are not heard beside its noise, steps of the converter.
    pub inaudible: f64,
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
    parts: Vec<PlacedPart>,
    input: Split,
    output: Split,
}

impl Scratch {
    /// Nothing computed yet.
    pub fn new(seed: u64) -> Self {
        Self { phase_noise: PhaseNoise::new(seed), parts: Vec::with_capacity(6), input: Split::default(), output: Split::default() }
    }
}

/// A part at its place in the receive chain.
#[derive(Clone, Copy)]
struct PlacedPart {
    part: Part,
    key: PairKey,
    /// At tick 0.
    phase: Turns,
    /// What lies so near to it that one filter does for both, and turns by itself: between oscillators that are apart, the mirror image of the
    /// mirror image.
    beside: Option<Turning>,
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
    rays: Vec<RayFilter>,
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
            let mut placed = std::mem::take(&mut scratch.parts);
            self.place_parts(&mut placed, &stretch.tuning, from.carrier, (to, (last - to.start) as f64), gain);
            for PlacedPart { part, key, phase, beside } in &placed {
                let channel = self.channel(*key);
                let largest = part.largest * channel.passed;
                if largest < to.inaudible {
                    continue;
                }
                let heard = Heard {
                    track: from.track,
                    stretch,
                    carrier: part.source == Source::Carrier,
                    conjugated: part.is_conjugated(),
                    turning: Turning::new(part.factor, *phase, key.2),
                    beside: *beside,
                    jitter: jitter(part, (from.radio, &stretch.tuning), to)
                        .filter(|jitter| largest * jitter.most() >= to.inaudible),
                };
                for response in &mut channel.rays {
                    response.add(sum, to, &heard, scratch);
                }
            }
            scratch.parts = placed;
        }
    }

    /// The parts of what is sent with a tuning and received for so many ticks.
    fn place_parts(
        &self,
        placed: &mut Vec<PlacedPart>,
        from: &Tuning,
        carrier: Carrier,
        (to, ticks): (&ReceivingChain, f64),
        gain: f64,
    ) {
        placed.clear();
        let own = turn::turns_from_word(to.tuning.frequency);
        for part in parts(from, &to.tuning.front, gain, to.inaudible) {
            let Some((shift, phase)) = place(&part, from, carrier, to) else { continue };
            let key = (from.words.1, to.tuning.words.1, shift, part.mirrored.then_some(own));
            let new = PlacedPart { part, key, phase, beside: None };
            if !placed.iter_mut().any(|known| self.unite(known, &new, to, ticks)) {
                placed.push(new);
            }
        }
    }

    /// Takes a part into another one of the same samples that lies so near to it that they do not turn against each other while they are
    /// received, or puts it beside one if they do, but not within the filters. Whether it was possible.
    fn unite(&self, known: &mut PlacedPart, new: &PlacedPart, to: &ReceivingChain, ticks: f64) -> bool {
        let same = known.part.source != Source::Carrier
            && new.part.source != Source::Carrier
            && known.part.is_conjugated() == new.part.is_conjugated();
        // Rays turn a mirror image differently, each by its own delay.
        if !same || !self.path.taps.is_empty() {
            return false;
        }
        let apart = new.key.2.wrapping_sub(known.key.2);
        let heard = |ticks: f64| turn::radians(apart).abs() * ticks * new.part.largest * MOST_PASSED > to.inaudible;
        let delayed = delayed_shift(&new.key).wrapping_sub(delayed_shift(&known.key)).wrapping_mul(self.path.delay);
        let span = FilterChain::new(Direction::Receive, to.tuning.words.1).span() as u64;
        let phase = new.phase.wrapping_sub(delayed).wrapping_sub(apart.wrapping_mul(span / 2));
        if !heard(ticks + span as f64) {
            let middle = to.start.wrapping_add(ticks as u64 / 2);
            let turns = phase.wrapping_sub(known.phase).wrapping_add(apart.wrapping_mul(middle));
            known.part.factor += new.part.factor * turn::phasor(turns);
        } else if known.beside.is_none() && !heard(span as f64) {
            known.beside = Some(Turning::new(new.part.factor, phase, new.key.2));
        } else {
            return false;
        }
        true
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
        let turned = delayed_shift(&key);
        let delayed = |delay: u64| turn::phasor(turned.wrapping_mul(delay).wrapping_neg());
        let mut rays = vec![(0, Complex::new(1.0, 0.0))];
        for tap in path.taps.iter().filter(|tap| tap.delay <= LATEST) {
            let gain = 10_f64.powf(f64::from(tap.gain_db) / 20.0);
            let degrees = if key.3.is_some() { -tap.phase_degrees } else { tap.phase_degrees };
            rays.push((tap.delay, delayed(tap.delay) * Complex::from_polar(gain, f64::from(degrees).to_radians())));
        }
        rays.sort_by_key(|(delay, _)| *delay);
        let mut groups: Vec<(u64, Vec<Complex<f64>>)> = Vec::new();
        for (delay, gain) in rays {
            if groups.last().is_none_or(|(first, values)| first + (values.len() + total) as u64 <= delay) {
                groups.push((delay, Vec::new()));
            }
            let Some((first, values)) = groups.last_mut() else { break };
            let at = (delay - *first) as usize;
            values.resize(values.len().max(at + filters.len()), Complex::default());
            values[at..].iter_mut().zip(filters).for_each(|(slot, value)| *slot += value * gain);
        }
        // The delay of the direct ray turns the phase as well.
        let turn = delayed(path.delay);
        let filter = |(first, values): (u64, Vec<Complex<f64>>)| RayFilter {
            first: first + path.delay + lead as u64,
            values: values.iter().map(|value| value * turn).map(|v| Complex::new(v.re as f32, v.im as f32)).collect(),
            banks: VecDeque::new(),
            wheels: [None, None],
        };
        let rays: Vec<RayFilter> = groups.into_iter().map(filter).collect();
        let all: f64 = rays.iter().flat_map(|ray| &ray.values).map(|value| f64::from(value.norm())).sum();
        Self { key, passed: WORST_GRID * all / unit, rays }
    }
}

/// By what a path's delay turns a part, turns per tick.
///
/// The phase is given for the receive chain's frequency; the filters are at the transmitter's. A mirror image was at the negative of its
/// frequency when it was delayed.
fn delayed_shift(key: &PairKey) -> Turns {
    key.3.map_or(key.2, |own| key.2.wrapping_sub(own.wrapping_mul(2)))
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
