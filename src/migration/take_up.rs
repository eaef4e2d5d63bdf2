//! A migration whose agent ended amid it: the agent that is started next finds out how far it came, and brings it to its end.
//!
//! Nothing is known but what both hosts say. Where the destination serves, what is left of the flow is done; otherwise the work goes the way
//! back of any failure.

use super::flow::{Side, StepCommand, Undo};
use super::flows::BACK;
use super::setting::Setting;
use super::standing::{Report, Standing};
use super::state::{Next, Stage, State};
use protocol::{Answer, ErrorCode, Failure, Telemetry};

const CLEAR_AWAY: &[Undo] = &[(Side::Destination, StepCommand::DoubleKill)];

/// The state before the first question; `tun_before` is the address that the destination's tun had before the order.
pub(super) fn interrupted(setting: Setting, tun_before: String) -> State {
    let mut state = State::new(setting);
    (state.taken_up, state.synced_before) = (true, true);
    (state.tun_given, state.tun_before) = (true, Some(tun_before));
    // The destination may have become the owner.
    state.facts.frozen = true;
    state
}

impl State {
    /// Whether both hosts were asked for the first time.
    pub(super) fn is_to_be_taken_up(&self) -> bool {
        self.taken_up && self.began.is_none()
    }

    /// What the flow would have learnt of the source.
    pub(super) fn recognise(&mut self, result: &Result<Answer, Failure>) {
        let Some(status) = result.as_ref().ok().and_then(|answer| answer.clone().into_result::<Telemetry>().ok()) else { return };
        self.facts.values = status.control_values();
        self.facts.tun_ip = status.tun.addresses.into_iter().next().unwrap_or_default();
    }

    /// Goes on, or back.
    pub(super) fn go_on(&mut self) -> Next {
        self.began = Some(self.last_event);
        let (to, order) = (&self.setting.to, self.setting.request.order);
        let text = format!("the agent of {to} ended while it carried out {order}, and the next one has taken it up");
        let (source, destination) = (self.ends.source, self.ends.destination);
        if source.standing() != Standing::Serves && destination.standing() == Standing::Serves {
            self.warnings.push(format!("{}: its times are not known.", capitalised(&text)));
            let last = self.flow.steps.len().saturating_sub(1);
            return Next::Enter(Stage::Stepping(last));
        }
        self.failed_step = self.flow.cut();
        let freezes = self.flow.steps.iter().any(|step| matches!(step.ask, StepCommand::Freeze | StepCommand::FreezePod));
        let undo = if freezes && source.report.is_some_and(Report::is_frozen) {
            BACK
        } else if destination.standing() == Standing::Idle {
            &[]
        } else {
            CLEAR_AWAY
        };
        self.fail(Failure::new(ErrorCode::Restarted, text), undo)
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
