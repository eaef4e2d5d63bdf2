//! The state machine: [`begin`] and [`step`] turn what has happened into the one thing to do next.
//!
//! Exactly one effect is outstanding at any time, so that each host sees the source's order of commands and an event needs no name.
//! Time comes in with the events, on the driver's clock; the machine reads none.

use std::time::Duration;

use super::decision::Decision;
use super::flow::{FailureIs, POD_TAKE_OVER_WITHIN, Side, StepCommand, TAKE_OVER_WITHIN, Undo, When};
use super::flows;
use super::hold::{self, HOLD_LIMIT};
use super::known::unanswered;
use super::setting::Setting;
use super::state::Next;
pub use super::state::{Effect, Event, Stage, State};
use super::take_up::interrupted;
use protocol::{Answer, Command, ErrorCode, Failure, GuestCopy};

/// The first effect of an order.
pub fn begin(setting: Setting) -> (State, Effect) {
    proceed(State::new(setting), Next::Enter(Stage::Checking(0)))
}

/// The first effect for a migration whose agent ended amid it; `tun_before` is the address that the destination's tun had before the order.
pub fn take_up(setting: Setting, tun_before: String) -> (State, Effect) {
    proceed(interrupted(setting, tun_before), Next::Enter(Stage::AskingSource(0)))
}

/// From stage to stage, up to one that waits for the driver.
fn proceed(mut state: State, mut next: Next) -> (State, Effect) {
    loop {
        match next {
            Next::Enter(stage) => next = state.enter(stage),
            Next::Await(effect) => return (state, effect),
        }
    }
}

/// The next effect, given what has happened. An order that is over stays over.
pub fn step(mut state: State, event: Event) -> (State, Effect) {
    let took = event.at.saturating_sub(state.last_event);
    state.last_event = event.at.max(state.last_event);
    state.decide(event.decision, &event.result);
    let next = match state.stage {
        Stage::Checking(index) => state.checked(index, event.result),
        Stage::Reserving => state.reserved(event.result),
        Stage::Marking => state.marked(event.result),
        Stage::Stepping(index) => state.stepped(index, took, event.result),
        Stage::Ready(index) => state.waited(index, took, event.result),
        Stage::Remarking(index) => state.remarked(index, took, event.result),
        Stage::Reassuring(index) => state.reassured(index, took, event.result),
        Stage::Finishing(index) => state.finished(index, took, event.result),
        Stage::CleaningUp(left) => state.cleaned_up(left, event.result),
        Stage::AskingSource(tries) => state.told(Side::Source, tries, event.result),
        Stage::AskingDestination(tries) => state.told(Side::Destination, tries, event.result),
        Stage::Silencing(attempt) => state.silenced(attempt, event.result),
        Stage::Confirming(attempt) => state.confirmed(attempt, event.result),
        Stage::Returning(attempt, index) => state.returned(attempt, index, took, event.result),
        Stage::LookingAgain => Next::Enter(Stage::AskingSource(0)),
        Stage::Tidying => state.tidied(event.result),
        Stage::Settling(settled) => state.settled(settled),
        Stage::Assuring(settled) => state.assured(settled, event.result),
        Stage::Counting(settled) => state.counted(settled, event.result),
        Stage::Over => Next::Enter(Stage::Over),
    };
    proceed(state, next)
}

impl State {
    /// Moves to a stage, or past it where it has nothing to do, and names its effect.
    fn enter(&mut self, stage: Stage) -> Next {
        self.stage = stage;
        let effect = match stage {
            Stage::Checking(index) => match self.flow.checks.get(index) {
                Some(check) => self.ask(check.at, check.ask),
                None => {
                    return match self.too_fast().or_else(|| self.over_budget()) {
                        Some(failure) => self.not_begun(failure),
                        None => Next::Enter(Stage::Reserving),
                    };
                }
            },
            Stage::Reserving => match self.flow.taker() {
                Some(side) => Effect::Reserve { to: self.setting.host(side).to_owned(), above: self.facts.epoch },
                // Who gives the radio up asks nobody.
                None => return Next::Enter(Stage::Marking),
            },
            Stage::Marking => match (&self.setting.far_end, self.setting.request.order.is_migration()) {
                (Some(host), true) => Effect::Request { host: host.clone(), command: Command::ProbeMark },
                (None, true) => {
                    self.warnings.push("No far end is configured: lost pings and the gap are not measured.".into());
                    return self.enter_steps();
                }
                (_, false) => return self.enter_steps(),
            },
            Stage::Stepping(index) => return self.enter_step(index),
            Stage::Ready(_) => Effect::AwaitGo(HOLD_LIMIT),
            Stage::Remarking(index) => match (&self.setting.far_end, self.mark) {
                (Some(host), Some(_)) => Effect::Request { host: host.clone(), command: Command::ProbeMark },
                _ => return Next::Enter(Stage::Reassuring(index)),
            },
            Stage::Reassuring(_) => self.ask_status(Side::Destination),
            Stage::Finishing(index) => match self.flow.afterwards.get(index) {
                Some(step) => self.ask(step.at, step.ask),
                None => return self.settle(),
            },
            Stage::CleaningUp(left) => match left.first() {
                Some(&(side, ask)) => self.ask(side, ask),
                None if self.setting.request.order.is_migration() => return Next::Enter(Stage::AskingSource(0)),
                None => return Next::Enter(Stage::Over),
            },
            Stage::AskingSource(_) => self.ask_status(Side::Source),
            Stage::AskingDestination(_) => self.ask_status(Side::Destination),
            Stage::Silencing(attempt) => self.ask(self.opponent(attempt), StepCommand::DoubleKill),
            Stage::Confirming(attempt) => self.ask_status(self.opponent(attempt)),
            Stage::Returning(attempt, index) => return self.enter_return(attempt, index),
            Stage::LookingAgain => return self.look_again(),
            Stage::Tidying => return self.enter_tidying(),
            Stage::Settling(settled) => Effect::Wait(settled),
            Stage::Assuring(_) => self.ask_status(Side::Destination),
            Stage::Counting(_) => match (&self.setting.far_end, self.mark) {
                (Some(host), Some(since)) => Effect::Request { host: host.clone(), command: Command::ProbeWindow { since } },
                _ => return Next::Enter(Stage::Over),
            },
            Stage::Over => Effect::End(Box::new(self.record())),
        };
        Next::Await(effect)
    }

    /// Takes in what was decided, and whether a host has told the order that the operator has ended the work there.
    fn decide(&mut self, decision: Decision, result: &Result<Answer, Failure>) {
        self.decision = decision;
        let told = result.as_ref().is_err_and(|failure| failure.code == ErrorCode::Cancelled);
        // What ends the wait for the operator is his word, not a host's.
        self.withdrawn |= decision == Decision::WorkEnded || (told && !matches!(self.stage, Stage::Ready(_)));
    }

    pub(super) fn enter_steps(&mut self) -> Next {
        self.began = Some(self.last_event);
        Next::Enter(Stage::Stepping(0))
    }

    fn enter_step(&mut self, index: usize) -> Next {
        let Some(step) = self.flow.steps.get(index) else {
            self.ended = Some(self.last_event);
            return Next::Enter(Stage::Finishing(0));
        };
        let left_out = match step.when {
            When::Relay => !self.relay(),
            When::OtherAnswers => self.facts.other_silent,
            When::OtherSilent => !self.facts.other_silent,
            When::TunKnown => self.facts.tun_ip.is_empty(),
            When::Postcopy => self.facts.copy != GuestCopy::Post,
            _ => false,
        };
        if left_out {
            return Next::Enter(Stage::Stepping(index + 1));
        }
        let cut = self.flow.cut();
        // Where there is no cut, things change from the first step on.
        if let Some(failure) = self.decision.failure()
            && self.flow.can_give_up(index)
        {
            return self.give_up(index, failure);
        }
        if self.flow.hold() == Some(index) && self.setting.request.hold && self.held.is_none() {
            return Next::Enter(Stage::Ready(index));
        }
        if cut == Some(index) {
            self.cut_at = Some(self.last_event);
        }
        if matches!(step.ask, StepCommand::TakeOver | StepCommand::ConnectPod)
            && let Some(failure) = self.stale()
        {
            return self.stepped(index, Duration::ZERO, Err(failure));
        }
        self.tun_given |= step.ask == StepCommand::SetTunIp;
        let effect = self.ask(step.at, step.ask);
        if step.ask.points() {
            self.facts.epoch = self.facts.epoch.saturating_add(1);
        }
        Next::Await(effect)
    }

    /// Until when the destination may take over, on the driver's clock: from then on the source may go on by itself.
    pub(super) fn take_over_by(&self) -> Option<Duration> {
        let pod = self.flow.steps.iter().any(|step| step.ask == StepCommand::FreezePod);
        self.cut_at.map(|cut| cut + if pod { POD_TAKE_OVER_WITHIN } else { TAKE_OVER_WITHIN })
    }

    /// Why nobody may take over any more: this agent itself may have been stopped since it asked the source to freeze.
    fn stale(&self) -> Option<Failure> {
        (self.last_event >= self.take_over_by()?).then(|| {
            let (from, ms) = (&self.setting.from, self.last_event.saturating_sub(self.cut_at.unwrap_or_default()).as_millis());
            let text = format!("{from} was asked to freeze {ms} ms ago, and may go on by itself");
            Failure::new(ErrorCode::TooLate, text)
                .hint(format!("see what kept the agents of {from} and {} waiting", self.setting.to))
        })
    }

    fn stepped(&mut self, index: usize, took: Duration, result: Result<Answer, Failure>) -> Next {
        let Some(step) = self.flow.steps.get(index) else { return Next::Enter(Stage::Stepping(index)) };
        self.ends.heard(step.at, step.ask, &result);
        match result.and_then(|answer| self.learn(step, took, answer)) {
            Ok(()) => Next::Enter(Stage::Stepping(index + 1)),
            Err(failure) if step.failure_is == FailureIs::Warning || (step.ask == StepCommand::FenceSource && self.facts.force) => {
                self.warnings.push(self.says(step, &failure));
                Next::Enter(Stage::Stepping(index + 1))
            }
            // It was given up while the source copied, and the source says no more than that.
            Err(_) if step.ask == StepCommand::AwaitGuestStopped && self.decision.failure().is_some() => {
                let failure = self.decision.failure().unwrap_or_else(hold::forgotten);
                self.give_up(index, failure)
            }
            Err(mut failure) => {
                let undo = if unanswered(&failure) { step.undo_unanswered } else { step.undo };
                self.failed_step = Some(index);
                self.note_blindness(step.at, &failure);
                failure.message = self.says(step, &failure);
                self.fail(failure, undo)
            }
        }
    }

    fn finished(&mut self, index: usize, took: Duration, result: Result<Answer, Failure>) -> Next {
        if let Some(step) = self.flow.afterwards.get(index)
            && let Err(failure) = result.and_then(|answer| self.learn(step, took, answer))
        {
            self.warnings.push(self.says(step, &failure));
        }
        Next::Enter(Stage::Finishing(index + 1))
    }

    fn cleaned_up(&mut self, left: &'static [Undo], result: Result<Answer, Failure>) -> Next {
        let Some((&(side, ask), rest)) = left.split_first() else { return Next::Enter(Stage::CleaningUp(&[])) };
        let mut rest = rest;
        self.ends.heard(side, ask, &result);
        if let Err(failure) = result {
            let what = self.says(&super::flow::step(side, ask), &failure);
            self.warnings.push(format!("Clean-up: {what}"));
            rest = flows::without_fence((side, ask), rest);
        }
        Next::Enter(Stage::CleaningUp(rest))
    }
}
