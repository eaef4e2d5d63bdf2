//! What a radio's chains do, for status reports.

use super::Device;
use n210_wire::TICKS_PER_SECOND;

/// What a chain does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// It streams, or plays a burst.
    pub runs: bool,
    /// Ticks per sample.
    pub decimation: u32,
    /// Samples since power-up.
    pub samples: u64,
}

impl Activity {
    /// Samples per second.
    pub fn rate(&self) -> f64 {
        TICKS_PER_SECOND as f64 / f64::from(self.decimation.max(1))
    }
}

impl Device {
    /// What the chains do, by name.
    pub fn activities(&self) -> [(&'static str, Activity); 3] {
        let [first, second] = &self.rx;
        [("rx0", first.activity()), ("rx1", second.activity()), ("tx", self.tx.activity())]
    }
}
