//! The last question of a migration: a destination that came into sync may have lost a process since, and the source is gone.

use std::time::Duration;

use super::standing::Standing;
use super::state::{Next, Stage, State};
use protocol::{Answer, ErrorCode, Failure, Form, Outcome, ProcessState};

impl State {
    /// The probes of the last moments have travelled, or nobody counts them.
    pub(super) fn settled(&mut self, settled: Duration) -> Next {
        if self.outcome == Outcome::Ok && self.setting.request.order.is_migration() {
            return Next::Enter(Stage::Assuring(settled));
        }
        self.count(settled)
    }

    fn count(&mut self, settled: Duration) -> Next {
        let stage = if self.mark.is_some() { Stage::Counting(settled) } else { Stage::Over };
        Next::Enter(stage)
    }

    /// The destination has said what it does. One that does not answer is taken at the word that it gave.
    pub(super) fn assured(&mut self, settled: Duration, result: Result<Answer, Failure>) -> Next {
        let Some(report) = self.report(&result).filter(|report| Standing::of(*report) != Standing::Serves) else {
            return self.count(settled);
        };
        if self.setting.form == Form::Guest {
            self.failed_step = self.flow.steps.len().checked_sub(1);
            let text = format!("the guest had moved to {}, which then did not run it", self.setting.to);
            return self.fail(Failure::new(ErrorCode::Process, text), &[]);
        }
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
