//! The order that is under way here, for those who decide on it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::migration::Decision;

/// The order under way here, as those see it who decide on it.
#[derive(Debug, Clone)]
pub(super) struct OrderControl {
    pub(super) run: String,
    pub(super) holds: bool,
    pub(super) decision: Arc<watch::Sender<Decision>>,
    /// When whoever asked for the hold was last heard.
    pub(super) heard: Arc<watch::Sender<Instant>>,
}

impl OrderControl {
    /// An order that nobody has decided on, and where its driver hears what is decided.
    pub(super) fn new(run: &str, holds: bool) -> (Self, watch::Receiver<Decision>) {
        let (decision, decided) = watch::channel(Decision::None);
        let heard = Arc::new(watch::Sender::new(Instant::now()));
        (Self { run: run.to_owned(), holds, decision: Arc::new(decision), heard }, decided)
    }

    /// Whatever was decided before: what is decided on no longer exists.
    pub(super) fn override_with(&self, decision: Decision) {
        self.decision.send_replace(decision);
    }

    /// Decides, unless somebody has; whether it was decided so.
    pub(super) fn decide(&self, decision: Decision) -> bool {
        self.decision.send_if_modified(|now| {
            let first = *now == Decision::None;
            if first {
                *now = decision;
            }
            first
        })
    }
}
