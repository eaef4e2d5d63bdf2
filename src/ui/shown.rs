//! Which run the Timing screen shows, and where it comes from.

use super::lang::Lang;
use super::model::Model;
use super::pings;
use super::preflight::plan_under_way;
use super::theme::Skin;
use super::timeline::{self, Timeline};
use crate::metrics::measure;
use protocol::{
    Origin, PAPER_INTERRUPTION_MS, PAPER_PINGS_LOST, PAPER_RELAY_INTERRUPTION_MS, PAPER_RELAY_TOTAL_MS, PAPER_TOTAL_MS, PhaseName,
    Plan, Progress, RunRecord,
};

/// Where a run on the screen comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOrigin {
    /// It is under way.
    Live,
    /// The last one that the agents report.
    Latest,
    /// Opened from the records.
    Recorded,
    /// Played again from its record.
    Replay,
}

/// What the paper publishes of one of its two scenarios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paper {
    /// How it is called on the screen.
    pub name: &'static str,
    /// Interruption of service, ms.
    pub interruption_ms: f64,
    /// Total, ms.
    pub total_ms: f64,
    /// What it calls the figures of its phases, ms: none in the relay scenario, of which only the sums are known.
    phases: bool,
}

impl Paper {
    /// Two ends.
    pub const PLAIN: Self = Self { name: "paper", interruption_ms: PAPER_INTERRUPTION_MS, total_ms: PAPER_TOTAL_MS, phases: true };
    /// A relay between two terminals.
    pub const RELAY: Self =
        Self { name: "paper, relay", interruption_ms: PAPER_RELAY_INTERRUPTION_MS, total_ms: PAPER_RELAY_TOTAL_MS, phases: false };

    /// The scenario of a run.
    pub fn of(progress: &Progress) -> Self {
        let relays = progress.record.as_ref().is_some_and(|record| record.relay)
            || progress.steps.iter().any(|step| step.name == PhaseName::SetRoute);
        if relays { Self::RELAY } else { Self::PLAIN }
    }

    /// The figure of a phase, ms.
    pub fn phase_ms(&self, name: PhaseName) -> Option<f64> {
        name.paper_ms().filter(|_| self.phases)
    }

    /// Pings lost, one every 100 ms: not known of the relay scenario.
    pub fn pings_lost(&self) -> Option<u64> {
        self.phases.then_some(PAPER_PINGS_LOST)
    }
}

/// How ours compares with the paper's, as a factor; as long where they differ by less than a twentieth.
pub fn shorter(lang: Lang, ours: f64, paper: f64) -> String {
    match measure::times(ours, paper) {
        None => "-".into(),
        Some((times, _)) if times < 1.05 => lang.tr("as long").into(),
        Some((times, true)) => lang.fill("{0}x shorter", &[&measure::factor(times)]),
        Some((times, false)) => lang.fill("{0}x longer", &[&measure::factor(times)]),
    }
}

/// A run on the screen.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Where it comes from.
    pub origin: RunOrigin,
    /// The host that reports it, if any.
    pub host: Option<&'a str>,
    /// The run.
    pub progress: &'a Progress,
    /// Its record: a replay knows it from the beginning.
    pub known: Option<&'a RunRecord>,
}

impl<'a> Shown<'a> {
    /// The run that Timing shows now: a replay, else one under way, else the one opened from the records, else the latest.
    pub fn current(model: &'a Model) -> Option<Self> {
        if let Some(replay) = &model.replay {
            return Some(Self { origin: RunOrigin::Replay, host: None, progress: replay.progress(), known: Some(replay.record()) });
        }
        // What was refused or cancelled before its first step has nothing to show.
        let latest = model.latest_migration().filter(|(_, progress)| timeline::began(progress)).map(|(host, progress)| Self {
            origin: if progress.finished { RunOrigin::Latest } else { RunOrigin::Live },
            host: Some(host),
            progress,
            known: progress.record.as_ref(),
        });
        let opened = || model.opened.as_ref().map(Self::recorded);
        match latest {
            Some(live) if live.origin == RunOrigin::Live => Some(live),
            latest => opened().or(latest),
        }
    }

    /// A run from the records.
    pub fn recorded(progress: &'a Progress) -> Self {
        Self { origin: RunOrigin::Recorded, host: None, progress, known: progress.record.as_ref() }
    }

    /// Its phases on one axis; of a replay, on the axis of the whole run.
    pub fn timeline(&self) -> Timeline {
        let mut axis = Timeline::from_progress(self.progress);
        let whole = self.known.map(|record| record.total_ms).filter(|ms| ms.is_finite()).unwrap_or(0.0);
        axis.length_ms = axis.length_ms.max(whole);
        axis
    }

    /// The paper's figures for the scenario of this run.
    pub fn paper(&self) -> Paper {
        if self.known.is_some_and(|record| record.relay) { Paper::RELAY } else { Paper::of(self.progress) }
    }

    /// Its record, once there is one.
    pub fn record(&self) -> Option<&'a RunRecord> {
        self.progress.record.as_ref()
    }

    /// The host whose agent carried it out, and whose clock timed it: the one that takes the work over.
    pub fn executor(&self) -> &'a str {
        &self.progress.to
    }
}

/// What the panels of the Timing screen read: a run needs no console around it to be drawn.
#[derive(Debug, Clone)]
pub struct TimingView<'a> {
    /// Styles and characters.
    pub skin: &'a Skin,
    /// The run; `None` before the first.
    pub run: Option<Shown<'a>>,
    /// The host that probes, where it is known.
    pub far_end: Option<&'a str>,
    /// Age of what is known of the run, ms, if it is too old to describe the present.
    pub stale_ms: Option<u64>,
    /// How long ago the run ended, in words, if it is the latest and over.
    pub age: Option<String>,
    /// How long the far end has had no reply, ms, if that lasts.
    pub silent_ms: Option<f64>,
    /// The plan of a run under way, where it rests on this pair's own history.
    pub plan: Option<&'a Plan>,
    /// A notice to the operator.
    pub notice: Option<String>,
}

impl<'a> TimingView<'a> {
    /// What the console shows now.
    pub fn current(model: &'a Model) -> Self {
        let run = Shown::current(model);
        let live = run.filter(|run| run.origin == RunOrigin::Live);
        let stale_ms = live.and_then(|run| run.host).and_then(|host| model.stale_ms(host));
        let plan = live.and_then(|run| plan_under_way(model, run.progress)).filter(|plan| plan.total.origin == Origin::History);
        let far_end = model.config.roles.far_end.as_deref();
        let age = run.filter(|run| run.origin == RunOrigin::Latest).and_then(|_| model.migration_age());
        let silent_ms = live.and_then(|_| pings::latest(model)).filter(|lost| lost.lasts).map(|lost| lost.ms);
        Self { skin: &model.skin, run, far_end, stale_ms, silent_ms, age, plan, notice: model.notice() }
    }

    /// The paper's figures to compare it with.
    pub fn paper(&self) -> Paper {
        self.run.as_ref().map_or(Paper::PLAIN, Shown::paper)
    }

    /// The phases on one axis; before the first run, the paper's.
    pub fn timeline(&self) -> Timeline {
        self.run.as_ref().map_or_else(Timeline::paper, Shown::timeline)
    }

    /// The record of the run, once there is one.
    pub fn record(&self) -> Option<&'a RunRecord> {
        self.run.as_ref().and_then(Shown::record)
    }
}
