//! The ICMP probe of the far end.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::state::Agent;
use crate::metrics::probe::Prober;
use protocol::{ErrorCode, Failure};

/// The arguments of `probe_start`.
///
/// # Errors
/// [`ErrorCode::BadRequest`].
pub(super) fn parse_probe(target: &str, interval_ms: f64) -> Result<(Ipv4Addr, Duration), Failure> {
    let address = target.parse().map_err(|_| {
        Failure::new(ErrorCode::BadRequest, format!("\"{target}\" is not an IPv4 address")).hint("write it like 192.168.40.9")
    })?;
    let interval = Duration::try_from_secs_f64(interval_ms / 1e3)
        .map_err(|_| Failure::new(ErrorCode::BadRequest, format!("{interval_ms} ms is no interval")))?;
    Ok((address, interval))
}

impl Agent {
    /// Starts the probe, or changes its target or interval.
    ///
    /// # Errors
    /// Those of the socket.
    pub(super) fn start_probe(&self, target: Ipv4Addr, interval: Duration) -> Result<(), Failure> {
        let counted = self.counted.clone();
        let probe = Prober::start(target, interval, move |after| counted.answered(after))?;
        self.state().probe = Some(probe);
        self.host.notify_change();
        Ok(())
    }

    pub(super) fn stop_probe(&self) {
        self.state().probe = None;
        self.host.notify_change();
    }

    /// Asks the running probe.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when none runs.
    pub(super) fn ask_probe<T>(&self, question: impl FnOnce(&Prober) -> T) -> Result<T, Failure> {
        let state = self.state();
        let probe = state.probe.as_ref().ok_or_else(|| {
            Failure::new(ErrorCode::State, format!("no probe runs on {}", self.host.name)).hint("start it with probe_start")
        })?;
        Ok(question(probe))
    }
}
