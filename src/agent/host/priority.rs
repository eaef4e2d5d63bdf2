//! While a cut is near or under way, the agent's thread goes ahead of ordinary processes and keeps telemetry for later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use workload::realtime::{Rank, ordinary, real_time};

/// The scheduling priority of the agent's thread.
#[derive(Debug, Clone, Default)]
pub(in crate::agent) struct Priority {
    /// Odd while the priority is raised; grows with every change.
    turn: Arc<AtomicU32>,
}

impl Priority {
    /// Raises it for at most this long from now, whatever an earlier call said. Must be called on the agent's own thread, within its runtime.
    pub(in crate::agent) fn raise_for(&self, most: Duration) {
        // Without the right to raise it, the cut takes as long as it takes.
        let _ = real_time(Rank::Modem);
        let turn = (self.turn.load(Ordering::Relaxed) | 1).wrapping_add(2);
        self.turn.store(turn, Ordering::Relaxed);
        let shared = Arc::clone(&self.turn);
        tokio::spawn(async move {
            sleep(most).await;
            // Unless a later call has set a new end.
            if shared.compare_exchange(turn, turn.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                let _ = ordinary();
            }
        });
    }

    /// Whether it is raised now.
    pub(in crate::agent) fn is_raised(&self) -> bool {
        self.turn.load(Ordering::Relaxed) % 2 == 1
    }
}
