//! The verdict where the work is a virtual machine: the far end's pings, and the process that runs the guest.

use super::Cause;
use protocol::{GuestState, GuestStatus, Telemetry};

/// Why the guest certainly does not serve. While it moves, what the two hosts say of it may be older than the order's word: there only its end is
/// certain.
pub(super) fn certain(status: &Telemetry, guest: &GuestStatus, moves: bool) -> Option<Cause> {
    let host = || status.host.clone();
    match guest.state {
        GuestState::Died => Some(Cause::GuestDied { host: host() }),
        GuestState::Stopped => Some(Cause::NotRunning),
        _ if moves => None,
        _ if guest.damage.is_some() => Some(Cause::GuestDamaged { host: host() }),
        GuestState::Incoming | GuestState::Paused => Some(Cause::GuestStill { host: host() }),
        GuestState::Starting | GuestState::Running => None,
    }
}

/// Why the far end is not answered although the guest runs.
pub(super) fn likely(status: &Telemetry) -> Cause {
    Cause::GuestSilent { host: status.host.clone() }
}

/// Whether its QEMU has ended by itself.
pub(super) fn has_died(status: &Telemetry) -> bool {
    status.guest.as_ref().is_some_and(|guest| guest.state == GuestState::Died)
}
