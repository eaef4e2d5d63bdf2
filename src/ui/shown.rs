//! Which run the Timing screen shows, and what kind of thing that is.

use super::model::Model;
use super::preflight::plan_of;
use super::theme::Skin;
use super::timeline::Timeline;
use protocol::{
    Origin as Expectation, PhaseName, Plan, Progress, RunRecord, SOURCE_INTERRUPTION_MS, SOURCE_RELAY_INTERRUPTION_MS,
    SOURCE_RELAY_TOTAL_MS, SOURCE_TOTAL_MS,
};

/// Where a run on the screen comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is under way.
    Live,
    /// The last one that the agents speak of.
    Latest,
    /// Opened from the records.
    Recorded,
    /// Played again from its record.
    Replay,
}

/// What the source system published of one of its two scenarios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source {
    /// How it is called on the screen.
    pub name: &'static str,
    /// Interruption of service, ms.
    pub interruption_ms: f64,
    /// Total, ms.
    pub total_ms: f64,
}

impl Source {
    /// Two ends.
    pub const PLAIN: Self = Self { name: "source", interruption_ms: SOURCE_INTERRUPTION_MS, total_ms: SOURCE_TOTAL_MS };
    /// A relay between two terminals.
    pub const RELAY: Self =
        Self { name: "source, relay", interruption_ms: SOURCE_RELAY_INTERRUPTION_MS, total_ms: SOURCE_RELAY_TOTAL_MS };
}

/// A run on the screen.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Where it comes from.
    pub origin: Origin,
    /// The host that speaks of it, where one does.
    pub host: Option<&'a str>,
    /// The run.
    pub progress: &'a Progress,
    /// The record that it will have been: a replay knows it from the beginning.
    pub known: Option<&'a RunRecord>,
}

impl<'a> Shown<'a> {
    /// The run that Timing shows now: a replay, else one under way, else the one opened from the records, else the latest.
    pub fn of(model: &'a Model) -> Option<Self> {
        if let Some(replay) = &model.replay {
            return Some(Self { origin: Origin::Replay, host: None, progress: replay.progress(), known: Some(replay.record()) });
        }
        let latest = model.migration().map(|(host, progress)| Self {
            origin: if progress.finished { Origin::Latest } else { Origin::Live },
            host: Some(host),
            progress,
            known: progress.record.as_ref(),
        });
        let opened = || model.opened.as_ref().map(Self::recorded);
        match latest {
            Some(live) if live.origin == Origin::Live => Some(live),
            latest => opened().or(latest),
        }
    }

    /// A run from the records.
    pub fn recorded(progress: &'a Progress) -> Self {
        Self { origin: Origin::Recorded, host: None, progress, known: progress.record.as_ref() }
    }

    /// Its phases on one axis; of a replay, on the axis of the whole run.
    pub fn timeline(&self) -> Timeline {
        let mut axis = Timeline::of(self.progress);
        let whole = self.known.map(|record| record.total_ms).filter(|ms| ms.is_finite()).unwrap_or(0.0);
        axis.length_ms = axis.length_ms.max(whole);
        axis
    }

    /// Whether a relay was moved: the source measured that scenario apart.
    fn relays(&self) -> bool {
        self.known.is_some_and(|record| record.relay) || self.progress.steps.iter().any(|step| step.name == PhaseName::SetRoute)
    }

    /// The source's figures for the scenario of this run.
    pub fn source(&self) -> Source {
        if self.relays() { Source::RELAY } else { Source::PLAIN }
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
pub struct View<'a> {
    /// Styles and characters.
    pub skin: &'a Skin,
    /// The run; `None` before the first.
    pub run: Option<Shown<'a>>,
    /// The host that probes, where it is known.
    pub far_end: Option<&'a str>,
    /// Age of what is known of the run, ms, if that is too old to be taken for the present.
    pub stale_ms: Option<u64>,
    /// What this pair's own history lets expect of a run under way.
    pub plan: Option<&'a Plan>,
    /// What the operator has to be told beside it.
    pub notice: Option<String>,
}

impl<'a> View<'a> {
    /// What the console shows now.
    pub fn of(model: &'a Model) -> Self {
        let run = Shown::of(model);
        let live = run.filter(|run| run.origin == Origin::Live);
        let stale_ms = live.and_then(|run| run.host).and_then(|host| model.stale_ms(host));
        let plan = live.and_then(|run| plan_of(model, run.progress)).filter(|plan| plan.total.origin == Expectation::History);
        let far_end = model.config.roles.far_end.as_deref();
        Self { skin: &model.skin, run, far_end, stale_ms, plan, notice: model.notice() }
    }

    /// The source's figures to hold against it.
    pub fn source(&self) -> Source {
        self.run.as_ref().map_or(Source::PLAIN, Shown::source)
    }

    /// The phases on one axis; before the first run, the source's.
    pub fn timeline(&self) -> Timeline {
        self.run.as_ref().map_or_else(Timeline::source, Shown::timeline)
    }

    /// The record of the run, once there is one.
    pub fn record(&self) -> Option<&'a RunRecord> {
        self.run.as_ref().and_then(Shown::record)
    }
}
