//! Whether this host takes on the work of a radio: a host that an operator has drained does not, until he says so, whatever is restarted meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::host::HostHandle;
use protocol::{ErrorCode, Failure, Level, Order, OrderRequest};

/// The file that outlives an agent.
const FILE: &str = "drained";

/// The mark of a drained host.
pub(super) struct Drained {
    host: Arc<HostHandle>,
    drained: AtomicBool,
}

impl Drained {
    /// As it was before a restart.
    pub(super) fn load(host: &Arc<HostHandle>) -> Self {
        Self { host: Arc::clone(host), drained: AtomicBool::new(host.read_state(FILE).unwrap_or(false)) }
    }

    /// Whether it takes on nothing.
    pub(super) fn is_set(&self) -> bool {
        self.drained.load(Ordering::Acquire)
    }

    /// From now on it takes on nothing, or does again. What serves here goes on.
    pub(super) fn set(&self, drained: bool) {
        if self.drained.swap(drained, Ordering::AcqRel) == drained {
            return;
        }
        let host = &self.host;
        if drained {
            host.write_state(FILE, &true)
        } else {
            host.remove_state(FILE)
        }
        let text = if drained { "is drained: it takes on no work" } else { "is drained no longer" };
        host.event(Level::Info, format!("{} {text}", host.name));
        host.notify_change();
    }

    /// Refuses an order that brings work here.
    ///
    /// # Errors
    /// [`ErrorCode::State`] on a drained host.
    pub(super) fn admit(&self, request: &OrderRequest) -> Result<(), Failure> {
        let brings_work = !matches!(request.order, Order::KL | Order::KR);
        if brings_work && self.is_set() && !request.force { Err(self.failure()) } else { Ok(()) }
    }

    /// Why nothing is taken on.
    pub(super) fn failure(&self) -> Failure {
        let name = &self.host.name;
        Failure::new(ErrorCode::State, format!("{name} is drained: it takes on no work"))
            .hint(format!("`baton pool undrain {name}` ends that; --force overrides it once"))
    }
}
