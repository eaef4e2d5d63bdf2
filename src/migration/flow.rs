//! What a flow is made of.

pub use super::facts::{
    CONFIRM_DEADLINE, FROZEN, Facts, LEASE, MARGIN, POD_LEASE, POD_TAKE_OVER_WITHIN, SYNC_DEADLINE, TAKE_OVER_WITHIN,
};
pub use super::step_command::{StepCommand, deadline};
use protocol::PhaseName;

/// A host by its part in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where the work is when a migration begins.
    Source,
    /// Where the work goes; for orders that move nothing, the host concerned.
    Destination,
    /// The other host of the pool, for orders that move nothing.
    Other,
}

/// A clean-up command: who is asked for what.
pub type Undo = (Side, StepCommand);

/// What the failure of a step means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureIs {
    /// The order ends: clean up and report.
    Fatal,
    /// The order goes on and the record says what went wrong.
    Warning,
}

/// When a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Where the source carries routes (relay scenario).
    Relay,
    /// Of a return: the host's D2D process does not run.
    D2dLacks,
    /// The same, and the work carries routes.
    RelayLacks,
    /// Of a return: the host has no USRP entity.
    UsrpLacks,
    /// Of a return: the host's USRP process is not linked.
    LinkLacks,
    /// Of a return: the USRP process is linked, but eth3 does not point at the radio.
    PortLacks,
    /// Of a return: a freeze could not be ended in order, and both processes go on by themselves once the radio lets them.
    Unresumed,
    /// Of a return: the source did not answer the last change that it was asked for, so that it may have done it, or may still.
    Unanswered,
    /// Of a return: the host has a guest that stands still.
    GuestWaits,
    /// Where the rest of a guest's memory is fetched afterwards.
    Postcopy,
    /// Of a recovery: the other host answers.
    OtherAnswers,
    /// Of a recovery: the other host does not answer.
    OtherSilent,
    /// Of a recovery: the address of the work's tun is known.
    TunKnown,
}

/// One step of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Who is asked.
    pub at: Side,
    /// For what.
    pub ask: StepCommand,
    /// Phases that its time counts under; where there are several, the answer tells how to divide it and the last takes the rest.
    pub phases: &'static [PhaseName],
    /// Clean-up when it fails.
    pub undo: &'static [Undo],
    /// Clean-up when nobody knows whether it was carried out (no answer): it may have been, so more has to go.
    pub undo_unanswered: &'static [Undo],
    /// What its failure means.
    pub failure_is: FailureIs,
    /// When it is taken.
    pub when: When,
}

/// A step that is not timed and whose failure ends the order with nothing to clean up.
pub const fn step(at: Side, ask: StepCommand) -> Step {
    Step { at, ask, phases: &[], undo: &[], undo_unanswered: &[], failure_is: FailureIs::Fatal, when: When::Always }
}

impl Step {
    /// Counts its time under these phases.
    pub const fn timed(self, phases: &'static [PhaseName]) -> Self {
        Self { phases, ..self }
    }

    /// Cleans up like this when it fails, answered or not.
    pub const fn undo(self, undo: &'static [Undo]) -> Self {
        Self { undo, undo_unanswered: undo, ..self }
    }

    /// Cleans up like this when no answer came; to be named after [`Step::undo`].
    pub const fn unanswered(self, undo_unanswered: &'static [Undo]) -> Self {
        Self { undo_unanswered, ..self }
    }

    /// Goes on when it fails.
    pub const fn or_warn(self) -> Self {
        Self { failure_is: FailureIs::Warning, ..self }
    }

    /// Only then.
    pub const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// Only in the relay scenario.
    pub const fn in_relay(self) -> Self {
        self.when(When::Relay)
    }
}

/// A way to bring the service back after the cut has failed. Its steps end with the wait for synchronisation. None that points eth3 at
/// the radio is taken before the other end has confirmed that its own is parked and its USRP process gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Return {
    /// Who is to serve.
    pub at: Side,
    /// Taken in this order, each if its [`When`] is so at the beginning.
    pub steps: &'static [Step],
}

/// A flow: what has to be true, what is done, and what is done once the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Asked first; not timed.
    pub checks: &'static [Step],
    /// Timed from the first to the last.
    pub steps: &'static [Step],
    /// Outside the total.
    pub afterwards: &'static [Step],
    /// Tried one after the other when the cut was made, the order failed and nobody serves.
    pub returns: &'static [Return],
}

impl Flow {
    /// Who takes the radio, if somebody does.
    pub fn taker(&self) -> Option<Side> {
        self.steps.iter().find(|step| step.ask.points()).map(|step| step.at)
    }

    /// Index in `steps` of the step that stops the source, if there is one: the cut.
    pub fn cut(&self) -> Option<usize> {
        self.steps.iter().position(|s| s.phases.contains(&PhaseName::StopSource) || s.phases.contains(&PhaseName::Switchover))
    }

    /// Whether the order can still be given up before that step. Where there is no cut, things change from the first step on; a guest has stopped
    /// before the step that waits for it to go.
    pub fn can_give_up(&self, index: usize) -> bool {
        let Some(cut) = self.cut() else { return index == 0 };
        index < cut || (index == cut && self.steps.get(cut).is_some_and(|step| step.ask != StepCommand::AwaitGuestGone))
    }

    /// Index in `steps` of the step before which the order waits when it is to hold: the cut, or the copy of a guest that is stopped at its end.
    pub fn hold(&self) -> Option<usize> {
        self.steps.iter().position(|s| s.phases.contains(&PhaseName::Precopy)).or_else(|| self.cut())
    }

    /// Phases during which nobody serves: those behind the one that stops the source. A guest is stopped in the switch itself, and serves while the
    /// rest of it is fetched.
    pub fn interrupting(&self) -> Vec<PhaseName> {
        let Some(cut) = self.cut() else { return Vec::new() };
        let phases = self.steps.iter().skip(cut).flat_map(|step| step.phases).copied();
        let mut phases: Vec<PhaseName> =
            phases.filter(|phase| !matches!(phase, PhaseName::StopSource | PhaseName::Postcopy)).collect();
        phases.dedup();
        phases
    }

    /// Phases in the order in which they are completed.
    pub fn phases(&self, relay: bool) -> Vec<PhaseName> {
        let mut phases: Vec<PhaseName> = Vec::new();
        for &phase in self.steps.iter().filter(|s| relay || s.when != When::Relay).flat_map(|s| s.phases) {
            phases.retain(|&earlier| earlier != phase);
            phases.push(phase);
        }
        phases
    }
}
