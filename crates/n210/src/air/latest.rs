//! What a radio received last. Its other chain, where it is set alike and takes its samples at the same ticks, receives the same, turned by a
//! constant phase: nothing is computed twice while a host receives beside another one.

use super::split::Split;
use super::tuning::Tuning;
use super::turn;
use crate::device::clock::Tick;

/// The latest samples, before the converter.
#[derive(Debug, Default)]
pub struct Latest {
    tuning: Option<Tuning>,
    start: Tick,
    samples: Split,
}

impl Latest {
    /// What is received has changed.
    pub fn forget(&mut self) {
        self.tuning = None;
    }

    /// Keeps samples, the first received at tick `start`.
    pub fn keep(&mut self, tuning: &Tuning, start: Tick, samples: &Split) {
        (self.tuning, self.start) = (Some(*tuning), start);
        self.samples.re.clone_from(&samples.re);
        self.samples.im.clone_from(&samples.im);
    }

    /// Puts those from tick `start` on, at most so many, into `out` as a chain with this tuning receives them.
    pub fn copy(&self, tuning: &Tuning, start: Tick, most: usize, out: &mut Split) {
        out.reset(0);
        let Some(known) = self.tuning.filter(|known| is_alike(known, tuning)) else { return };
        let (since, step) = (start.wrapping_sub(self.start), u64::from(tuning.decimation));
        let first = usize::try_from(since / step).unwrap_or(usize::MAX);
        if start < self.start || !since.is_multiple_of(step) || first >= self.samples.re.len() {
            return;
        }
        let range = first..self.samples.re.len().min(first.saturating_add(most));
        let phase = tuning.phase_at_power_up().wrapping_sub(known.phase_at_power_up());
        let by = turn::phasor(turn::turns_from_word(phase));
        let (c, s) = (by.re as f32, by.im as f32);
        let rows = || self.samples.re[range.clone()].iter().zip(&self.samples.im[range.clone()]);
        out.re.extend(rows().map(|(re, im)| re * c - im * s));
        out.im.extend(rows().map(|(re, im)| re * s + im * c));
    }
}

/// Whether two chains of a radio differ in nothing but when they began.
fn is_alike(one: &Tuning, other: &Tuning) -> bool {
    let mut begun = *one;
    (begun.since, begun.started) = (other.since, other.started);
    begun == *other
}

#[cfg(test)]
mod tests {
    use super::super::tones::rx;
    use super::*;
    use num_complex::Complex;

    #[test]
    fn a_chain_that_is_set_alike_gets_what_is_known_and_no_other() {
        let mut latest = Latest::default();
        let (tuning, mut samples, mut out) = (rx(16, 1 << 30), Split::default(), Split::default());
        samples.fill(363, Complex::new(3.0, 0.0));
        let mut known = |latest: &Latest, tuning: &Tuning, start: Tick, most: usize| {
            latest.copy(tuning, start, most, &mut out);
            (out.re.len(), out.re.first().copied().unwrap_or_default().round(), out.im.first().copied().unwrap_or_default().round())
        };
        assert_eq!(known(&latest, &tuning, 5_000, 363).0, 0);
        latest.keep(&tuning, 5_000, &samples);
        assert_eq!(known(&latest, &tuning, 5_000, 363), (363, 3.0, 0.0));
        assert_eq!(known(&latest, &tuning, 5_000 + 16 * 300, 363), (63, 3.0, 0.0));
        assert_eq!(known(&latest, &tuning, 5_000 + 16 * 300, 7).0, 7);
        // It began a tick later, and its oscillator turns by a quarter in each: it lags.
        let mut later = tuning;
        later.start(1, 1);
        assert_eq!(known(&latest, &later, 5_016, 363), (362, 0.0, -3.0));
        let (mut retuned, mut louder) = (tuning, tuning);
        retuned.set_frequency(1, 0);
        louder.set_front(super::super::tuning::FrontEnd { gain: 2.0, ..tuning.front });
        for (tuning, start) in [
            (tuning, 5_008),
            (tuning, 4_984),
            (tuning, 5_000 + 16 * 363),
            (rx(8, 1 << 30), 5_000),
            (retuned, 5_000),
            (louder, 5_000),
        ] {
            assert_eq!(known(&latest, &tuning, start, 363).0, 0, "{start}");
        }
        latest.forget();
        assert_eq!(known(&latest, &tuning, 5_000, 363).0, 0);
    }
}
