//! What is known of a process that runs.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use workload::contract::Status;
use workload::keeper::Keeper;

/// A process that answers nothing for so long is told as one that does not answer: two polls.
const HUNG: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct RunningChild {
    pub(super) pid: u32,
    pub(super) since: Instant,
    /// Two connections to its contract socket: for questions that may take long, and for those that must not wait behind them.
    pub(super) keepers: Option<(Keeper, Keeper)>,
    pub(super) status: Status,
    /// When the first of the questions was asked that it has not answered.
    pub(super) unanswered_since: Option<Instant>,
    /// Number of changes told of otherwise than by an answer: of synchronisation, and that it was linked.
    pub(super) changes: u64,
    pub(super) end: mpsc::Sender<()>,
    /// Becomes `true` when the process has been reaped.
    pub(super) ended: watch::Receiver<bool>,
}

impl RunningChild {
    pub(super) fn new(pid: u32, since: Instant, end: mpsc::Sender<()>, ended: watch::Receiver<bool>) -> Self {
        Self { pid, since, keepers: None, status: Status::default(), unanswered_since: None, changes: 0, end, ended }
    }

    /// For how long it has answered nothing, where that is longer than a busy machine explains.
    pub(super) fn unanswered(&self) -> Option<Duration> {
        self.unanswered_since.map(|since| since.elapsed()).filter(|silence| *silence >= HUNG)
    }
}
