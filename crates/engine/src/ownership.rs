//! Who owns a radio, who has reserved it, and who is there.

use std::collections::BTreeSet;
use std::time::Duration;

use config::{HostName, RadioName};
use serde::{Deserialize, Serialize};

/// What the owner of a radio is to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkState {
    /// Serve.
    Serving,
    /// Nothing: an operator has stopped the work.
    Stopped,
}

/// Who owns a radio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The owner.
    pub host: HostName,
    /// Under which epoch; each is given once.
    pub epoch: u64,
    /// What the owner is to do.
    pub state: WorkState,
    /// The highest epoch that was given or reported. Where it is above `epoch`, a reservation has taken it, or a host has reported it that may
    /// own the radio by right.
    pub highest: u64,
}

/// What the caller of a change believes of the owner. The change is refused as [`Error::Stale`] where it is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The radio has no owner.
    Nobody,
    /// It has one, under this epoch.
    Epoch(u64),
}

/// A radio that is reserved for a host: what its `commit` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The radio.
    pub radio: RadioName,
    /// Who is to own it.
    pub to: HostName,
    /// The epoch that `to` is to own it under. It is given to nobody else, whatever becomes of the reservation. A host that had to take the radio more
    /// than once sets the higher one that it has in the end, before the commit.
    pub epoch: u64,
    /// What tells it from every other reservation.
    pub id: String,
    /// How long it holds from when it was made.
    pub time: Duration,
    /// The owner before, as the change expects it.
    pub(crate) expected: Expected,
    /// Its lease.
    pub(crate) lease: i64,
    /// Revision of the radio's entry when it was reserved.
    pub(crate) radio_revision: i64,
}

/// A reservation as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The host whose agent made it.
    pub by: HostName,
    /// Who is to own the radio.
    pub to: HostName,
    /// Under which epoch.
    pub epoch: u64,
    /// What tells it from every other reservation.
    pub id: String,
    /// How long it still holds; absent: not asked for, as in a stream of changes, or just over.
    pub left: Option<Duration>,
}

/// Whether it means something that a member is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absences {
    /// This host's own lease has held for longer than any lease lasts: who is missing is gone, or cannot reach the store.
    Trusted,
    /// This host's own lease was broken, late or not there: after a lost quorum all leases are gone at once. For this long nothing can be said,
    /// and longer if it happens again.
    Distrusted(Duration),
}

/// Who is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// Those whose lease holds.
    pub present: BTreeSet<HostName>,
    /// What it means that another one is missing.
    pub absences: Absences,
}

impl Members {
    /// Whether that host is certainly not there.
    pub fn is_gone(&self, host: &HostName) -> bool {
        self.absences == Absences::Trusted && !self.present.contains(host)
    }
}
