//! The state machine: [`begin`] and [`step`] turn what has happened into the one thing to do next.
//!
//! Exactly one effect is outstanding at any time, so that each host sees the source's order of commands and an event needs no name.
//! Time comes in with the events, on the driver's clock; the machine reads none.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::flow::{Ask, Facts, FailureIs, Flow, Side, Step, Undo};
use super::flows;
use super::setting::{Setting, interval, settling};
use super::standing::{self, End, Standing};
use crate::protocol::{
    Command, ControlValues, ErrorCode, Failure, Frozen, Linked, Outcome, PhaseName, ProbeMark, ProbeWindow, RunRecord, SoftState,
    SyncState, Telemetry, TunIp,
};

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
    /// Nothing more: the order is over.
    End(Box<RunRecord>),
}

/// What has happened since the last effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, on the driver's clock.
    pub at: Duration,
    /// The answer to a request; anything after a wait.
    pub result: Result<Value, Failure>,
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
    /// Index into [`Flow::afterwards`].
    Finishing(usize),
    /// What is still to be cleaned up.
    CleaningUp(&'static [Undo]),
    /// Asking the source what it does.
    AskingSource,
    /// Asking the destination what it does; what the source said.
    AskingDestination(Standing),
    /// Letting the probes of the last moments travel; how long altogether.
    Settling(Duration),
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
    mark: Option<u64>,
    pub(super) window: Option<ProbeWindow>,
}

/// The first effect of an order.
pub fn begin(setting: Setting) -> (State, Effect) {
    let flow = flows::of(setting.request.order, setting.request.method);
    State {
        setting,
        flow,
        stage: Stage::Checking(0),
        last_event: Duration::ZERO,
        began: None,
        ended: None,
        facts: Facts::default(),
        phases: BTreeMap::new(),
        failed_step: None,
        failure: None,
        outcome: Outcome::Ok,
        reason: None,
        warnings: Vec::new(),
        mark: None,
        window: None,
    }
    .enter(Stage::Checking(0))
}

/// The next effect, given what has happened. An order that is over stays over.
pub fn step(mut state: State, event: Event) -> (State, Effect) {
    let took = event.at.saturating_sub(state.last_event);
    state.last_event = event.at.max(state.last_event);
    match state.stage {
        Stage::Checking(index) => state.checked(index, event.result),
        Stage::Marking => state.marked(event.result),
        Stage::Stepping(index) => state.stepped(index, took, event.result),
        Stage::Finishing(index) => state.finished(index, event.result),
        Stage::CleaningUp(left) => state.cleaned_up(left, event.result),
        Stage::AskingSource => {
            let standing = state.standing(event.result);
            state.enter(Stage::AskingDestination(standing))
        }
        Stage::AskingDestination(source) => {
            let destination = state.standing(event.result);
            state.judge(source, destination);
            state.settle()
        }
        Stage::Settling(settled) => state.enter(Stage::Counting(settled)),
        Stage::Counting(settled) => state.counted(settled, event.result),
        Stage::Over => state.enter(Stage::Over),
    }
}

impl State {
    /// Moves to a stage, or past it where it has nothing to do, and names its effect.
    fn enter(mut self, stage: Stage) -> (Self, Effect) {
        self.stage = stage;
        let effect = match stage {
            Stage::Checking(index) => match self.flow.checks.get(index) {
                Some(check) => self.ask(check.at, check.ask),
                None => return self.enter(Stage::Marking),
            },
            Stage::Marking => match (&self.setting.far_end, self.setting.request.order.is_migration()) {
                (Some(host), true) => Effect::Request { host: host.clone(), command: Command::ProbeMark },
                (None, true) => {
                    self.warnings.push("No far end is configured: lost probes and the gap are not measured.".into());
                    return self.enter_steps();
                }
                (_, false) => return self.enter_steps(),
            },
            Stage::Stepping(index) => match self.flow.steps.get(index) {
                Some(step) if step.relay_only && !self.relay() => return self.enter(Stage::Stepping(index + 1)),
                Some(step) => self.ask(step.at, step.ask),
                None => {
                    self.ended = Some(self.last_event);
                    return self.enter(Stage::Finishing(0));
                }
            },
            Stage::Finishing(index) => match self.flow.afterwards.get(index) {
                Some(step) => self.ask(step.at, step.ask),
                None => return self.settle(),
            },
            Stage::CleaningUp(left) => match left.first() {
                Some(&(side, ask)) => self.ask(side, ask),
                None if self.setting.request.order.is_migration() => return self.enter(Stage::AskingSource),
                None => return self.enter(Stage::Over),
            },
            Stage::AskingSource => Effect::Request { host: self.setting.from.clone(), command: Command::Status },
            Stage::AskingDestination(_) => Effect::Request { host: self.setting.to.clone(), command: Command::Status },
            Stage::Settling(settled) => Effect::Wait(settled),
            Stage::Counting(_) => match (&self.setting.far_end, self.mark) {
                (Some(host), Some(since)) => Effect::Request { host: host.clone(), command: Command::ProbeWindow { since } },
                _ => return self.enter(Stage::Over),
            },
            Stage::Over => Effect::End(Box::new(self.record())),
        };
        (self, effect)
    }

    fn enter_steps(mut self) -> (Self, Effect) {
        self.began = Some(self.last_event);
        self.enter(Stage::Stepping(0))
    }

    fn ask(&self, side: Side, ask: Ask) -> Effect {
        Effect::Request { host: self.setting.host(side).to_owned(), command: ask.command(&self.facts) }
    }

    /// Whether the source forwards for others.
    pub(super) fn relay(&self) -> bool {
        !self.facts.route_list.is_empty()
    }

    fn checked(self, index: usize, result: Result<Value, Failure>) -> (Self, Effect) {
        let Some(check) = self.flow.checks.get(index) else { return self.enter(Stage::Marking) };
        let host = self.setting.host(check.at);
        let orders = self.setting.orders(host);
        let verdict = result.and_then(|value| read::<Telemetry>(value, "status", host)).and_then(|status| match check.ask {
            _ if self.is_busy(&status) => Err(standing::busy(&status)),
            Ask::BeFree => standing::check_free(&status, orders),
            Ask::BeAtWork => standing::check_at_work(&status, orders),
            Ask::BeParked => standing::check_parked(&status, &self.setting.active, orders),
            _ => Ok(()),
        });
        match verdict {
            Ok(()) => self.enter(Stage::Checking(index + 1)),
            Err(mut failure) => {
                failure.message = format!("{} was not begun: {}", self.setting.request.order, failure.message);
                self.fail(failure, &[])
            }
        }
    }

    /// Whether the host carries out another order. Two orders that begin at the same moment on two hosts see each other here, because
    /// each is announced in its own host's status before it asks the other's; at least one of them gives way.
    fn is_busy(&self, status: &Telemetry) -> bool {
        status.migration.as_ref().is_some_and(|other| !other.finished && other.run != self.setting.run)
    }

    fn marked(mut self, result: Result<Value, Failure>) -> (Self, Effect) {
        let far_end = self.setting.far_end.clone().unwrap_or_default();
        match result.and_then(|value| read::<ProbeMark>(value, "probe_mark", &far_end)) {
            Ok(mark) => self.mark = Some(mark.next),
            Err(failure) => self.warnings.push(format!("Lost probes and the gap are not measured: {}", sentence(&failure.message))),
        }
        self.enter_steps()
    }

    fn stepped(mut self, index: usize, took: Duration, result: Result<Value, Failure>) -> (Self, Effect) {
        let Some(step) = self.flow.steps.get(index) else { return self.enter(Stage::Stepping(index)) };
        match result.and_then(|value| self.learn(step, took, value)) {
            Ok(()) => self.enter(Stage::Stepping(index + 1)),
            Err(failure) if step.failure_is == FailureIs::Warning => {
                self.warnings.push(self.says(step, &failure));
                self.enter(Stage::Stepping(index + 1))
            }
            Err(mut failure) => {
                let unanswered = matches!(failure.code, ErrorCode::Deadline | ErrorCode::Unreachable);
                let undo = if unanswered { step.undo_unanswered } else { step.undo };
                self.failed_step = Some(index);
                failure.message = self.says(step, &failure);
                self.fail(failure, undo)
            }
        }
    }

    /// Takes in the answer of a step that worked: facts for later steps, and its time.
    fn learn(&mut self, step: &Step, took: Duration, value: Value) -> Result<(), Failure> {
        let host = self.setting.host(step.at).to_owned();
        let mut parts = Linked::default();
        match step.ask {
            Ask::GetTunIp => self.facts.tun_ip = read::<TunIp>(value, "get_tun_ip", &host)?.tun_ip,
            Ask::GetControl => {
                let ControlValues { control, route_list } = read(value, "get_control", &host)?;
                (self.facts.control, self.facts.route_list) = (control, route_list);
            }
            Ask::Export => self.facts.state = read::<SoftState>(value, "export", &host)?.state,
            Ask::Freeze => {
                let Frozen { state, mark, epoch, trace } = read(value, "freeze", &host)?;
                (self.facts.state, self.facts.mark, self.facts.trace) = (state, mark, trace);
                self.facts.epoch = Some(epoch);
            }
            Ask::AwaitSync | Ask::ConfirmSync => match read::<SyncState>(value, "await_sync", &host)? {
                SyncState::Synced { .. } => {}
                SyncState::Untold => {
                    self.warnings
                        .push(format!("The D2D process of {host} does not tell when it is in sync: this phase is not measured."));
                    return Ok(());
                }
                _ => {
                    return Err(Failure::new(ErrorCode::Deadline, "the signal processing did not synchronise in time")
                        .hint("look at the far end and at the signal: the processes run"));
                }
            },
            Ask::LinkUsrp | Ask::StartUsrp | Ask::TakeOver => match read(value, step.ask.command(&self.facts).name(), &host) {
                Ok(linked) => parts = linked,
                // The radio is linked: an answer that can not be divided spoils the table, not the service.
                Err(failure) => self.warnings.push(sentence(&failure.message)),
            },
            _ => {}
        }
        self.time(step.phases, took, &parts);
        self.facts.trace.append(&mut parts.trace);
        Ok(())
    }

    /// Books the time of a step: what the answer knows of its parts under those, the rest under the last phase.
    fn time(&mut self, phases: &'static [PhaseName], took: Duration, parts: &Linked) {
        let Some((&last, others)) = phases.split_last() else { return };
        let mut rest = took;
        for &phase in others {
            let part = match phase {
                PhaseName::Eth3 => milliseconds(parts.eth3_ms),
                PhaseName::MakeUsrp => milliseconds(parts.make_ms.unwrap_or_default()),
                _ => Duration::ZERO,
            }
            .min(rest);
            rest -= part;
            *self.phases.entry(phase).or_default() += part;
        }
        *self.phases.entry(last).or_default() += rest;
    }

    fn finished(mut self, index: usize, result: Result<Value, Failure>) -> (Self, Effect) {
        if let (Some(step), Err(failure)) = (self.flow.afterwards.get(index), result) {
            self.warnings.push(self.says(step, &failure));
        }
        self.enter(Stage::Finishing(index + 1))
    }

    fn cleaned_up(mut self, left: &'static [Undo], result: Result<Value, Failure>) -> (Self, Effect) {
        let Some((&(side, ask), rest)) = left.split_first() else { return self.enter(Stage::CleaningUp(&[])) };
        let mut rest = rest;
        if let Err(failure) = result {
            let what = self.says(&super::flow::step(side, ask), &failure);
            self.warnings.push(format!("Clean-up: {what}"));
            rest = flows::without_fence((side, ask), rest);
        }
        self.enter(Stage::CleaningUp(rest))
    }

    fn fail(mut self, failure: Failure, undo: &'static [Undo]) -> (Self, Effect) {
        self.ended = Some(self.last_event);
        self.outcome = Outcome::Failed;
        self.reason = Some(sentence(&failure.message));
        self.failure = Some(failure);
        self.enter(Stage::CleaningUp(undo))
    }

    fn standing(&self, status: Result<Value, Failure>) -> Standing {
        status
            .and_then(|value| read::<Telemetry>(value, "status", ""))
            .map_or(Standing::Unknown, |status| Standing::of(&status, &self.setting.active))
    }

    fn judge(&mut self, source: Standing, destination: Standing) {
        let end = |host, standing| End { host, standing, orders: self.setting.orders(host) };
        let (outcome, who) = standing::verdict(end(&self.setting.from, source), end(&self.setting.to, destination));
        self.outcome = outcome;
        self.reason = Some(format!("{} {who}", self.reason.take().unwrap_or_default()));
    }

    fn settle(self) -> (Self, Effect) {
        if self.mark.is_none() {
            return self.enter(Stage::Over);
        }
        let settled = settling(self.setting.probe_interval);
        self.enter(Stage::Settling(settled))
    }

    fn counted(mut self, settled: Duration, result: Result<Value, Failure>) -> (Self, Effect) {
        let far_end = self.setting.far_end.clone().unwrap_or_default();
        match result.and_then(|value| read::<ProbeWindow>(value, "probe_window", &far_end)) {
            Ok(window) => {
                // The probe may be slower than configured: then the first reply after the move may still be to come.
                let needed = settling(interval(window.interval_ms));
                if needed > settled {
                    self.stage = Stage::Settling(needed);
                    return (self, Effect::Wait(needed - settled));
                }
                self.window = Some(window);
            }
            Err(failure) => self.warnings.push(format!("Lost probes and the gap are not measured: {}", sentence(&failure.message))),
        }
        self.enter(Stage::Over)
    }

    /// A failure with where it happened.
    fn says(&self, step: &Step, failure: &Failure) -> String {
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

fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn read<T: DeserializeOwned>(value: Value, what: &str, host: &str) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|e| {
        Failure::new(ErrorCode::Internal, format!("the answer of {host} to {what} could not be read: {e}"))
            .hint("run the same baton on every host")
    })
}
