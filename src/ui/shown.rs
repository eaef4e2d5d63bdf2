//! Which run the Timing screen shows, and what kind of thing that is.

use super::model::Model;
use super::theme::Skin;
use crate::protocol::{Progress, RunRecord};

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

/// A run on the screen.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Where it comes from.
    pub origin: Origin,
    /// The host that speaks of it, where one does.
    pub host: Option<&'a str>,
    /// The run.
    pub progress: &'a Progress,
}

impl<'a> Shown<'a> {
    /// The run that Timing shows now: a replay, else one under way, else the one opened from the records, else the latest.
    pub fn of(model: &'a Model) -> Option<Self> {
        if let Some(replay) = &model.replay {
            return Some(Self { origin: Origin::Replay, host: None, progress: replay.progress() });
        }
        let latest = model.migration().map(|(host, progress)| Self {
            origin: if progress.finished { Origin::Latest } else { Origin::Live },
            host: Some(host),
            progress,
        });
        let opened = || model.opened.as_ref().map(|progress| Self { origin: Origin::Recorded, host: None, progress });
        match latest {
            Some(live) if live.origin == Origin::Live => Some(live),
            latest => opened().or(latest),
        }
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
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Styles and characters.
    pub skin: &'a Skin,
    /// The run; `None` before the first.
    pub run: Option<Shown<'a>>,
    /// The host that probes, where it is known.
    pub far_end: Option<&'a str>,
    /// Age of what is known of the run, ms, if that is too old to be taken for the present.
    pub stale_ms: Option<u64>,
}

impl<'a> View<'a> {
    /// What the console shows now.
    pub fn of(model: &'a Model) -> Self {
        let run = Shown::of(model);
        let live = run.filter(|run| run.origin == Origin::Live);
        let stale_ms = live.and_then(|run| run.host).and_then(|host| model.stale_ms(host));
        Self { skin: &model.skin, run, far_end: model.config.roles.far_end.as_deref(), stale_ms }
    }

    /// The record of the run, once there is one.
    pub fn record(&self) -> Option<&'a RunRecord> {
        self.run.as_ref().and_then(Shown::record)
    }
}
