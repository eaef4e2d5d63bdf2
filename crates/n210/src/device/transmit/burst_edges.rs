//! What the device's filters do at the edges of a burst.
//!
//! When a burst ends, the CIC filter and what is in front of it stop at once: all that has not passed them is cut off. The half-band filters
//! keep what they hold, and it comes out at the beginning of the next burst. The air knows whole bursts alone. So the part of the filters'
//! response behind the cut is sent with the opposite sign, one sample a tick, and what half-band filters held, one sample a strobe of the CIC
//! filter, by a chain that has no other filter.

use std::collections::VecDeque;

use num_complex::Complex;

use super::half_bands;
use crate::air::response::FilterChain;
use crate::air::tuning::Tuning;
use crate::device::clock::Tick;
use crate::device::pipeline::TransmitPipeline;
use n210_wire::Sample;
use n210_wire::dsp::Direction;

/// Samples after which nothing of one is left in the filters.
const MEMORY: usize = 32;

/// Samples to put on the air, the first at a tick of the air, and how.
pub(super) struct Correction {
    pub(super) tuning: Tuning,
    pub(super) start: Tick,
    pub(super) samples: Vec<Sample>,
}

/// The filters' memory.
#[derive(Default)]
pub(super) struct BurstEdges {
    /// What the half-band filters took in before the burst, newest last.
    taken: VecDeque<Sample>,
    /// The last samples of the burst.
    burst: VecDeque<Sample>,
    /// What came out of the half-band filters when it began.
    remains: Option<Correction>,
    /// Of a rate register.
    impulse: (u32, Vec<f32>),
}

impl BurstEdges {
    /// A burst begins at a tick: what comes out of the half-band filters, if anything.
    pub(super) fn begin(&mut self, tuning: &Tuning, start: Tick, pipeline: &TransmitPipeline) -> Option<&Correction> {
        self.burst.clear();
        let chain = FilterChain::new(Direction::Transmit, tuning.words.1);
        let remains = half_bands::remains(chain, self.taken.iter().map(value));
        // The burst's first sample is behind the zero that stands in front of the filters while the transmitter is off.
        keep(&mut self.taken, std::iter::once(Sample::default()));
        let cic = tuning.words.1 & 0xFF;
        self.remains = (!remains.is_empty()).then(|| Correction {
            tuning: tuning.beside(cic, cic, tuning.gain),
            start: start + pipeline.remains + 5 * u64::from(cic),
            samples: remains.iter().map(|value| sample(*value)).collect(),
        });
        self.remains.as_ref()
    }

    /// Samples of the burst were sent.
    pub(super) fn sent(&mut self, samples: impl ExactSizeIterator<Item = Sample>) {
        keep(&mut self.burst, samples);
    }

    /// The burst ends at a tick; its last sample began at tick `last`. What is to be sent so that the rest is not, if anything is left.
    pub(super) fn end(&mut self, tuning: &Tuning, (end, last): (Tick, Tick), pipeline: &TransmitPipeline) -> Option<Correction> {
        let cut = end + pipeline.cut;
        let (word, step) = (tuning.words.1, u64::from(tuning.decimation));
        if self.impulse.0 != word {
            self.impulse = (word, impulse(word));
        }
        let mut tail = Vec::new();
        for (n, sample) in self.burst.iter().rev().enumerate() {
            let sent = (last + pipeline.sent).saturating_sub(n as u64 * step);
            add_behind(&mut tail, cut, sent, *sample, &self.impulse.1);
        }
        if let Some(remains) = self.remains.take() {
            let impulse = impulse(remains.tuning.words.1);
            for (n, sample) in remains.samples.iter().enumerate() {
                let sent = remains.start + n as u64 * u64::from(remains.tuning.decimation);
                add_behind(&mut tail, cut, sent, *sample, &impulse);
            }
        }
        // The last sample is still in front of the filters, and gone.
        self.burst.pop_back();
        keep(&mut self.taken, std::mem::take(&mut self.burst).into_iter());
        // Halved, so that what overshoots has room.
        let samples: Vec<Sample> = tail.iter().map(|value| sample(*value * -0.5)).collect();
        let tuning = tuning.beside(1, 1, tuning.gain * 2.0);
        (!samples.is_empty()).then_some(Correction { tuning, start: cut, samples })
    }
}

fn impulse(word: u32) -> Vec<f32> {
    FilterChain::new(Direction::Transmit, word).impulse().into_iter().map(|value| value as f32).collect()
}

/// Adds what a sample sent at a tick does from tick `cut` on.
fn add_behind(tail: &mut Vec<Complex<f32>>, cut: Tick, sent: Tick, sample: Sample, impulse: &[f32]) {
    let passed = cut.saturating_sub(sent) as usize;
    let at = sent.saturating_sub(cut) as usize;
    let Some(rest) = impulse.get(passed..).filter(|rest| !rest.is_empty() && sample != Sample::default()) else { return };
    tail.resize(tail.len().max(at + rest.len()), Complex::default());
    let value = value(&sample);
    tail[at..].iter_mut().zip(rest).for_each(|(slot, part)| *slot += value * part);
}

/// Appends samples, and forgets all but the last.
fn keep(memory: &mut VecDeque<Sample>, samples: impl ExactSizeIterator<Item = Sample>) {
    let beyond = samples.len().saturating_sub(MEMORY);
    memory.extend(samples.skip(beyond));
    memory.drain(..memory.len().saturating_sub(MEMORY));
}

fn value(sample: &Sample) -> Complex<f32> {
    Complex::new(f32::from(sample.re), f32::from(sample.im))
}

/// The nearest sample, at most full scale.
fn sample(value: Complex<f32>) -> Sample {
    Sample::new(value.re.round() as i16, value.im.round() as i16)
}
