//! What took how long within a cut, on this host's clock.

use tokio::time::Instant;

use protocol::TracePart;
use workload::clock::monotonic_us;

/// Milliseconds since then.
pub(super) fn elapsed_ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Times the parts of a cut.
pub(super) struct Trace {
    host: String,
    pub(super) parts: Vec<TracePart>,
}

impl Trace {
    pub(super) fn on_host(host: &str) -> Self {
        Self { host: host.to_owned(), parts: Vec::new() }
    }

    pub(super) async fn time<T>(&mut self, part: &str, work: impl Future<Output = T>) -> T {
        let began = monotonic_us();
        let result = work.await;
        self.add(part, began, monotonic_us());
        result
    }

    pub(super) fn add(&mut self, part: &str, at_us: u64, until_us: u64) {
        let us = until_us.saturating_sub(at_us);
        self.parts.push(TracePart { host: self.host.clone(), part: part.to_owned(), at_us, us });
    }
}
