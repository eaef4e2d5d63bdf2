//! What is known of a process that runs.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use protocol::Method;
use workload::contract::Status;
use workload::keeper::Keeper;

/// A process that answers nothing for so long is told as one that does not answer: two polls.
const HUNG: Duration = Duration::from_millis(200);

/// Time between SIGTERM and SIGKILL, unless the program asks for more: stopping the stream takes some ms.
pub(super) const GRACE: Duration = Duration::from_millis(300);
/// The most that a program may ask for: whoever waits for its end or for its link has deadlines, too.
const LONGEST_END: Duration = Duration::from_secs(8);
const LONGEST_LINK: Duration = Duration::from_secs(25);

/// What a program moves by whose answers nobody can ask for: whatever ends it and starts it again.
const WITHOUT_CONTRACT: [Method; 2] = [Method::Classic, Method::Cold];

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

    /// By which methods its work can be moved, as far as that is known.
    pub(super) fn methods(&self) -> Option<Vec<Method>> {
        if self.keepers.is_none() {
            return Some(WITHOUT_CONTRACT.to_vec());
        }
        self.status.methods.clone()
    }

    /// How long it may take to end after SIGTERM.
    pub(super) fn grace(&self) -> Duration {
        self.status.end_within_ms.map_or(GRACE, |ms| Duration::from_millis(ms).clamp(GRACE, LONGEST_END))
    }

    /// How long it may take to link.
    pub(super) fn link_within(&self, usual: Duration) -> Duration {
        self.status.link_within_ms.map_or(usual, |ms| Duration::from_millis(ms).clamp(usual, LONGEST_LINK))
    }

    /// For how long it has answered nothing, where that is longer than a busy machine explains.
    pub(super) fn unanswered(&self) -> Option<Duration> {
        self.unanswered_since.map(|since| since.elapsed()).filter(|silence| *silence >= HUNG)
    }
}
