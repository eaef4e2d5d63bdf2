//! An order under way as data: its stage, what was learnt, and what follows. The phases work on it, and the engine goes from one to the next.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decision::Decision;
use super::flow::{Facts, Flow, Side, Step, StepCommand, Undo};
use super::flows;
use super::known::Ends;
use super::setting::Setting;
use super::standing::Report;
use super::units::sentence;
use protocol::{Answer, Command, Failure, Method, Outcome, PhaseName, ProbeWindow, RunRecord, Telemetry};

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
    /// Reserve the radio in the pool's store and tell the state under which epoch.
    Reserve {
        /// For whom.
        to: String,
        /// The epoch is above this one.
        above: u64,
    },
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
    /// What was decided about the order up to now.
    pub decision: Decision,
}

/// Where the order is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Asking whether the order may begin; index into [`Flow::checks`].
    Checking(usize),
    /// Asking the pool's store whether this order may have the radio.
    Reserving,
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
    /// What was decided about the order up to now.
    pub(super) decision: Decision,
    /// The operator has ended the work on the source meanwhile: nothing starts it again.
    pub(super) withdrawn: bool,
    /// The step before which it was given up.
    pub(super) stopped_before: Option<usize>,
    /// How long the order waited for the operator's go.
    pub(super) held: Option<Duration>,
    /// When the source was asked to stop serving.
    pub(super) cut_at: Option<Duration>,
    /// The return of the service after a failure.
    pub(super) back: RollbackState,
    pub(super) mark: Option<u64>,
    pub(super) window: Option<ProbeWindow>,
    /// The agent that began the order has ended amid it.
    pub(super) taken_up: bool,
}

/// What follows when something has happened.
#[derive(Debug)]
pub(super) enum Next {
    /// That stage begins, or is passed where it has nothing to do.
    Enter(Stage),
    /// The driver does this, in the stage that the state names.
    Await(Effect),
}

/// A return under way, or the last one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RollbackState {
    /// Index of the next return to be tried.
    pub(super) next: usize,
    /// For which return the other end was told to leave the radio alone.
    pub(super) silenced: Option<usize>,
    /// What the host that is to serve said before the return began.
    pub(super) before: Option<Report>,
    /// Whether the source had left a change unanswered before the return began.
    pub(super) unanswered: bool,
    /// Who was last asked to serve.
    pub(super) to: Option<Side>,
    /// By which return.
    pub(super) way: usize,
    /// Time of the last return's steps.
    pub(super) phases: BTreeMap<PhaseName, Duration>,
    /// When the service was back.
    pub(super) since: Option<Duration>,
    /// Hosts that have looked for the radio in vain.
    pub(super) blind: Vec<Side>,
    /// Why a host was not given the radio.
    pub(super) blocked: Option<String>,
}

impl RollbackState {
    /// Whether a host has looked for the radio in vain.
    pub(super) fn is_blind(&self) -> bool {
        !self.blind.is_empty()
    }

    /// Forgets what was tried, and goes on with that return.
    pub(super) fn begin_anew(&mut self, next: usize) {
        (self.next, self.silenced) = (next, None);
        self.blind.clear();
    }
}

impl State {
    /// Before the first question.
    pub(super) fn new(setting: Setting) -> Self {
        let flow = flows::of(setting.request.order, setting.request.method, setting.form);
        let force = setting.request.force && matches!(setting.request.method, Method::Failover | Method::Recover);
        let before = if setting.request.method == Method::Recover { setting.host(Side::Other) } else { &setting.from };
        let by_radio = setting.request.method == Method::Failover;
        let facts =
            Facts { force, despite_foreign: setting.request.force, by_radio, source: before.to_owned(), ..Facts::default() };
        Self {
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
            decision: Decision::None,
            withdrawn: false,
            stopped_before: None,
            held: None,
            cut_at: None,
            back: RollbackState::default(),
            mark: None,
            window: None,
            taken_up: false,
        }
    }

    pub(super) fn ask_status(&self, side: Side) -> Effect {
        Effect::Request { host: self.setting.host(side).to_owned(), command: Command::Status }
    }

    pub(super) fn ask(&self, side: Side, ask: StepCommand) -> Effect {
        Effect::Request { host: self.setting.host(side).to_owned(), command: ask.command(&self.facts) }
    }

    /// Whether the source forwards for others.
    pub(super) fn relay(&self) -> bool {
        !self.facts.values.route_list.is_empty()
    }

    pub(super) fn report(&mut self, result: &Result<Answer, Failure>) -> Option<Report> {
        let status: Telemetry = result.as_ref().ok()?.clone().into_result().ok()?;
        self.facts.epoch = self.facts.epoch.max(status.owner_epoch.unwrap_or_default());
        Some(Report::of(&status, self.setting.active))
    }

    pub(super) fn fail(&mut self, failure: Failure, undo: &'static [Undo]) -> Next {
        self.ended = Some(self.last_event);
        self.outcome = Outcome::Failed;
        self.reason = Some(sentence(&failure.message));
        self.failure = Some(failure);
        Next::Enter(Stage::CleaningUp(undo))
    }

    /// A failure with where it happened.
    pub(super) fn says(&self, step: &Step, failure: &Failure) -> String {
        sentence(&format!("{} on {}: {}", step.ask.command(&self.facts).name(), self.setting.host(step.at), failure.message))
    }
}
