//! What the console knows of one host.

use std::collections::VecDeque;

use super::msg::LinkState;
use protocol::{HostLoad, StreamCounters, Telemetry};

/// Length of a load's history, s: enough for one look, and memory stays bounded.
pub const HISTORY_S: u64 = 60;

/// Load of a host in one second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadSample {
    /// Since the console started.
    second: u64,
    /// Percent of all cores.
    pub cpu: f64,
    /// Percent of the machine's memory.
    pub memory: f64,
    /// Received and sent, bytes per second.
    pub network: f64,
}

/// The load of the last minute, a sample a second; seconds in which nothing was heard have none.
#[derive(Debug, Clone, Default)]
pub struct LoadHistory(VecDeque<LoadSample>);

impl LoadHistory {
    /// Keeps a load; the first of a second is kept.
    pub fn record(&mut self, now_ms: u64, load: &HostLoad) {
        let second = now_ms / 1000;
        if self.0.back().is_some_and(|last| last.second == second) {
            return;
        }
        self.0.retain(|sample| sample.second + HISTORY_S > second && sample.second < second);
        let memory = if load.memory_total > 0 { 100.0 * load.memory_used as f64 / load.memory_total as f64 } else { 0.0 };
        let network = load.rx_bytes_per_s.saturating_add(load.tx_bytes_per_s) as f64;
        self.0.push_back(LoadSample { second, cpu: f64::from(load.cpu_percent), memory, network });
    }

    /// A figure over the last minute in so many cells, oldest first: the mean of each cell's seconds, nothing where nothing was heard.
    pub fn cells(&self, now_ms: u64, cells: usize, figure: fn(&LoadSample) -> f64) -> Vec<Option<f64>> {
        let (now, count) = (now_ms / 1000, cells as u64);
        let mut sums = vec![(0.0, 0_u32); cells];
        for sample in self.0.iter().filter(|sample| sample.second <= now && sample.second + HISTORY_S > now) {
            // Below `cells`: the age is below the length of the history.
            let at = (HISTORY_S - 1 - (now - sample.second)) * count / HISTORY_S;
            if let Some((sum, n)) = sums.get_mut(at as usize) {
                *sum += figure(sample);
                *n += 1;
            }
        }
        sums.into_iter().map(|(sum, n)| (n > 0).then(|| sum / f64::from(n))).collect()
    }

    /// The highest value of a figure.
    pub fn highest(&self, figure: fn(&LoadSample) -> f64) -> f64 {
        self.0.iter().map(figure).fold(0.0, f64::max)
    }
}

/// What is known of one host.
#[derive(Debug, Clone)]
pub struct HostView {
    /// Link to its agent.
    pub link: LinkState,
    /// Last snapshot.
    pub telemetry: Option<Box<Telemetry>>,
    /// The order in it is over by its answer, which has overtaken the snapshots: what it says of processes is from before that.
    pub overtaken: bool,
    /// When it arrived, ms since the console started.
    pub heard_ms: Option<u64>,
    /// The log already reports that it is not heard.
    pub reported_down: bool,
    /// What it has said before this connection was asked for.
    pub remembers: bool,
    /// Telemetry messages that never arrived.
    pub missed: u64,
    /// Samples per second of the USRP process, received and sent, between the last two snapshots.
    pub sample_rates: Option<[f64; 2]>,
    /// Its load over the last minute.
    pub history: LoadHistory,
}

impl Default for HostView {
    fn default() -> Self {
        Self {
            link: LinkState::Connecting,
            telemetry: None,
            overtaken: false,
            heard_ms: None,
            reported_down: false,
            remembers: false,
            missed: 0,
            sample_rates: None,
            history: LoadHistory::default(),
        }
    }
}

/// Samples per second between two snapshots of the same process.
pub fn sample_rates(before: &Telemetry, after: &Telemetry) -> Option<[f64; 2]> {
    let seconds = (after.at - before.at).num_microseconds()? as f64 / 1e6;
    let (old, new): (StreamCounters, StreamCounters) = (before.usrp.counters?, after.usrp.counters?);
    let same = before.usrp.pid == after.usrp.pid && seconds > 0.0;
    let rate = |a: u64, b: u64| b.checked_sub(a).map(|n| n as f64 / seconds);
    same.then_some([rate(old.rx_samples, new.rx_samples)?, rate(old.tx_samples, new.tx_samples)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_keeps_a_minute_and_its_gaps() {
        let mut history = LoadHistory::default();
        let load = |cpu_percent| HostLoad { cpu_percent, memory_used: 1, memory_total: 4, ..HostLoad::default() };
        for second in (0..200_u64).filter(|second| !(150..160).contains(second)) {
            history.record(second * 1000, &load(second as f32));
            history.record(second * 1000 + 500, &load(1e9));
        }
        assert!(history.0.len() <= HISTORY_S as usize);
        let cells = history.cells(199_000, 6, |sample| sample.cpu);
        assert_eq!(cells, [Some(144.5), None, Some(164.5), Some(174.5), Some(184.5), Some(194.5)]);
        assert_eq!(history.cells(199_000, 6, |sample| sample.memory)[5], Some(25.0));
        assert_eq!(history.highest(|sample| sample.cpu), 199.0);
        // Silence moves out of sight.
        assert_eq!(history.cells(229_000, 2, |sample| sample.cpu), [Some(184.5), None]);
        assert_eq!(history.cells(500_000, 3, |sample| sample.cpu), [None; 3]);
        assert!(history.cells(199_000, 0, |sample| sample.cpu).is_empty());
    }
}
