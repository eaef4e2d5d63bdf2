//! The latest migration that any host has reported: kept by its run's identity, which sorts by time, because a host reports its own last
//! order only, and the next order there would bring an older one back.

use protocol::{Outcome, Progress};

/// The latest runs.
#[derive(Debug, Clone, Default)]
pub struct LatestRuns {
    /// The latest migration that is over, and the host that carried it out.
    migration: Option<(String, Progress)>,
    /// The latest other order that succeeded.
    other: Option<String>,
}

impl LatestRuns {
    /// Takes in what a host says of its last order.
    pub fn hear(&mut self, host: &str, progress: &Progress) {
        let record = progress.record.as_ref();
        // What was refused has changed nothing, and is no run.
        if !progress.finished || record.is_some_and(|record| !record.began()) {
            return;
        }
        if progress.order.is_migration() {
            let older = self.migration.as_ref().is_none_or(|(_, known)| known.run <= progress.run);
            let same = self.migration.as_ref().is_some_and(|(_, known)| known == progress);
            if older && !same {
                self.migration = Some((host.to_owned(), progress.clone()));
            }
        } else if record.is_some_and(|record| record.outcome == Outcome::Ok) && self.other.as_ref() < Some(&progress.run) {
            self.other = Some(progress.run.clone());
        }
    }

    /// The latest migration.
    pub fn migration(&self) -> Option<(&str, &Progress)> {
        self.migration.as_ref().map(|(host, progress)| (host.as_str(), progress))
    }

    /// The latest migration, while no later order has changed what it left.
    pub fn current(&self) -> Option<(&str, &Progress)> {
        self.migration().filter(|(_, progress)| self.other.as_ref().is_none_or(|other| *other < progress.run))
    }
}
