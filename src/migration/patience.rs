//! A radio that answered neither host may have been away for a moment only: as long as nobody serves it is looked for again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::flow::StepCommand;
use super::standing::Standing;
use super::state::{Effect, Next, Stage, State};

/// How long after the failure a new look may begin. An operator could do nothing better meanwhile: each look is what DS does.
const LOOKING: Duration = Duration::from_secs(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

impl State {
    /// Whether the ways back, all of them tried, are worth being tried once more.
    pub(super) fn looks_again(&self) -> bool {
        let past_the_cut = self.failed_step.zip(self.flow.cut()).is_some_and(|(failed, cut)| failed >= cut);
        let serves = [self.ends.source, self.ends.destination].iter().any(|end| end.standing() == Standing::Serves);
        let since = self.ended.map(|failed| self.last_event.saturating_sub(failed));
        past_the_cut && !serves && !self.withdrawn && self.back.is_blind() && since.is_some_and(|since| since < LOOKING)
    }

    /// Waits, and then takes the ways that configure the radio, which may have lost its power.
    pub(super) fn look_again(&mut self) -> Next {
        let anew =
            self.flow.returns.iter().position(|way| way.steps.first().is_some_and(|step| step.ask == StepCommand::DoubleKill));
        self.back.begin_anew(anew.unwrap_or(self.flow.returns.len()));
        self.stage = Stage::LookingAgain;
        Next::Await(Effect::Wait(PAUSE))
    }

    /// The same host says the same at every look.
    pub(super) fn say_once(&mut self) {
        let mut said = BTreeSet::new();
        self.warnings.retain(|text| said.insert(text.clone()));
    }
}
