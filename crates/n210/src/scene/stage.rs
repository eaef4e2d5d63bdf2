//! The paths as they are, and what is still to happen.

use std::collections::VecDeque;

use super::{PathChange, Timed};
use crate::air::medium::Path;
use crate::device::clock::Tick;

/// Paths and schedule of radios that run.
#[derive(Debug)]
pub struct SceneProgress {
    radios: usize,
    plain: Path,
    /// From each radio to each, row by row; none is a radio's way to itself as long as there is no cable.
    paths: Vec<Option<Path>>,
    schedule: VecDeque<Timed>,
}

impl SceneProgress {
    /// The same path everywhere, but from no radio to itself; nothing is to happen.
    pub fn new(radios: usize, plain: Path) -> Self {
        let own = |at: usize| at / radios == at % radios;
        let paths = (0..radios * radios).map(|at| (!own(at)).then(|| plain.clone())).collect();
        Self { radios, plain, paths, schedule: VecDeque::new() }
    }

    /// Puts a schedule, in order of time, in the place of the present one.
    pub fn plan(&mut self, schedule: Vec<Timed>) {
        self.schedule = schedule.into();
    }

    /// When the next thing happens.
    pub fn due(&self) -> Tick {
        self.schedule.front().map_or(Tick::MAX, |timed| timed.at)
    }

    /// Takes what happens by now off the schedule.
    pub fn next(&mut self, now: Tick) -> Option<Timed> {
        self.schedule.pop_front_if(|timed| timed.at <= now)
    }

    /// A path after a change; a first one from a radio to itself lays the cable.
    pub fn change(&mut self, change: &PathChange) -> Option<Path> {
        let slot = self.paths.get_mut(change.from * self.radios + change.to)?;
        let path = slot.get_or_insert_with(|| self.plain.clone());
        path.gain_db = change.gain_db.unwrap_or(path.gain_db);
        path.delay = change.delay.unwrap_or(path.delay);
        path.blocked = change.blocked.unwrap_or(path.blocked);
        if let Some(taps) = &change.taps {
            path.taps.clone_from(taps);
        }
        Some(path.clone())
    }
}
