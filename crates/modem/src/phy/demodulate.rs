//! From the samples of a subframe to its payload: FFT, channel estimate, equaliser, soft decisions, error correction.

use std::f32::consts::TAU;
use std::sync::Arc;

use num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::broadcast::Broadcast;
use super::cell::{Cell, KnownElement, PILOT_SPACING, PILOT_SYMBOLS, Subframe, pilot_symbols};
use super::channel::Estimator;
use super::code::Decoder;
use super::duplex::Use;
use super::modulation::Modulation;
use super::numerology::{Bandwidth, Numerology, Prefix, SUBFRAMES};

/// How well reference signals agree with those one slot later when somebody transmits. Noise alone gives about 0.2 at 1.4 MHz and less
/// above, a signal of 0 dB 0.5.
const PRESENT: f32 = 0.4;

/// Part of the signal's power that data elements must have to count as transmitted.
const FILLED: f32 = 0.3;

/// Part of the latest good blocks' power under which a signal that need not be there is noise that looks like one.
const FADED: f32 = 0.3;

/// What became of a subframe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SubframeOutcome {
    /// Nobody transmitted.
    Absent,
    /// Reference signals without data.
    Signals(Measured),
    /// Transmitted, but a CRC is wrong.
    Bad(Measured),
    /// The payload is in [`Demodulator::payload`].
    Good(Measured),
}

/// What a subframe tells about the channel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measured {
    /// Signal to noise ratio of the reference signals, linear.
    pub snr: f32,
    /// Power of the error vector relative to the signal's, after equalisation, where data was decoded.
    pub evm: f32,
    /// How much later than assumed the subframe begins, samples.
    pub late: f32,
    /// Carrier frequency offset that remains, cycles per sample.
    pub cfo: f32,
}

/// Demodulates subframes.
pub struct Demodulator {
    forward: Arc<dyn Fft<f32>>,
    scratch: Vec<Complex32>,
    symbol: Vec<Complex32>,
    numerology: Numerology,
    /// Takes out the phase ramp of the early window, by subcarrier.
    ramp: Vec<Complex32>,
    estimator: Estimator,
    grid: Vec<Complex32>,
    /// Symbols that are in the grid.
    transformed: Vec<bool>,
    /// Least-squares channel at the reference signals.
    pilots: Vec<Complex32>,
    channel: Vec<Complex32>,
    /// Inverse of the noise's power after equalisation, by subcarrier.
    quality: Vec<f32>,
    /// By what angle the channel turns within a slot.
    turn: f32,
    noise: f32,
    signal: f32,
    /// Power of the latest good blocks.
    level: f32,
    soft: Vec<f32>,
    decoder: Decoder,
    payload: Vec<u8>,
}

/// A subframe's samples and the frequency offset to take out of them, cycles per sample.
#[derive(Clone, Copy)]
struct ReceivedSubframe<'a> {
    samples: &'a [Complex32],
    cfo: f32,
}

impl Demodulator {
    /// A demodulator at the rate of a bandwidth.
    pub fn new(bandwidth: Bandwidth, planner: &mut FftPlanner<f32>) -> Self {
        let numerology = Numerology::middle(bandwidth, Prefix::Normal);
        let forward = planner.plan_fft_forward(numerology.fft());
        let zero = Complex32::default();
        let mut new = Self {
            scratch: vec![zero; forward.get_inplace_scratch_len()],
            symbol: vec![zero; forward.len()],
            forward,
            estimator: Estimator::new(numerology, 0),
            numerology,
            ramp: Vec::new(),
            grid: Vec::new(),
            transformed: Vec::new(),
            pilots: Vec::new(),
            channel: Vec::new(),
            quality: Vec::new(),
            turn: 0.0,
            noise: 0.0,
            signal: 0.0,
            level: 0.0,
            soft: Vec::new(),
            decoder: Decoder::default(),
            payload: Vec::new(),
        };
        new.set(numerology, 0);
        new
    }

    /// Makes room for a cell's numerology and comb of reference signals.
    fn set(&mut self, n: Numerology, shift: usize) {
        if !self.estimator.is_for(&n, shift) {
            self.estimator = Estimator::new(n, shift);
        }
        if self.ramp.is_empty() || self.numerology != n {
            let turn = |k: usize| TAU * ((n.bin(k) * early(&n)) % n.fft()) as f32 / n.fft() as f32;
            self.ramp = (0..n.subcarriers()).map(|k| Complex32::from_polar(1.0, turn(k))).collect();
            self.grid = vec![Complex32::default(); n.elements()];
            self.numerology = n;
        }
        self.transformed.clear();
        self.transformed.resize(n.symbols(), false);
    }

    /// Forgets how strong the signal was.
    pub fn forget(&mut self) {
        self.level = 0.0;
    }

    /// The payload of the last good subframe; it may be followed by zeros.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Demodulates one subframe 0..10 from its samples; `cfo` is taken out first, cycles per sample.
    pub fn subframe(&mut self, cell: &Cell, number: usize, samples: &[Complex32], cfo: f32) -> SubframeOutcome {
        let subframe = &cell.subframes[number % SUBFRAMES];
        let received = ReceivedSubframe { samples, cfo };
        if subframe.usage != Use::Data || !self.begin(cell, subframe, received) {
            return SubframeOutcome::Absent;
        }
        let mut measured = self.estimate();
        if !subframe.always_sent && self.signal < FADED * self.level {
            return SubframeOutcome::Absent;
        }
        let layout = &subframe.layout;
        self.payload.clear();
        let (mut block, mut used) = (0, 1);
        while block < used {
            let elements = &subframe.data[block * layout.elements..(block + 1) * layout.elements];
            self.transform_all(elements, received);
            if block == 0 && !self.filled(elements) {
                return SubframeOutcome::Signals(measured);
            }
            let error = self.soften(elements, layout.modulation);
            let mask = &subframe.scrambling()[block * layout.matching.coded_bits()..];
            descramble(&mut self.soft, mask);
            let Some(bytes) = self.decoder.decode(&layout.matching, &self.soft) else { return SubframeOutcome::Bad(measured) };
            if block == 0 {
                let Some((count, head)) = layout.open(bytes) else { return SubframeOutcome::Bad(measured) };
                used = count;
                measured.evm = error;
                self.payload.extend_from_slice(head);
            } else {
                self.payload.extend_from_slice(bytes);
            }
            block += 1;
        }
        self.level = if self.level > 0.0 { (self.level + self.signal) / 2.0 } else { self.signal };
        SubframeOutcome::Good(measured)
    }

    /// Soft decisions of every data element of a subframe that is known to be full: for measurements.
    #[cfg(any(test, feature = "bench"))]
    pub fn raw(&mut self, cell: &Cell, number: usize, samples: &[Complex32]) -> Option<&[f32]> {
        let (subframe, received) = (&cell.subframes[number], ReceivedSubframe { samples, cfo: 0.0 });
        if !self.begin(cell, subframe, received) {
            return None;
        }
        self.estimate();
        self.transform_all(&subframe.data, received);
        self.soften(&subframe.data, subframe.layout.modulation);
        Some(&self.soft)
    }

    /// The broadcast block of the subframe that carries it.
    pub fn broadcast(&mut self, cell: &Cell, samples: &[Complex32], cfo: f32) -> Option<(Broadcast, Measured)> {
        let (subframe, received) = (&cell.subframes[cell.broadcast_at], ReceivedSubframe { samples, cfo });
        if subframe.broadcast.is_empty() || !self.begin(cell, subframe, received) {
            return None;
        }
        let mut measured = self.estimate();
        self.transform_all(&subframe.broadcast, received);
        measured.evm = self.soften(&subframe.broadcast, Modulation::Qpsk);
        descramble(&mut self.soft, &cell.broadcast_scrambling);
        let bytes = self.decoder.decode(&cell.broadcast, &self.soft)?;
        Some((Broadcast::read(bytes)?, measured))
    }

    /// Reads the reference signals; whether somebody transmits.
    fn begin(&mut self, cell: &Cell, subframe: &Subframe, received: ReceivedSubframe<'_>) -> bool {
        let n = *cell.numerology();
        if received.samples.len() < n.subframe_samples() || n.fft() != self.forward.len() {
            return false;
        }
        self.set(n, usize::from(cell.id.number()) % PILOT_SPACING);
        let [first, second, third, fourth] = pilot_symbols(n.prefix);
        self.transform(first, received);
        self.transform(third, received);
        let count = subframe.pilots.len() / PILOT_SYMBOLS;
        self.pilots.clear();
        self.pilots.resize(subframe.pilots.len(), Complex32::default());
        self.read_row(0, &subframe.pilots[..count]);
        self.read_row(2, &subframe.pilots[2 * count..3 * count]);
        // Most subframes of a quiet link are empty, and this look is all they cost.
        if !subframe.always_sent && self.coherence(&[(0, 2)]) < PRESENT {
            return false;
        }
        self.transform(second, received);
        self.transform(fourth, received);
        self.read_row(1, &subframe.pilots[count..2 * count]);
        self.read_row(3, &subframe.pilots[3 * count..]);
        self.coherence(&[(0, 2), (1, 3)]) >= PRESENT
    }

    /// FFT of one symbol into the grid.
    fn transform(&mut self, symbol: usize, received: ReceivedSubframe<'_>) {
        if std::mem::replace(&mut self.transformed[symbol], true) {
            return;
        }
        let n = self.numerology;
        let start = n.useful_start(symbol) - early(&n);
        self.symbol.copy_from_slice(&received.samples[start..start + n.fft()]);
        mix(&mut self.symbol, received.cfo, start);
        self.forward.process_with_scratch(&mut self.symbol, &mut self.scratch);
        let (width, half) = (n.subcarriers(), n.subcarriers() / 2);
        let row = &mut self.grid[symbol * width..(symbol + 1) * width];
        row[half..].copy_from_slice(&self.symbol[1..=half]);
        row[..half].copy_from_slice(&self.symbol[n.fft() - half..]);
    }

    /// FFT of every symbol that holds one of these elements, which are in order.
    fn transform_all(&mut self, elements: &[u32], received: ReceivedSubframe<'_>) {
        let width = self.numerology.subcarriers();
        let (Some(first), Some(last)) = (elements.first(), elements.last()) else { return };
        for symbol in *first as usize / width..=*last as usize / width {
            self.transform(symbol, received);
        }
    }

    fn read_row(&mut self, row: usize, known: &[KnownElement]) {
        let width = self.numerology.subcarriers();
        let out = &mut self.pilots[row * known.len()..(row + 1) * known.len()];
        for (out, pilot) in out.iter_mut().zip(known) {
            let element = pilot.element as usize;
            *out = self.grid[element] * pilot.value.conj() * self.ramp[element % width];
        }
    }

    /// Reference signals of the n-th reference symbol of the subframe.
    fn row(&self, n: usize) -> &[Complex32] {
        let count = self.pilots.len() / PILOT_SYMBOLS;
        &self.pilots[n * count..(n + 1) * count]
    }

    /// Sum of the rows' products, each with its conjugate partner.
    fn product(&self, rows: &[(usize, usize)]) -> Complex32 {
        rows.iter().map(|(a, b)| self.row(*a).iter().zip(self.row(*b)).map(|(x, y)| y * x.conj()).sum::<Complex32>()).sum()
    }

    /// 1 when reference signals one slot apart agree, 0 when they are independent, however the channel depends on frequency.
    fn coherence(&self, rows: &[(usize, usize)]) -> f32 {
        let power = |n: &usize| self.row(*n).iter().map(Complex32::norm_sqr).sum::<f32>();
        let total: f32 = rows.iter().map(|(a, b)| power(a) + power(b)).sum();
        2.0 * self.product(rows).norm() / total.max(f32::MIN_POSITIVE)
    }

    /// Phase of a symbol against the first.
    fn phase(&self, symbol: usize) -> f32 {
        let samples = self.numerology.useful_start(symbol) - self.numerology.useful_start(0);
        self.turn * samples as f32 / self.numerology.slot_samples() as f32
    }

    /// Channel, noise and quality of every subcarrier from the reference signals.
    fn estimate(&mut self) -> Measured {
        let n = self.numerology;
        self.turn = self.product(&[(0, 2), (1, 3)]).arg();
        let count = self.pilots.len() / PILOT_SYMBOLS;
        for (row, symbol) in pilot_symbols(n.prefix).into_iter().enumerate() {
            let back = Complex32::from_polar(1.0, -self.phase(symbol));
            self.pilots[row * count..(row + 1) * count].iter_mut().for_each(|x| *x *= back);
        }
        // What differs between the slots is noise; what is common to them is signal with half of it.
        let (early, late) = self.pilots.split_at(2 * count);
        let differing: f32 = early.iter().zip(late).map(|(a, b)| (a - b).norm_sqr()).sum();
        let common: f32 = early.iter().zip(late).map(|(a, b)| (a + b).norm_sqr()).sum();
        let pairs = (2 * count).max(1) as f32;
        let power = (common / 4.0 - differing / 4.0) / pairs;
        self.noise = (differing / 2.0 / pairs).max(f32::MIN_POSITIVE);
        self.signal = power.max(self.noise * 1e-3);
        // A perfect reception has no noise: the ratio is then limited, and with it the soft decisions.
        self.noise = self.noise.max(self.signal * 1e-6);
        let snr = self.signal / self.noise;
        let slope = self.estimator.read(&self.pilots);
        let channel = self.estimator.estimate(slope, snr, &self.ramp);
        self.channel.clear();
        self.quality.clear();
        for h in channel {
            let power = h.norm_sqr().max(f32::MIN_POSITIVE);
            self.channel.push(h.conj() / power);
            self.quality.push(power / self.noise);
        }
        let late = -slope * n.fft() as f32 / TAU;
        Measured { snr, evm: 0.0, late, cfo: self.turn / (TAU * n.slot_samples() as f32) }
    }

    /// Whether data elements hold anything.
    fn filled(&self, elements: &[u32]) -> bool {
        let power: f32 = elements.iter().map(|e| self.grid[*e as usize].norm_sqr()).sum();
        power > (self.noise + FILLED * self.signal) * elements.len() as f32
    }

    /// Equalises elements, which are in order, and decides softly; returns the mean squared error relative to the signal.
    fn soften(&mut self, elements: &[u32], modulation: Modulation) -> f32 {
        let width = self.numerology.subcarriers();
        self.soft.clear();
        let (mut error, mut begin, mut end) = (0.0, 0, 0);
        let mut back = Complex32::default();
        for element in elements {
            let element = *element as usize;
            if element >= end {
                let symbol = element / width;
                (begin, end) = (symbol * width, (symbol + 1) * width);
                back = Complex32::from_polar(1.0, -self.phase(symbol));
            }
            let k = element - begin;
            let x = self.grid[element] * back * self.channel[k];
            error += modulation.error(x);
            modulation.soften(x, self.quality[k], &mut self.soft);
        }
        error / elements.len().max(1) as f32
    }
}

/// The FFT window begins this many samples before the useful part, in the middle of the prefix: echoes before and after the strongest
/// path then do no harm.
fn early(n: &Numerology) -> usize {
    n.prefix(1) / 2
}

/// Takes a frequency offset, cycles per sample, out of samples of which the first is number `start`.
pub fn mix(samples: &mut [Complex32], cfo: f32, start: usize) {
    if cfo == 0.0 {
        return;
    }
    let turned = |cycles: f32| Complex32::from_polar(1.0, -TAU * cycles.fract());
    // Four at a time: one alone would wait for itself.
    let mut phases: [Complex32; 4] = std::array::from_fn(|lane| turned(cfo * (start + lane) as f32));
    let step = turned(4.0 * cfo);
    for chunk in samples.chunks_mut(phases.len()) {
        chunk.iter_mut().zip(&phases).for_each(|(x, phase)| *x *= phase);
        phases.iter_mut().for_each(|phase| *phase *= step);
    }
}

fn descramble(soft: &mut [f32], mask: &[u8]) {
    // Without a branch: half of them would be guessed wrongly.
    soft.iter_mut().zip(mask).for_each(|(soft, bit)| *soft *= 1.0 - 2.0 * f32::from(*bit));
}
