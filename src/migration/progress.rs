//! An order under way as the console follows it.

use std::time::Duration;

use super::state::{Stage, State};
use super::units::rounded;
use protocol::{OrderStage, PhaseName, Progress, Step, StepState};

impl State {
    /// Where the order is at `now`, on the driver's clock. Not finished: whoever keeps the record says that it is over.
    pub fn progress(&self, now: Duration) -> Progress {
        let request = &self.setting.request;
        Progress {
            run: self.setting.run.clone(),
            order: request.order,
            method: request.method,
            from: self.setting.from.clone(),
            to: self.setting.to.clone(),
            steps: self.flow.phases(self.relay()).into_iter().map(|phase| self.phase(phase, now)).collect(),
            stage: self.order_stage(),
            now: self.now(),
            finished: false,
            record: None,
        }
    }

    fn order_stage(&self) -> OrderStage {
        match self.stage {
            // Nothing has changed yet.
            Stage::Checking(_) | Stage::Reserving => OrderStage::Checking,
            Stage::Marking => OrderStage::Preparing,
            Stage::Stepping(index) if self.flow.cut().is_some_and(|cut| index < cut) => OrderStage::Preparing,
            Stage::Ready(_) | Stage::Remarking(_) | Stage::Reassuring(_) => OrderStage::Ready,
            Stage::Stepping(_) | Stage::Finishing(_) => OrderStage::Moving,
            Stage::Silencing(_) | Stage::Confirming(_) | Stage::Returning(..) | Stage::LookingAgain => OrderStage::RollingBack,
            Stage::CleaningUp(_) | Stage::AskingSource(_) | Stage::AskingDestination(_) | Stage::Tidying => OrderStage::CleaningUp,
            Stage::Settling(_) | Stage::Assuring(_) | Stage::Counting(_) | Stage::Over => OrderStage::Closing,
        }
    }

    fn phase(&self, name: PhaseName, now: Duration) -> Step {
        let booked = self.phases.get(&name).copied().unwrap_or_default();
        let uses = |index: usize| self.flow.steps.get(index).is_some_and(|s| s.phases.contains(&name));
        let last = self.flow.steps.iter().rposition(|s| s.phases.contains(&name));
        let reached = match self.stage {
            Stage::Checking(_) | Stage::Reserving | Stage::Marking => Some(0),
            Stage::Stepping(index) | Stage::Ready(index) | Stage::Remarking(index) | Stage::Reassuring(index) => Some(index),
            // Over, well or not: up to the step that failed, or all of them.
            _ => self.failed_step.or(self.stopped_before).or(self.began.map(|_| self.flow.steps.len())).or(Some(0)),
        };
        let (state, running) = match (reached, last) {
            (Some(reached), Some(last)) if last < reached && !self.phases.contains_key(&name) => {
                (StepState::Unmeasured, Duration::ZERO)
            }
            (Some(reached), Some(last)) if last < reached => (StepState::Done, Duration::ZERO),
            (Some(reached), _) if self.failed_step == Some(reached) && uses(reached) => (StepState::Failed, Duration::ZERO),
            (Some(reached), _) if matches!(self.stage, Stage::Stepping(_)) && uses(reached) => {
                (StepState::Running, now.saturating_sub(self.last_event))
            }
            _ => (StepState::Waiting, Duration::ZERO),
        };
        Step { name, state, ms: rounded(booked + running) }
    }

    fn now(&self) -> String {
        let ask = |step: Option<&super::flow::Step>| {
            step.map_or_else(String::new, |s| format!("{} on {}", s.ask.command(&self.facts).name(), self.setting.host(s.at)))
        };
        match self.stage {
            Stage::Checking(_) => "checking that the order may begin".into(),
            Stage::Reserving => "reserving the radio in the pool's store".into(),
            Stage::Marking | Stage::Remarking(_) => "asking the far end for its probes".into(),
            Stage::Reassuring(_) => format!("asking whether {} is still ready", self.setting.to),
            Stage::Ready(_) => format!("{} waits for go or cancel", self.setting.to),
            Stage::Stepping(index) => ask(self.flow.steps.get(index)),
            Stage::Finishing(index) => ask(self.flow.afterwards.get(index)),
            Stage::CleaningUp(left) => {
                let undo = left.first().map(|&(side, command)| super::flow::step(side, command));
                format!("cleaning up: {}", ask(undo.as_ref()))
            }
            Stage::AskingSource(_) | Stage::AskingDestination(_) | Stage::Confirming(_) => "asking who serves".into(),
            Stage::Silencing(attempt) => {
                format!(
                    "rolling back: {}",
                    ask(Some(&super::flow::step(self.opponent(attempt), super::flow::StepCommand::DoubleKill)))
                )
            }
            Stage::Returning(attempt, index) => {
                let step = self.flow.returns.get(attempt).and_then(|way| way.steps.get(index));
                format!("rolling back: {}", ask(step))
            }
            Stage::LookingAgain => "the radio answers nobody: it is looked for again".into(),
            Stage::Tidying => "taking back the tun address".into(),
            Stage::Assuring(_) => format!("asking whether {} serves", self.setting.to),
            Stage::Settling(_) | Stage::Counting(_) => "waiting for the far end's count".into(),
            Stage::Over => "writing the record".into(),
        }
    }
}
