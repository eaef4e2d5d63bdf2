//! The latest received samples with their times.

use num_complex::Complex32;

use workload::samples::Sample;

/// A stretch of samples without a gap, the newest last.
#[derive(Debug)]
pub struct SampleHistory {
    samples: Vec<Complex32>,
    /// Tick of the first sample.
    start: u64,
    ticks_per_sample: u64,
    /// Samples that are kept for certain.
    keep: usize,
}

/// How a block continued the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// Without a gap, or as the very first.
    Seamless,
    /// So many ticks are missing.
    Gap(u64),
    /// It begins before the end of what was received: the device clock was set back.
    Back,
}

impl SampleHistory {
    /// An empty history that always holds the latest `keep` samples.
    pub fn new(keep: usize, ticks_per_sample: u64) -> Self {
        Self { samples: Vec::with_capacity(4 * keep), start: 0, ticks_per_sample, keep }
    }

    /// Appends a block; after a gap only the block itself is held.
    pub fn append(&mut self, tick: u64, block: &[Sample]) -> Continuity {
        let end = self.end();
        let continuity = match tick {
            _ if self.samples.is_empty() => Continuity::Seamless,
            t if t == end => Continuity::Seamless,
            t if t > end => Continuity::Gap(t - end),
            _ => Continuity::Back,
        };
        if continuity != Continuity::Seamless || self.samples.is_empty() {
            self.samples.clear();
            self.start = tick;
        }
        if self.samples.len() + block.len() > self.samples.capacity() {
            let dropped = self.samples.len().saturating_sub(self.keep);
            self.samples.drain(..dropped);
            self.start += dropped as u64 * self.ticks_per_sample;
        }
        self.samples.extend(block.iter().map(|s| Complex32::new(f32::from(s.re), f32::from(s.im))));
        continuity
    }

    /// Tick behind the last sample.
    pub fn end(&self) -> u64 {
        self.start + self.samples.len() as u64 * self.ticks_per_sample
    }

    /// Tick of the first sample.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Tick of the sample nearest to `tick`, which must not lie before the first.
    pub fn nearest(&self, tick: u64) -> u64 {
        let index = (tick + self.ticks_per_sample / 2).saturating_sub(self.start) / self.ticks_per_sample;
        self.start + index * self.ticks_per_sample
    }

    /// `count` samples from the one nearest to `tick` on, if all are here.
    pub fn at(&self, tick: u64, count: usize) -> Option<&[Complex32]> {
        let half = self.ticks_per_sample / 2;
        let index = usize::try_from((tick + half).checked_sub(self.start)? / self.ticks_per_sample).ok()?;
        self.samples.get(index..index.checked_add(count)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(from: i16, count: i16) -> Vec<Sample> {
        (from..from + count).map(|n| Sample::new(n, 0)).collect()
    }

    #[test]
    fn samples_are_found_by_their_nearest_tick_until_they_are_forgotten() {
        let mut history = SampleHistory::new(10, 52);
        for n in 0..20i16 {
            assert_eq!(history.append(1000 + 52 * 5 * n as u64, &block(5 * n, 5)), Continuity::Seamless);
        }
        assert_eq!(history.end(), 1000 + 5200);
        let last = history.at(history.end() - 3 * 52 - 20, 3).unwrap();
        assert_eq!(last.iter().map(|x| x.re).collect::<Vec<_>>(), [97.0, 98.0, 99.0]);
        assert_eq!(history.at(1000, 1), None);
        assert_eq!(history.at(history.end(), 1), None);
        assert!(history.at(history.end() - 10 * 52, 10).is_some());
    }

    #[test]
    fn gaps_and_jumps_back_are_told() {
        let mut history = SampleHistory::new(10, 52);
        history.append(0, &block(0, 2));
        assert_eq!(history.append(208, &block(0, 2)), Continuity::Gap(104));
        assert_eq!(history.start(), 208);
        assert_eq!(history.append(52, &block(0, 2)), Continuity::Back);
        assert_eq!(history.end(), 156);
    }
}
