//! Acquisition: finds the primary synchronisation signal by correlation, then names the cell by the secondary one.
//!
//! The signals occupy the middle 62 subcarriers. One transform of the samples takes them out, so that all that follows works at the
//! rate of the narrowest bandwidth.

use std::f32::consts::{PI, TAU};
use std::sync::Arc;

use num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::demodulate::mix;
use super::duplex::{Duplex, LinkDirection, SyncPlan};
use super::history::SampleHistory;
use super::numerology::{Bandwidth, Numerology, Prefix, SPACING, SUBFRAME_TICKS, USEFUL_TICKS};
use super::sync_signals::{self, CellId, GROUPS, LENGTH, SECTORS, SecondarySignals};

/// Length of a searched window, in useful symbols: overlap-save with 7/8 of each transform useful.
const STRETCH: usize = 8;
/// Samples of a useful symbol at the rate of the search.
const LOW: usize = (USEFUL_TICKS / Bandwidth::Mhz1_4.ticks_per_sample()) as usize;
/// Samples of a window at the rate of the search.
const WINDOW: usize = STRETCH * LOW;
/// Subcarriers either side of 0 Hz whose energy a peak is measured against.
const BAND: usize = 34;

/// Normalised correlation power (1 = nothing but the signal) from which a peak is worth a look. Noise stays under 0.1 within a half
/// frame, the signal at 0 dB reaches 0.5; what passes is still verified by its CRC.
const THRESHOLD: f32 = 0.25;

/// Largest frequency offset that acquisition corrects, Hz: half a subcarrier.
pub const CFO_RANGE: f32 = SPACING as f32 / 2.0;

/// A peak of the primary signal's correlation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Where the primary signal's useful part begins, ticks from the beginning of the window.
    pub offset: u64,
    /// Cell id within the group.
    pub sector: u16,
    /// Normalised correlation power, 0..=1.
    pub power: f32,
    /// Carrier frequency offset, Hz.
    pub cfo: f32,
}

/// What the frame may look like around a primary signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hypothesis {
    /// Cyclic prefix.
    pub prefix: Prefix,
    /// Where the signals lie.
    pub plan: SyncPlan,
}

impl Hypothesis {
    /// Ticks from the beginning of the frame's half to the useful parts of the secondary and the primary signal.
    fn places(&self) -> (u64, u64) {
        let n = Numerology::new(Bandwidth::Mhz1_4, self.prefix);
        let place = |subframe: usize, symbol| subframe as u64 * SUBFRAME_TICKS + n.useful_tick(symbol);
        (
            place(self.plan.secondary_subframe(), self.plan.secondary_symbol(&n)),
            place(self.plan.primary_subframe(), self.plan.primary_symbol(&n)),
        )
    }

    /// Ticks from the beginning of the frame to the useful part of the primary signal of a half, 0 or 1.
    pub fn primary_tick(&self, half: usize) -> u64 {
        half as u64 * 5 * SUBFRAME_TICKS + self.places().1
    }
}

/// Everything that a frame in a direction may look like, both prefixes of a look together.
pub fn every_hypothesis(direction: LinkDirection) -> Vec<Hypothesis> {
    let plans = Duplex::every_look(direction).into_iter().map(|look| look.sync_plan(direction));
    plans.flat_map(|plan| Prefix::ALL.map(|prefix| Hypothesis { prefix, plan })).collect()
}

/// A cell that has been named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Identified {
    /// The cell.
    pub cell: CellId,
    /// Half of the frame of its primary signal, 0 or 1.
    pub half: usize,
    /// What the frame looks like.
    pub hypothesis: Hypothesis,
    /// How well the secondary signal agrees, up to 1; noise reaches 0.5.
    pub score: f32,
}

/// A primary signal in time and frequency.
struct Replica {
    sector: u16,
    signal: [Complex32; LENGTH],
    time: Vec<Complex32>,
    spectrum: Vec<Complex32>,
}

/// Searches for synchronisation signals.
pub struct Searcher {
    bandwidth: Bandwidth,
    replicas: Vec<Replica>,
    secondary: SecondarySignals,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    symbol_fft: Arc<dyn Fft<f32>>,
    scratch: Vec<Complex32>,
    spectrum: Vec<Complex32>,
    symbol: Vec<Complex32>,
    /// Spectrum of the window at the rate of the search.
    low: Vec<Complex32>,
    /// The window at the rate of the search, only the band of the signals.
    filtered: Vec<Complex32>,
    product: Vec<Complex32>,
    energy: Vec<f32>,
}

impl Searcher {
    /// A searcher with its buffers, for samples at the rate of a bandwidth.
    pub fn new(bandwidth: Bandwidth, planner: &mut FftPlanner<f32>) -> Self {
        let fft = Numerology::new(bandwidth, Prefix::Normal).fft();
        let (forward, inverse) = (planner.plan_fft_forward(STRETCH * fft), planner.plan_fft_inverse(WINDOW));
        let symbol_fft = planner.plan_fft_forward(fft);
        let zero = Complex32::default();
        let scratch = [&forward, &inverse, &symbol_fft].map(|f| f.get_inplace_scratch_len());
        let replicas = (0..SECTORS).map(|sector| Replica::new(sector, planner)).collect();
        Self {
            bandwidth,
            replicas,
            secondary: SecondarySignals::default(),
            scratch: vec![zero; scratch.into_iter().max().unwrap_or(0)],
            spectrum: vec![zero; forward.len()],
            symbol: vec![zero; fft],
            low: vec![zero; WINDOW],
            filtered: vec![zero; WINDOW],
            product: vec![zero; WINDOW],
            energy: vec![0.0; WINDOW - LOW],
            forward,
            inverse,
            symbol_fft,
        }
    }

    /// Samples that one [`Self::look`] takes.
    pub fn window(&self) -> usize {
        self.spectrum.len()
    }

    /// Ticks that one [`Self::look`] covers: the next window begins this much later.
    pub fn hop(&self) -> u64 {
        (STRETCH as u64 - 1) * USEFUL_TICKS
    }

    /// Takes a window of samples, to be searched by [`Self::peak`]. False when there are too few.
    pub fn look(&mut self, samples: &[Complex32]) -> bool {
        let Some(samples) = samples.get(..self.window()) else { return false };
        self.spectrum.copy_from_slice(samples);
        self.forward.process_with_scratch(&mut self.spectrum, &mut self.scratch);
        let (half, band) = (WINDOW / 2, BAND * STRETCH);
        self.low[..half].copy_from_slice(&self.spectrum[..half]);
        self.low[half..].copy_from_slice(&self.spectrum[self.spectrum.len() - half..]);
        self.filtered.copy_from_slice(&self.low);
        self.filtered[band..WINDOW - band].fill(Complex32::default());
        self.inverse.process_with_scratch(&mut self.filtered, &mut self.scratch);
        let mut sum: f64 = self.filtered[..LOW].iter().map(|x| f64::from(x.norm_sqr())).sum();
        for (offset, energy) in self.energy.iter_mut().enumerate() {
            *energy = sum as f32;
            let (after, before) = (self.filtered[offset + LOW].norm_sqr(), self.filtered[offset].norm_sqr());
            sum = (sum + f64::from(after) - f64::from(before)).max(0.0);
        }
        true
    }

    /// The highest peak of a sector's primary signal, or of any, in the window, if it is worth a look. The signal is taken to be
    /// `shift` subcarriers too high.
    pub fn peak(&mut self, sector: Option<u16>, shift: i32) -> Option<Peak> {
        let turned = (shift * STRETCH as i32).rem_euclid(WINDOW as i32) as usize;
        let mut best: Option<(usize, f32, &Replica)> = None;
        for replica in self.replicas.iter().filter(|r| sector.is_none_or(|s| s == r.sector)) {
            let (wrapped, direct) = self.product.split_at_mut(turned);
            let (first, last) = replica.spectrum.split_at(WINDOW - turned);
            multiply(direct, &self.low[turned..], first);
            multiply(wrapped, &self.low[..turned], last);
            self.inverse.process_with_scratch(&mut self.product, &mut self.scratch);
            for (offset, (c, energy)) in self.product.iter().zip(&self.energy).enumerate() {
                let power = c.norm_sqr() / energy.max(f32::MIN_POSITIVE);
                if power > best.map_or(THRESHOLD, |b| b.1) {
                    best = Some((offset, power, replica));
                }
            }
        }
        let (at, power, replica) = best?;
        let cfo = SPACING as f32 * (shift as f32 + self.halves(at, replica, shift));
        Some(Peak { offset: at as u64 * Bandwidth::Mhz1_4.ticks_per_sample(), sector: replica.sector, power, cfo })
    }

    /// Frequency offset that remains after `shift`, in subcarriers, from the turning between the halves of a primary signal.
    fn halves(&self, at: usize, replica: &Replica, shift: i32) -> f32 {
        let mut received = [Complex32::default(); LOW];
        received.copy_from_slice(&self.filtered[at..at + LOW]);
        mix(&mut received, shift as f32 / LOW as f32, 0);
        let mut sums = received.chunks(LOW / 2).zip(replica.time.chunks(LOW / 2)).map(|(x, r)| correlate(x, r));
        let (Some(first), Some(second)) = (sums.next(), sums.next()) else { return 0.0 };
        (second * first.conj()).arg() / PI
    }

    /// The cell whose secondary signal fits best to a primary signal at `tick`, among all or only the given one.
    pub fn identify(
        &mut self,
        history: &SampleHistory,
        tick: u64,
        peak: &Peak,
        cell: Option<CellId>,
        hypotheses: &[Hypothesis],
    ) -> Option<Identified> {
        let primary = self.replicas.iter().find(|r| r.sector == peak.sector)?.signal;
        let mut channel = self.middle(history, tick, tick, peak.cfo)?;
        channel.iter_mut().zip(primary).for_each(|(h, p)| *h = (*h * p.conj()).conj());
        let mut best: Option<Identified> = None;
        for hypothesis in hypotheses {
            let (secondary, primary) = hypothesis.places();
            let Some(at) = (tick + secondary).checked_sub(primary) else { continue };
            let Some(received) = self.middle(history, at, tick, peak.cfo) else { continue };
            let received: [f32; LENGTH] = std::array::from_fn(|n| (received[n] * channel[n]).re);
            let norm = (received.iter().map(|r| r * r).sum::<f32>() * LENGTH as f32).sqrt().max(f32::MIN_POSITIVE);
            let groups = cell.map_or(0..GROUPS, |c| c.group()..c.group() + 1);
            let halves = if hypothesis.plan.in_both_halves() { 2 } else { 1 };
            for cell in groups.filter_map(|group| CellId::from_parts(group, peak.sector)) {
                for half in 0..halves {
                    let signal = self.secondary.sss(cell, half == 1);
                    let score = signal.iter().zip(received).map(|(s, r)| f32::from(*s) * r).sum::<f32>() / norm;
                    if best.is_none_or(|b| score > b.score) {
                        best = Some(Identified { cell, half, hypothesis: *hypothesis, score });
                    }
                }
            }
        }
        best
    }

    /// The middle 62 subcarriers of a symbol, a frequency offset in Hz taken out whose phase is zero at tick `zero`.
    fn middle(&mut self, history: &SampleHistory, tick: u64, zero: u64, cfo: f32) -> Option<[Complex32; LENGTH]> {
        let n = Numerology::middle(self.bandwidth, Prefix::Normal);
        let samples = history.at(tick, self.symbol.len())?;
        self.symbol.copy_from_slice(samples);
        mix(&mut self.symbol, cfo / self.bandwidth.rate() as f32, 0);
        self.symbol_fft.process_with_scratch(&mut self.symbol, &mut self.scratch);
        let seconds = (tick as i64 - zero as i64) as f64 / super::numerology::TICK_RATE;
        let back = Complex32::from_polar(1.0, -(std::f64::consts::TAU * (f64::from(cfo) * seconds).fract()) as f32);
        let first = sync_signals::first_subcarrier(&n);
        Some(std::array::from_fn(|k| self.symbol[n.bin(first + k)] * back))
    }

    /// Carrier frequency offset of a subframe that is transmitted whole, from its cyclic prefixes, Hz; of the values that fit, which are
    /// a subcarrier apart, the one nearest to `about`.
    pub fn cfo(&self, numerology: &Numerology, subframe: &[Complex32], about: f32) -> f32 {
        let n = numerology;
        let mut sum = Complex32::default();
        for symbol in 1..n.symbols() {
            let end = n.useful_start(symbol);
            // The beginning of a prefix may carry echoes of the symbol before.
            let start = end - n.prefix(symbol) * 3 / 4;
            let (Some(prefix), Some(tail)) = (subframe.get(start..end), subframe.get(start + n.fft()..end + n.fft())) else {
                continue;
            };
            sum += correlate(tail, prefix);
        }
        let spacing = SPACING as f32;
        let fine = sum.arg() / TAU * spacing;
        fine + spacing * ((about - fine) / spacing).round()
    }
}

fn multiply(out: &mut [Complex32], a: &[Complex32], b: &[Complex32]) {
    out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = a * b);
}

fn correlate(a: &[Complex32], b: &[Complex32]) -> Complex32 {
    a.iter().zip(b).map(|(a, b)| a * b.conj()).sum()
}

impl Replica {
    fn new(sector: u16, planner: &mut FftPlanner<f32>) -> Self {
        let signal = sync_signals::pss(sector);
        let n = Numerology::new(Bandwidth::Mhz1_4, Prefix::Normal);
        let first = sync_signals::first_subcarrier(&n);
        let mut time = vec![Complex32::default(); LOW];
        for (k, value) in signal.iter().enumerate() {
            time[n.bin(first + k)] = *value;
        }
        planner.plan_fft_inverse(LOW).process(&mut time);
        let energy: f32 = time.iter().map(Complex32::norm_sqr).sum();
        // Unit energy: the correlation's power is then relative to the window's energy.
        time.iter_mut().for_each(|x| *x *= 1.0 / energy.sqrt());
        let mut spectrum = time.clone();
        spectrum.resize(WINDOW, Complex32::default());
        planner.plan_fft_forward(WINDOW).process(&mut spectrum);
        spectrum.iter_mut().for_each(|x| *x = x.conj());
        Self { sector, signal, time, spectrum }
    }
}
