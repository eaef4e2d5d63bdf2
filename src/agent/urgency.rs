//! While a cut is near or under way, the agent's thread goes ahead of ordinary processes and keeps telemetry for later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use workload::realtime::{Rank, ordinary, real_time};

/// Whether there is a hurry.
#[derive(Debug, Clone, Default)]
pub struct Urgency {
    /// Odd while there is.
    turn: Arc<AtomicU32>,
}

impl Urgency {
    /// Begins one, or bounds one that there is: it ends after this long by itself. On the agent's own thread, within its runtime.
    pub fn hurry(&self, most: Duration) {
        // Without the right to, things take as long as they take.
        let _ = real_time(Rank::Modem);
        let turn = (self.turn.load(Ordering::Relaxed) | 1).wrapping_add(2);
        self.turn.store(turn, Ordering::Relaxed);
        let shared = Arc::clone(&self.turn);
        tokio::spawn(async move {
            sleep(most).await;
            // Unless it has been bounded anew.
            if shared.compare_exchange(turn, turn.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                let _ = ordinary();
            }
        });
    }

    /// Whether there is a hurry.
    pub fn is(&self) -> bool {
        self.turn.load(Ordering::Relaxed) % 2 == 1
    }
}
