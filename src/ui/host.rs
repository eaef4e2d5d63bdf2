//! What the console knows of one host.

use super::msg::LinkState;
use crate::protocol::{StreamCounters, Telemetry};

/// What is known of one host.
#[derive(Debug, Clone)]
pub struct HostView {
    /// Link to its agent.
    pub link: LinkState,
    /// Last snapshot.
    pub telemetry: Option<Box<Telemetry>>,
    /// When it arrived, ms since the console started.
    pub heard_ms: Option<u64>,
    /// The log says that it is not heard.
    pub down_said: bool,
    /// Telemetry messages that never arrived.
    pub missed: u64,
    /// Samples per second of the USRP process, received and sent, between the last two snapshots.
    pub sample_rates: Option<[f64; 2]>,
}

impl Default for HostView {
    fn default() -> Self {
        Self { link: LinkState::Connecting, telemetry: None, heard_ms: None, down_said: false, missed: 0, sample_rates: None }
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
