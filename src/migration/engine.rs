//! The state machine: [`begin`] and [`step`] turn what has happened into the one thing to do next.
//!
//! Exactly one effect is outstanding at any time, so that each host sees the source's order of commands and an event needs no name.
//! Time comes in with the events, on the driver's clock; the machine reads none.

use std::collections::BTreeMap;
use std::time::Duration;

use super::flow::{Ask, Facts, FailureIs, Flow, STALE, Side, Step, Undo, When};
use super::flows;
use super::hold::HOLD_LIMIT;
use super::known::{Ends, unanswered};
use super::rollback::Back;
use super::setting::Setting;
use protocol::{Answer, Command, ErrorCode, Failure, Method, Outcome, PhaseName, ProbeWindow, RunRecord};

/// What the driver is to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask a host and come back with its answer.
    Request {
        /// Whom.
        host: String,
        /// For what.
        command: Command,
    },
    /// Come back after this long.
    Wait(Duration),
    /// Come back when the operator says go, or with what ended the waiting: his cancelling, or this time.
    AwaitGo(Duration),
    /// Nothing more: the order is over.
    End(Box<RunRecord>),
}

/// What has happened since the last effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, on the driver's clock.
    pub at: Duration,
    /// The answer to a request; anything after a wait.
    pub result: Result<Answer, Failure>,
    /// The operator wants the order given up.
    pub cancel: bool,
}

/// Where the order is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stage {
    /// Asking whether the order may begin; index into [`Flow::checks`].
    Checking(usize),
    /// Asking the far end for the number of its next probe.
    Marking,
    /// Index into [`Flow::steps`].
    Stepping(usize),
    /// Ready for that step, the cut, and waiting for the operator's go.
    Ready(usize),
    /// The same as marking, after the wait: index of the cut.
    Remarking(usize),
    /// Asking the destination whether it is still ready, after the wait: index of the cut.
    Reassuring(usize),
    /// Index into [`Flow::afterwards`].
    Finishing(usize),
    /// What is still to be cleaned up.
    CleaningUp(&'static [Undo]),
    /// Asking the source what it does; how often it was asked already.
    AskingSource(u8),
    /// Asking the destination what it does.
    AskingDestination(u8),
    /// Killing what may hold the radio before a return; index into [`Flow::returns`].
    Silencing(usize),
    /// Asking that host what it does when the kill was not answered well.
    Confirming(usize),
    /// Bringing the service back; index into [`Flow::returns`], index into its steps.
    Returning(usize, usize),
    /// Waiting for a radio that answered nobody.
    LookingAgain,
    /// Taking back the tun address that the destination was given.
    Tidying,
    /// Letting the probes of the last moments travel; how long altogether.
    Settling(Duration),
    /// Asking the destination whether it still serves; how long was settled.
    Assuring(Duration),
    /// Asking the far end for the count; how long was settled.
    Counting(Duration),
    /// Over.
    Over,
}

/// An order under way.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub(super) setting: Setting,
    pub(super) flow: &'static Flow,
    pub(super) stage: Stage,
    pub(super) last_event: Duration,
    pub(super) began: Option<Duration>,
    pub(super) ended: Option<Duration>,
    pub(super) facts: Facts,
    pub(super) phases: BTreeMap<PhaseName, Duration>,
    pub(super) failed_step: Option<usize>,
    pub(super) failure: Option<Failure>,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    pub(super) warnings: Vec<String>,
    /// What is known of both ends.
    pub(super) ends: Ends,
    /// The source was in sync, or of a kind that does not tell, when the order began.
    pub(super) synced_before: bool,
    /// The address of the destination's tun before the order, and whether another one was given to it.
    pub(super) tun_before: Option<String>,
    pub(super) tun_given: bool,
    /// The operator wants the order given up.
    pub(super) cancelled: bool,
    /// The step before which it was given up.
    pub(super) stopped_before: Option<usize>,
    /// How long the order waited for the operator's go.
    pub(super) held: Option<Duration>,
    /// When the source was asked to stop serving.
    pub(super) cut_at: Option<Duration>,
    /// The return of the service after a failure.
    pub(super) back: Back,
    pub(super) mark: Option<u64>,
    pub(super) window: Option<ProbeWindow>,
    /// The agent that began the order has ended amid it.
    pub(super) taken_up: bool,
}

/// The first effect of an order.
pub fn begin(setting: Setting) -> (State, Effect) {
    initial(setting).enter(Stage::Checking(0))
}

pub(super) fn initial(setting: Setting) -> State {
    let flow = flows::of(setting.request.order, setting.request.method);
    let force = setting.request.force && setting.request.method == Method::Failover;
    let facts = Facts { force, source: setting.from.clone(), ..Facts::default() };
    State {
        setting,
        flow,
        stage: Stage::Checking(0),
        last_event: Duration::ZERO,
        began: None,
        ended: None,
        facts,
        phases: BTreeMap::new(),
        failed_step: None,
        failure: None,
        outcome: Outcome::Ok,
        reason: None,
        warnings: Vec::new(),
        ends: Ends::default(),
        synced_before: false,
        tun_before: None,
        tun_given: false,
        cancelled: false,
        stopped_before: None,
        held: None,
        cut_at: None,
        back: Back::default(),
        mark: None,
        window: None,
        taken_up: false,
    }
}

/// The next effect, given what has happened. An order that is over stays over.
pub fn step(mut state: State, event: Event) -> (State, Effect) {
    let took = event.at.saturating_sub(state.last_event);
    state.last_event = event.at.max(state.last_event);
    state.cancelled |= event.cancel;
    match state.stage {
        Stage::Checking(index) => state.checked(index, event.result),
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
        Stage::LookingAgain => state.enter(Stage::AskingSource(0)),
        Stage::Tidying => state.tidied(event.result),
        Stage::Settling(settled) => state.settled(settled),
        Stage::Assuring(settled) => state.assured(settled, event.result),
        Stage::Counting(settled) => state.counted(settled, event.result),
        Stage::Over => state.enter(Stage::Over),
    }
}

impl State {
    /// Moves to a stage, or past it where it has nothing to do, and names its effect.
    pub(super) fn enter(mut self, stage: Stage) -> (Self, Effect) {
        self.stage = stage;
        let effect = match stage {
            Stage::Checking(index) => match self.flow.checks.get(index) {
                Some(check) => self.ask(check.at, check.ask),
                None => {
                    return match self.too_fast().or_else(|| self.over_budget()) {
                        Some(failure) => self.not_begun(failure),
                        None => self.enter(Stage::Marking),
                    };
                }
            },
            Stage::Marking => match (&self.setting.far_end, self.setting.request.order.is_migration()) {
                (Some(host), true) => Effect::Request { host: host.clone(), command: Command::ProbeMark },
                (None, true) => {
                    self.warnings.push("No far end is configured: lost probes and the gap are not measured.".into());
                    return self.enter_steps();
                }
                (_, false) => return self.enter_steps(),
            },
            Stage::Stepping(index) => return self.enter_step(index),
            Stage::Ready(_) => Effect::AwaitGo(HOLD_LIMIT),
            Stage::Remarking(index) => match (&self.setting.far_end, self.mark) {
                (Some(host), Some(_)) => Effect::Request { host: host.clone(), command: Command::ProbeMark },
                _ => return self.enter(Stage::Reassuring(index)),
            },
            Stage::Reassuring(_) => self.ask_status(Side::Destination),
            Stage::Finishing(index) => match self.flow.afterwards.get(index) {
                Some(step) => self.ask(step.at, step.ask),
                None => return self.settle(),
            },
            Stage::CleaningUp(left) => match left.first() {
                Some(&(side, ask)) => self.ask(side, ask),
                None if self.setting.request.order.is_migration() => return self.enter(Stage::AskingSource(0)),
                None => return self.enter(Stage::Over),
            },
            Stage::AskingSource(_) => self.ask_status(Side::Source),
            Stage::AskingDestination(_) => self.ask_status(Side::Destination),
            Stage::Silencing(attempt) => self.ask(self.opponent(attempt), Ask::DoubleKill),
            Stage::Confirming(attempt) => self.ask_status(self.opponent(attempt)),
            Stage::Returning(attempt, index) => return self.enter_return(attempt, index),
            Stage::LookingAgain => return self.look_again(),
            Stage::Tidying => return self.enter_tidying(),
            Stage::Settling(settled) => Effect::Wait(settled),
            Stage::Assuring(_) => self.ask_status(Side::Destination),
            Stage::Counting(_) => match (&self.setting.far_end, self.mark) {
                (Some(host), Some(since)) => Effect::Request { host: host.clone(), command: Command::ProbeWindow { since } },
                _ => return self.enter(Stage::Over),
            },
            Stage::Over => Effect::End(Box::new(self.record())),
        };
        (self, effect)
    }

    pub(super) fn enter_steps(mut self) -> (Self, Effect) {
        self.began = Some(self.last_event);
        self.enter(Stage::Stepping(0))
    }

    fn enter_step(mut self, index: usize) -> (Self, Effect) {
        let Some(step) = self.flow.steps.get(index) else {
            self.ended = Some(self.last_event);
            return self.enter(Stage::Finishing(0));
        };
        if step.when == When::Relay && !self.relay() {
            return self.enter(Stage::Stepping(index + 1));
        }
        let cut = self.flow.cut();
        if self.cancelled && cut.is_some_and(|cut| index <= cut) {
            return self.give_up(index, super::hold::cancelled());
        }
        if cut == Some(index) {
            if self.setting.request.hold && self.held.is_none() {
                return self.enter(Stage::Ready(index));
            }
            self.cut_at = Some(self.last_event);
        }
        if step.ask == Ask::TakeOver
            && let Some(failure) = self.stale()
        {
            return self.stepped(index, Duration::ZERO, Err(failure));
        }
        self.tun_given |= step.ask == Ask::SetTunIp;
        let effect = self.ask(step.at, step.ask);
        if step.ask.points() {
            self.facts.epoch = self.facts.epoch.saturating_add(1);
        }
        (self, effect)
    }

    /// Why nobody may take over from a source that has been frozen for too long: this agent itself may have been stopped meanwhile.
    fn stale(&self) -> Option<Failure> {
        let since = self.last_event.saturating_sub(self.cut_at?);
        (since > STALE).then(|| {
            let text = format!("{} has been frozen for {:.1} s, and may go on by itself", self.setting.from, since.as_secs_f64());
            Failure::new(ErrorCode::State, text).hint(format!("see what kept the agent of {} waiting", self.setting.to))
        })
    }

    fn ask_status(&self, side: Side) -> Effect {
        Effect::Request { host: self.setting.host(side).to_owned(), command: Command::Status }
    }

    pub(super) fn ask(&self, side: Side, ask: Ask) -> Effect {
        Effect::Request { host: self.setting.host(side).to_owned(), command: ask.command(&self.facts) }
    }

    /// Whether the source forwards for others.
    pub(super) fn relay(&self) -> bool {
        !self.facts.route_list.is_empty()
    }

    fn stepped(mut self, index: usize, took: Duration, result: Result<Answer, Failure>) -> (Self, Effect) {
        let Some(step) = self.flow.steps.get(index) else { return self.enter(Stage::Stepping(index)) };
        self.ends.heard(step.at, step.ask, &result);
        match result.and_then(|answer| self.learn(step, took, answer)) {
            Ok(()) => self.enter(Stage::Stepping(index + 1)),
            Err(failure) if step.failure_is == FailureIs::Warning => {
                self.warnings.push(self.says(step, &failure));
                self.enter(Stage::Stepping(index + 1))
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

    fn finished(mut self, index: usize, took: Duration, result: Result<Answer, Failure>) -> (Self, Effect) {
        if let Some(step) = self.flow.afterwards.get(index)
            && let Err(failure) = result.and_then(|answer| self.learn(step, took, answer))
        {
            self.warnings.push(self.says(step, &failure));
        }
        self.enter(Stage::Finishing(index + 1))
    }

    fn cleaned_up(mut self, left: &'static [Undo], result: Result<Answer, Failure>) -> (Self, Effect) {
        let Some((&(side, ask), rest)) = left.split_first() else { return self.enter(Stage::CleaningUp(&[])) };
        let mut rest = rest;
        self.ends.heard(side, ask, &result);
        if let Err(failure) = result {
            let what = self.says(&super::flow::step(side, ask), &failure);
            self.warnings.push(format!("Clean-up: {what}"));
            rest = flows::without_fence((side, ask), rest);
        }
        self.enter(Stage::CleaningUp(rest))
    }

    pub(super) fn fail(mut self, failure: Failure, undo: &'static [Undo]) -> (Self, Effect) {
        self.ended = Some(self.last_event);
        self.outcome = Outcome::Failed;
        self.reason = Some(sentence(&failure.message));
        self.failure = Some(failure);
        self.enter(Stage::CleaningUp(undo))
    }

    /// A failure with where it happened.
    pub(super) fn says(&self, step: &Step, failure: &Failure) -> String {
        sentence(&format!("{} on {}: {}", step.ask.command(&self.facts).name(), self.setting.host(step.at), failure.message))
    }
}

pub(super) fn milliseconds(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

/// Milliseconds with three decimals.
pub(super) fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

pub(super) fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}
