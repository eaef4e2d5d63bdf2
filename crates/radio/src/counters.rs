//! Counters of the sample streams, written by the two stream threads and read by the contract's.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use protocol::StreamCounters;

/// The fields of [`StreamCounters`], to be added to from any thread. They only ever grow, and nothing is ordered by them.
#[derive(Debug, Default)]
pub struct Counters {
    /// Samples received.
    pub rx_samples: AtomicU64,
    /// Samples sent.
    pub tx_samples: AtomicU64,
    /// Samples missing, from the timestamps.
    pub rx_lost_samples: AtomicU64,
    /// Receive overflows.
    pub overflows: AtomicU64,
    /// Transmit underflows.
    pub underflows: AtomicU64,
    /// Transmit bursts that came too late.
    pub late: AtomicU64,
    /// Transmit sequence errors.
    pub sequence_errors: AtomicU64,
}

/// Adds to one of the counters.
pub fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Relaxed);
}

impl Counters {
    /// Their values now.
    pub fn snapshot(&self) -> StreamCounters {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        StreamCounters {
            rx_samples: read(&self.rx_samples),
            tx_samples: read(&self.tx_samples),
            rx_lost_samples: read(&self.rx_lost_samples),
            overflows: read(&self.overflows),
            underflows: read(&self.underflows),
            late: read(&self.late),
            sequence_errors: read(&self.sequence_errors),
        }
    }
}
