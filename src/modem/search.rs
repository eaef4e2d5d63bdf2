//! Acquisition: finds the primary synchronisation signal by correlation, then names the cell by the secondary one.

use std::f32::consts::TAU;
use std::sync::Arc;

use num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::numerology::{Numerology, SYMBOLS};
use super::sync_signals::{self, CellId, GROUPS, LENGTH, PSS_SYMBOL, SECTORS, SSS_SYMBOL, SecondarySignals};

/// Length of the correlation's FFT, in symbols' FFT lengths: overlap-save with 7/8 of each transform useful.
const STRETCH: usize = 8;

/// Normalised correlation power (1 = nothing but the signal) from which a peak is worth a look. Noise stays under 0.1 within a half
/// frame, the signal at 0 dB reaches 0.5; what passes is still verified by its CRC.
const THRESHOLD: f32 = 0.25;

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Any cell: all three roots, all groups, both half frames.
    Any,
    /// This cell only: one root, its two secondary signals.
    Cell(CellId),
}

/// A peak of the primary signal's correlation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Offset of the primary signal's useful part in the searched samples.
    pub offset: usize,
    /// Cell id within the group.
    pub sector: u16,
    /// Normalised correlation power, 0..=1.
    pub power: f32,
}

/// A primary signal in time and frequency.
struct Replica {
    sector: u16,
    spectrum: Vec<Complex32>,
    signal: [Complex32; LENGTH],
}

/// Searches for synchronisation signals.
pub struct Searcher {
    numerology: Numerology,
    target: Target,
    replicas: Vec<Replica>,
    secondary: SecondarySignals,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    symbol_fft: Arc<dyn Fft<f32>>,
    scratch: Vec<Complex32>,
    spectrum: Vec<Complex32>,
    product: Vec<Complex32>,
    energy: Vec<f32>,
}

impl Searcher {
    /// A searcher with its buffers.
    pub fn new(numerology: Numerology, target: Target, planner: &mut FftPlanner<f32>) -> Self {
        let length = STRETCH * numerology.fft;
        let (forward, inverse) = (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
        let symbol_fft = planner.plan_fft_forward(numerology.fft);
        let zero = Complex32::default();
        let scratch = forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len());
        let sectors = match target {
            Target::Any => 0..SECTORS,
            Target::Cell(cell) => cell.sector()..cell.sector() + 1,
        };
        let symbol_inverse = planner.plan_fft_inverse(numerology.fft);
        let replicas = sectors.map(|sector| Replica::new(sector, &numerology, &*symbol_inverse, &*forward)).collect();
        Self {
            scratch: vec![zero; scratch.max(symbol_fft.get_inplace_scratch_len())],
            spectrum: vec![zero; length],
            product: vec![zero; length],
            energy: vec![0.0; length],
            secondary: SecondarySignals::default(),
            numerology,
            target,
            replicas,
            forward,
            inverse,
            symbol_fft,
        }
    }

    /// What it searches for.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Samples that one [`Self::peak`] looks at.
    pub fn window(&self) -> usize {
        self.spectrum.len()
    }

    /// Offsets that one [`Self::peak`] covers: the next window begins this much later.
    pub fn hop(&self) -> usize {
        self.window() - self.numerology.fft
    }

    /// The highest peak in a window of samples, if it is worth a look.
    pub fn peak(&mut self, samples: &[Complex32]) -> Option<Peak> {
        if samples.len() < self.window() {
            return None;
        }
        let hop = self.hop();
        self.measure_energy(samples);
        self.spectrum.copy_from_slice(&samples[..self.energy.len()]);
        self.forward.process_with_scratch(&mut self.spectrum, &mut self.scratch);
        let mut best: Option<Peak> = None;
        for replica in &self.replicas {
            for ((out, x), r) in self.product.iter_mut().zip(&self.spectrum).zip(&replica.spectrum) {
                *out = x * r;
            }
            self.inverse.process_with_scratch(&mut self.product, &mut self.scratch);
            for (offset, (c, energy)) in self.product[..hop].iter().zip(&self.energy).enumerate() {
                let power = c.norm_sqr() / energy.max(f32::MIN_POSITIVE);
                if power > best.map_or(THRESHOLD, |b| b.power) {
                    best = Some(Peak { offset, sector: replica.sector, power });
                }
            }
        }
        best
    }

    /// Energy of the `fft` samples from each offset on.
    fn measure_energy(&mut self, samples: &[Complex32]) {
        let fft = self.numerology.fft;
        let mut sum: f64 = samples[..fft].iter().map(|x| f64::from(x.norm_sqr())).sum();
        for offset in 0..self.energy.len() - fft {
            self.energy[offset] = sum as f32;
            sum = (sum + f64::from(samples[offset + fft].norm_sqr()) - f64::from(samples[offset].norm_sqr())).max(0.0);
        }
    }

    /// Carrier frequency offset of a subframe from its cyclic prefixes, cycles per sample, within half a subcarrier either way.
    pub fn cfo(&self, subframe: &[Complex32]) -> f32 {
        let n = &self.numerology;
        let mut sum = Complex32::default();
        for symbol in 1..SYMBOLS {
            let end = n.useful_start(symbol);
            // Its first sample may carry a little of the symbol before.
            let start = end - n.prefix(symbol) + 1;
            let (Some(prefix), Some(tail)) = (subframe.get(start..end), subframe.get(start + n.fft..end + n.fft)) else { continue };
            sum += prefix.iter().zip(tail).map(|(a, b)| b * a.conj()).sum::<Complex32>();
        }
        sum.arg() / (TAU * n.fft as f32)
    }

    /// The cell and whether it is the second half of the frame, from a subframe that carries a primary signal of `sector`.
    pub fn identify(&mut self, subframe: &[Complex32], sector: u16, cfo: f32) -> Option<(CellId, bool)> {
        let first = sync_signals::first_subcarrier(&self.numerology);
        let primary = self.replicas.iter().find(|r| r.sector == sector)?.signal;
        let mut channel = [Complex32::default(); LENGTH];
        self.symbol_spectrum(subframe, PSS_SYMBOL, cfo)?;
        for (n, (h, p)) in channel.iter_mut().zip(primary).enumerate() {
            *h = self.product[self.numerology.bin(first + n)] * p.conj();
        }
        self.symbol_spectrum(subframe, SSS_SYMBOL, cfo)?;
        let received: [f32; LENGTH] =
            std::array::from_fn(|n| (self.product[self.numerology.bin(first + n)] * channel[n].conj()).re);
        let groups = match self.target {
            Target::Any => 0..GROUPS,
            Target::Cell(cell) => cell.group()..cell.group() + 1,
        };
        let candidates =
            groups.filter_map(|group| CellId::from_parts(group, sector)).flat_map(|cell| [(cell, false), (cell, true)]);
        let score = |(cell, second): (CellId, bool)| -> f32 {
            self.secondary.sss(cell, second).iter().zip(&received).map(|(s, r)| f32::from(*s) * r).sum()
        };
        candidates.map(|c| (score(c), c)).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
    }

    /// Spectrum of a symbol into the first `fft` elements of `product`.
    fn symbol_spectrum(&mut self, subframe: &[Complex32], symbol: usize, cfo: f32) -> Option<()> {
        let start = self.numerology.useful_start(symbol);
        let samples = subframe.get(start..start + self.numerology.fft)?;
        let out = &mut self.product[..self.numerology.fft];
        for (n, (out, x)) in out.iter_mut().zip(samples).enumerate() {
            *out = x * Complex32::from_polar(1.0, -TAU * (cfo * (start + n) as f32).fract());
        }
        self.symbol_fft.process_with_scratch(out, &mut self.scratch);
        Some(())
    }
}

impl Replica {
    fn new(sector: u16, numerology: &Numerology, symbol_inverse: &dyn Fft<f32>, forward: &dyn Fft<f32>) -> Self {
        let signal = sync_signals::pss(sector);
        let first = sync_signals::first_subcarrier(numerology);
        let mut time = vec![Complex32::default(); numerology.fft];
        for (n, value) in signal.iter().enumerate() {
            time[numerology.bin(first + n)] = *value;
        }
        symbol_inverse.process(&mut time);
        let energy: f32 = time.iter().map(Complex32::norm_sqr).sum();
        let mut spectrum = time;
        spectrum.resize(forward.len(), Complex32::default());
        forward.process(&mut spectrum);
        // Unit energy, and the inverse transform's factor with it: the correlation's power is then relative to the window's energy.
        let scale = 1.0 / (energy.sqrt() * forward.len() as f32);
        spectrum.iter_mut().for_each(|x| *x = x.conj() * scale);
        Self { sector, spectrum, signal }
    }
}
