//! What is wrong with the work of a host that is to serve, as far as this host alone can tell.

use super::Work;
use protocol::{GuestState, ProcessState};

/// Why the work here cannot serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::agent) enum WorkFault {
    /// A process has ended by itself.
    Died,
    /// Neither process is there: nobody started them in this life of the agent, or a command has ended them.
    NotRunning,
    /// The cable to the radio is out.
    CableOut,
    /// A process does not answer.
    Hung,
    /// The USRP process has no link to the radio.
    NotLinked,
}

impl Work {
    /// What is wrong with the work here, if it is to serve.
    pub(in crate::agent) fn fault(&self) -> Option<WorkFault> {
        if let Some(guest) = self.guest_status() {
            return match guest.state {
                GuestState::Died => Some(WorkFault::Died),
                GuestState::Stopped => Some(WorkFault::NotRunning),
                _ => None,
            };
        }
        let processes = [&self.d2d, &self.usrp];
        if processes.iter().any(|process| process.has_died()) {
            return Some(WorkFault::Died);
        }
        if !processes.iter().any(|process| process.is_running()) {
            return Some(WorkFault::NotRunning);
        }
        if self.state().cable_out {
            return Some(WorkFault::CableOut);
        }
        if processes.iter().any(|process| process.status().unanswered_ms.is_some()) {
            return Some(WorkFault::Hung);
        }
        (self.usrp.status().state == ProcessState::Made).then_some(WorkFault::NotLinked)
    }
}
