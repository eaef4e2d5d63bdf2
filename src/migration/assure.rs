//! The last question of a migration: a destination that came into sync may have lost a process since, and the source is gone.

use std::time::Duration;

use super::engine::{Effect, Stage, State};
use super::standing::Standing;
use protocol::{Answer, ErrorCode, Failure, Outcome, ProcessState};

impl State {
    /// The probes of the last moments have travelled, or nobody counts them.
    pub(super) fn settled(self, settled: Duration) -> (Self, Effect) {
        if self.outcome == Outcome::Ok && self.setting.request.order.is_migration() {
            return self.enter(Stage::Assuring(settled));
        }
        self.count(settled)
    }

    fn count(self, settled: Duration) -> (Self, Effect) {
        let stage = if self.mark.is_some() { Stage::Counting(settled) } else { Stage::Over };
        self.enter(stage)
    }

    /// The destination has said what it does. One that does not answer is taken at the word that it gave.
    pub(super) fn assured(mut self, settled: Duration, result: Result<Answer, Failure>) -> (Self, Effect) {
        let Some(report) = self.report(&result).filter(|report| Standing::of(*report) != Standing::Serves) else {
            return self.count(settled);
        };
        let (to, running) = (&self.setting.to, ProcessState::Running);
        let lost = [
            (report.d2d != running, "its D2D process"),
            (report.usrp != running, "its USRP process"),
            (!report.points, "the radio"),
        ];
        let lost: Vec<&str> = lost.into_iter().filter_map(|(lost, what)| lost.then_some(what)).collect();
        let text = format!("the work had moved to {to}, which then lost {}", lost.join(" and "));
        self.failed_step = self.flow.steps.len().checked_sub(1);
        self.fail(Failure::new(ErrorCode::Process, text), &[])
    }
}
