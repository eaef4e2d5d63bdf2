//! Ready, and waiting for the operator: hold, go, cancel.

use std::time::Duration;

use super::flow::{Side, StepCommand};
use super::state::{Next, Stage, State};
use protocol::{Answer, ErrorCode, Failure, GuestState, ProbeMark, ProcessState, Telemetry};

/// A hold whose asker is not heard for so long is given up. Several times what a renewal may be late on a loaded machine.
pub const HOLD_LEASE: Duration = Duration::from_secs(5);

/// The longest that an order waits for `go`: it keeps both hosts from other orders.
pub const HOLD_LIMIT: Duration = Duration::from_secs(600);

/// The longest that any order takes when every one of its steps meets its own deadline, and those of the way back as well; a hold comes on top.
pub const ORDER_LIMIT: Duration = Duration::from_secs(600);

/// Nobody said go.
pub(super) fn forgotten() -> Failure {
    let text = format!("nobody said go within {} minutes, so it was given up before the cut", HOLD_LIMIT.as_secs() / 60);
    Failure::new(ErrorCode::Cancelled, text).hint("order it again when the time has come")
}

impl State {
    /// Ends the order before a step that was not yet asked for: what is there to be undone is what that step's refusal would undo.
    pub(super) fn give_up(&mut self, index: usize, mut failure: Failure) -> Next {
        let undo = self.flow.steps.get(index).map_or(&[][..], |step| step.undo);
        failure.message = format!("{}: {}", self.setting.request.order, failure.message);
        self.stopped_before = Some(index);
        self.fail(failure, undo)
    }

    /// The wait for the operator is over; `took` is not part of the total.
    pub(super) fn waited(&mut self, index: usize, took: Duration, result: Result<Answer, Failure>) -> Next {
        *self.held.get_or_insert_default() += took;
        match result {
            Err(failure) => self.give_up(index, failure),
            // What was counted while waiting is not the migration's.
            Ok(_) => Next::Enter(Stage::Remarking(index)),
        }
    }

    /// The far end counts from here.
    pub(super) fn remarked(&mut self, index: usize, took: Duration, result: Result<Answer, Failure>) -> Next {
        *self.held.get_or_insert_default() += took;
        // The mark from before the wait is as good, only longer ago.
        if let Ok(mark) = result.and_then(Answer::into_result::<ProbeMark>) {
            self.mark = Some(mark.next);
        }
        Next::Enter(Stage::Reassuring(index))
    }

    /// The destination says what it is after the wait: what was prepared there may have died meanwhile.
    pub(super) fn reassured(&mut self, index: usize, took: Duration, result: Result<Answer, Failure>) -> Next {
        *self.held.get_or_insert_default() += took;
        let ready = result.and_then(Answer::into_result::<Telemetry>).and_then(|status| self.still_ready(&status));
        match ready {
            Ok(()) => Next::Enter(Stage::Stepping(index)),
            Err(failure) => {
                self.stopped_before = Some(index);
                let undo = self.flow.steps.get(index).map_or(&[][..], |step| step.undo);
                self.fail(failure, undo)
            }
        }
    }

    fn still_ready(&self, status: &Telemetry) -> Result<(), Failure> {
        let prepared = self.flow.steps.iter().take(self.flow.hold().unwrap_or_default());
        for step in prepared.filter(|step| step.at == Side::Destination) {
            if step.ask == StepCommand::PrepareGuest {
                guest_ready(status)?;
            }
            let (name, process) = match step.ask {
                StepCommand::StartD2dPlain | StepCommand::StartD2dWithControl | StepCommand::StartD2dAgain => ("D2D", &status.d2d),
                StepCommand::MakeUsrp => ("USRP", &status.usrp),
                _ => continue,
            };
            if matches!(process.state, ProcessState::Stopped | ProcessState::Died) {
                let words = process.last_words.as_ref().map_or_else(String::new, |words| format!(": {words}"));
                let text =
                    format!("{} is not ready any more: its {name} process ended while the order waited{words}", self.setting.to);
                return Err(Failure::new(ErrorCode::Process, text).hint("order it again"));
            }
        }
        Ok(())
    }
}

/// Refuses to go on when the guest that waited does not wait any more.
fn guest_ready(status: &Telemetry) -> Result<(), Failure> {
    let guest = status.guest.as_ref();
    if guest.is_some_and(|guest| guest.state == GuestState::Incoming) {
        return Ok(());
    }
    let words = guest.and_then(|guest| guest.last_words.as_ref()).map_or_else(String::new, |words| format!(": {words}"));
    let text = format!("{} is not ready any more: its waiting guest ended while the order waited{words}", status.host);
    Err(Failure::new(ErrorCode::Process, text).hint("order it again"))
}
