//! The half-band filters of the transmit chain, one strobe of the CIC filter after the other.
//!
//! The end of a burst clears the CIC filter behind them, and stops them where they are: what they hold comes out when the next burst begins.
//! A filter is a line of samples and a sum over it. Where sums take longer than a sample lasts, several are on their way, and the line is
//! tapped that much later; while a filter stands, they are completed, and the newest takes the place of all.

use std::collections::VecDeque;

use num_complex::Complex;

use crate::air::response::{FilterChain, LARGE, SMALL};
use crate::device::pipeline::{large_behind, small_behind};

/// Where the line is tapped, the sample is taken as it is; the other coefficients count in this.
const WHOLE: f32 = 131_072.0;

/// More strobes than anything stays in the filters.
const STROBES: usize = 128;

type Value = Complex<f32>;

struct HalfBand {
    /// Half of the coefficients, outermost first.
    half: &'static [f64],
    /// Newest first.
    line: VecDeque<Value>,
    /// Where the line is tapped.
    middle: usize,
    /// Sums on their way, oldest first.
    sums: VecDeque<Value>,
    output: Value,
}

impl HalfBand {
    fn new(half: &'static [f64], behind: usize) -> Self {
        let line = VecDeque::from(vec![Value::default(); 2 * half.len() + behind]);
        let sums = VecDeque::from(vec![Value::default(); behind + 1]);
        Self { half, line, middle: half.len() - 1 + behind, sums, output: Value::default() }
    }

    /// The output between two inputs.
    fn between(&mut self) {
        self.output = self.sums[0];
    }

    /// The output with an input.
    fn take(&mut self, input: Value) {
        self.output = self.line[self.middle];
        self.line.pop_back();
        self.line.push_front(input);
        let pair = |n: usize| self.line[n] + self.line[2 * self.half.len() - 1 - n];
        let sum = self.half.iter().enumerate().map(|(n, tap)| pair(n) * (*tap as f32 / WHOLE)).sum();
        self.sums.pop_front();
        self.sums.push_back(sum);
    }

    fn stand(&mut self) {
        let newest = self.sums[self.sums.len() - 1];
        self.sums.iter_mut().for_each(|sum| *sum = newest);
    }
}

struct HalfBands {
    small: Option<HalfBand>,
    large: Option<HalfBand>,
    /// Sample that the filters take next.
    held: Value,
    strobe: usize,
}

impl HalfBands {
    /// Filters of a chain, empty.
    fn new(chain: FilterChain) -> Self {
        Self {
            small: chain.small.then(|| HalfBand::new(&SMALL, small_behind(chain.cic))),
            large: chain.large.then(|| HalfBand::new(&LARGE, large_behind(chain.large_spacing()))),
            held: Value::default(),
            strobe: 0,
        }
    }

    /// What the CIC filter gets at the next strobe.
    fn next(&mut self) -> Value {
        self.strobe += 1;
        let first = self.large.as_ref().map_or(self.held, |large| large.output);
        let mut cic = first;
        let mut per_output = 1;
        if let Some(small) = &mut self.small {
            cic = small.output;
            per_output = 2;
            if self.strobe.is_multiple_of(2) {
                small.take(first);
            } else {
                small.between();
            }
        }
        if let Some(large) = &mut self.large {
            if self.strobe.is_multiple_of(2 * per_output) {
                large.take(self.held);
            } else if self.strobe.is_multiple_of(per_output) {
                large.between();
            }
        }
        cic
    }
}

/// What the CIC filter gets of earlier samples, strobe by strobe, when a burst of zeros begins after them; the newest sample is the last.
/// Nothing where there is nothing.
pub(super) fn remains(chain: FilterChain, taken: impl Iterator<Item = Value>) -> Vec<Value> {
    if !chain.small && !chain.large {
        return Vec::new();
    }
    let mut filters = HalfBands::new(chain);
    let strobes = 1 << (u8::from(chain.small) + u8::from(chain.large));
    for sample in taken {
        filters.held = sample;
        for _ in 0..strobes {
            filters.next();
        }
    }
    filters.held = Value::default();
    filters.strobe = 0;
    filters.small.iter_mut().chain(&mut filters.large).for_each(HalfBand::stand);
    let mut values: Vec<Value> = (0..STROBES).map(|_| filters.next()).collect();
    values.truncate(values.iter().rposition(|value| *value != Value::default()).map_or(0, |last| last + 1));
    values
}
