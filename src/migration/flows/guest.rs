//! The flows of a work that is a virtual machine.
//!
//! QEMU copies the guest's memory while it runs, stops it, copies the rest and goes on at the other end. Until the destination runs it, the source can
//! go on: it is told to only once the destination's QEMU has ended. The destination starts to run it by itself, so that a source whose guest has gone
//! is never told to go on for want of an answer.

use super::super::flow::Side::*;
use super::super::flow::StepCommand::*;
use super::super::flow::{Flow, Return, Step, Undo, When, step};
use protocol::PhaseName as P;

const MOVE_CHECKS: &[Step] = &[step(Source, RequireAtWork), step(Destination, RequireReady)];

/// The guest still runs at the source, or does so again once QEMU has given up.
const GIVE_UP: &[Undo] = &[(Source, CancelGuest), (Destination, DoubleKill)];

/// The destination's QEMU ends before the source goes on.
const BACK: &[Undo] = &[(Destination, DoubleKill), (Source, Resume)];

/// A guest that still waits at the source goes on there.
const GO_ON: Return = Return { at: Source, steps: &[step(Source, Resume).timed(&[P::Switchover]).when(When::GuestWaits)] };

/// A new guest: what the old one knew is gone.
const RESTART: Return = Return {
    at: Source,
    steps: &[step(Source, DoubleKill).timed(&[P::StopSource]), step(Source, StartGuest).timed(&[P::GuestStart])],
};

/// The same at the destination, for a source that cannot serve any more.
const RESTART_THERE: Return = Return {
    at: Destination,
    steps: &[step(Destination, DoubleKill).timed(&[P::StopSource]), step(Destination, StartGuest).timed(&[P::GuestStart])],
};

/// Either way by QEMU's live migration. A hold goes before the copy: a guest that was copied and waits stands still.
pub const VM: Flow = Flow {
    checks: MOVE_CHECKS,
    steps: &[
        step(Destination, PrepareGuest).timed(&[P::GuestStart]).unanswered(&[(Destination, DoubleKill)]),
        step(Source, MigrateGuest).timed(&[P::Precopy]).undo(&[(Destination, DoubleKill)]).unanswered(GIVE_UP),
        step(Source, AwaitGuestStopped).timed(&[P::Precopy]).undo(GIVE_UP),
        step(Source, AwaitGuestGone).timed(&[P::Switchover]).undo(BACK),
        step(Destination, ConfirmGuest).timed(&[P::Switchover]).undo(BACK),
        step(Source, AwaitGuestCompleted).timed(&[P::Postcopy]).undo(BACK).when(When::Postcopy),
    ],
    afterwards: &[step(Source, DoubleKill).or_warn()],
    returns: &[GO_ON, RESTART, RESTART_THERE, RESTART],
};

/// A start on either host.
pub const START: Flow = Flow {
    checks: &[step(Destination, RequireFree), step(Other, RequireParked)],
    steps: &[step(Destination, StartGuest).unanswered(&[(Destination, DoubleKill)])],
    afterwards: &[],
    returns: &[],
};

/// A start on either host, whatever is left of the guest on both.
pub const RECOVER: Flow = Flow {
    checks: &[step(Other, RequireEndable), step(Destination, RequireRecoverable)],
    steps: &[
        step(Other, DoubleKill).when(When::OtherAnswers),
        step(Destination, FenceSource).when(When::OtherSilent),
        step(Destination, DoubleKill),
        step(Destination, StartGuest).unanswered(&[(Destination, DoubleKill)]),
    ],
    afterwards: &[],
    returns: &[],
};

/// From a host that no longer answers: a new guest.
pub const FAILOVER: Flow = Flow {
    checks: &[step(Source, RequireSilent), step(Destination, RequireReadyAlone)],
    steps: &[
        step(Destination, FenceSource),
        step(Destination, StartGuest).timed(&[P::GuestStart]).unanswered(&[(Destination, DoubleKill)]),
    ],
    afterwards: &[],
    returns: &[],
};
