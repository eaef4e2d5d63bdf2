//! What the far end's probe counts.

use std::time::Duration;

use super::setting::interval;
use super::state::{Effect, Next, Stage, State};
use super::units::sentence;
use protocol::{Answer, Failure, ProbeMark, ProbeWindow};

impl State {
    pub(super) fn marked(&mut self, result: Result<Answer, Failure>) -> Next {
        match result.and_then(Answer::into_result::<ProbeMark>) {
            Ok(mark) => self.mark = Some(mark.next),
            Err(failure) => self.warnings.push(format!("Lost probes and the gap are not measured: {}", sentence(&failure.message))),
        }
        self.enter_steps()
    }

    pub(super) fn settle(&mut self) -> Next {
        if self.mark.is_none() {
            return self.settled(Duration::ZERO);
        }
        let settled = settling(self.setting.probe_interval);
        Next::Enter(Stage::Settling(settled))
    }

    pub(super) fn counted(&mut self, settled: Duration, result: Result<Answer, Failure>) -> Next {
        match result.and_then(Answer::into_result::<ProbeWindow>) {
            Ok(window) => {
                // The probe may be slower than configured: then the first reply after the move may still be to come.
                let needed = settling(interval(window.interval_ms));
                if needed > settled {
                    self.stage = Stage::Settling(needed);
                    return Next::Await(Effect::Wait(needed - settled));
                }
                self.window = Some(window);
            }
            Err(failure) => self.warnings.push(format!("Lost probes and the gap are not measured: {}", sentence(&failure.message))),
        }
        Next::Enter(Stage::Over)
    }
}

/// How long the far end needs until a reply after the move is surely among the probes: two intervals and a long round trip.
fn settling(interval: Duration) -> Duration {
    interval * 2 + Duration::from_millis(200)
}
