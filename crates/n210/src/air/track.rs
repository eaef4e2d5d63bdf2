//! What one transmitter sent lately.

use std::collections::VecDeque;

use super::split::Split;
use super::tuning::Tuning;
use crate::device::clock::Tick;
use n210_wire::Sample;

/// Samples of a transmitter that the air remembers: 10 ms at 25 Msps, more than any receive packet spans.
pub const MEMORY: usize = 1 << 18;

/// Pieces that it remembers: single samples in bursts of their own must not fill the machine.
const STRETCHES: usize = 1 << 14;

/// Samples that follow one another on one grid with one tuning.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Tick of its first sample.
    pub start: Tick,
    /// Number of that sample among all the transmitter ever sent.
    first: u64,
    /// Samples.
    pub count: u64,
    /// How the chain was set.
    pub tuning: Tuning,
}

impl Stretch {
    /// Tick after its last sample.
    pub fn end(&self) -> Tick {
        self.start.saturating_add(self.count.saturating_mul(u64::from(self.tuning.decimation)))
    }
}

/// The memory.
pub struct Track {
    samples: Vec<Sample>,
    sent: u64,
    stretches: VecDeque<Stretch>,
}

impl Track {
    /// Nothing was sent yet; memory is taken with the first sample.
    pub fn new() -> Self {
        // Made at the start: in the middle of a stream, a megabyte of new memory costs half a millisecond.
        Self { samples: vec![Sample::default(); MEMORY], sent: 0, stretches: VecDeque::new() }
    }

    /// Records samples that were sent, the first at tick `start`.
    pub fn record(&mut self, tuning: Tuning, start: Tick, samples: impl ExactSizeIterator<Item = Sample>) {
        let count = samples.len() as u64;
        let (mut at, mut samples) = (self.sent as usize % MEMORY, samples);
        // To the end of the memory, and on from its beginning.
        while samples.len() > 0 {
            self.samples[at..].iter_mut().zip(&mut samples).for_each(|(slot, sample)| *slot = sample);
            at = 0;
        }
        match self.stretches.back_mut() {
            Some(last) if last.tuning == tuning && last.end() == start => last.count += count,
            _ => self.stretches.push_back(Stretch { start, first: self.sent, count, tuning }),
        }
        self.sent += count;
        let oldest = self.oldest();
        while self.stretches.len() > STRETCHES || self.stretches.front().is_some_and(|old| old.first + old.count <= oldest) {
            self.stretches.pop_front();
        }
    }

    fn oldest(&self) -> u64 {
        self.sent.saturating_sub(MEMORY as u64)
    }

    /// Stretches of which something was sent after a tick, the latest first.
    pub fn after(&self, tick: Tick) -> impl Iterator<Item = &Stretch> {
        // In the order of time: from the back until one ends before the tick.
        self.stretches.iter().rev().take_while(move |stretch| stretch.end() > tick)
    }

    /// Number within the stretch of the first sample that is not forgotten yet.
    pub fn remembered(&self, stretch: &Stretch) -> u64 {
        self.oldest().saturating_sub(stretch.first)
    }

    /// Copies `length` samples from number `first` of the stretch on, zeros where it has none.
    pub fn copy(&self, stretch: &Stretch, first: i64, length: usize, to: &mut Split) {
        to.reset(length);
        let begin = self.remembered(stretch).cast_signed().clamp(first, first.saturating_add_unsigned(length as u64));
        let end = stretch.count.cast_signed().clamp(begin, first.saturating_add_unsigned(length as u64));
        // A scale beyond the host's drives the converter to its limits.
        let limit = 32_768.0 / stretch.tuning.gain.max(1.0);
        let from = stretch.first.wrapping_add_signed(begin) as usize % MEMORY;
        let count = (end - begin) as usize;
        let whole = count.min(MEMORY - from);
        let at = (begin - first) as usize;
        for (at, from) in [(at, from..from + whole), (at + whole, 0..count - whole)] {
            let slots = to.re[at..].iter_mut().zip(&mut to.im[at..]);
            for ((re, im), sample) in slots.zip(&self.samples[from]) {
                *re = f32::from(sample.re).clamp(-limit, limit);
                *im = f32::from(sample.im).clamp(-limit, limit);
            }
        }
    }
}
