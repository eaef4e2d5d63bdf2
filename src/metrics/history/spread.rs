//! The spread of several values of one figure.

use serde::Serialize;

use crate::metrics::table::median;

/// Several values of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// How many.
    pub n: usize,
    /// Median; of an even number, the mean of the middle two.
    pub median: f64,
    /// 95th percentile by nearest rank: below 20 values it is the maximum.
    pub p95: f64,
    /// 99th percentile by nearest rank: below 100 values it is the maximum.
    pub p99: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// The spread of some values; `None` of none.
    pub fn from_values(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|v| v.is_finite());
        values.sort_by(f64::total_cmp);
        let n = values.len();
        let (min, max) = (*values.first()?, *values.last()?);
        let percentile = |percent: usize| values.get((n * percent).div_ceil(100).clamp(1, n) - 1).copied();
        let (p95, p99) = (percentile(95)?, percentile(99)?);
        Some(Self { n, median: median(values)?, p95, p99, min, max })
    }
}
