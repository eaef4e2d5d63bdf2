//! What the far end's probe counts.

use std::time::Duration;

use super::setting::interval;
use super::state::{Effect, Next, Stage, State};
use super::units::sentence;
use protocol::{Answer, Failure, Method, Outcome, ProbeMark, ProbeWindow};

/// A probe counts as lost after a second; three more may be lost by chance.
const SILENCE: Duration = Duration::from_secs(1);

impl State {
    pub(super) fn marked(&mut self, result: Result<Answer, Failure>) -> Next {
        match result.and_then(Answer::into_result::<ProbeMark>) {
            // Nobody has served since the last reply, whenever the failover was ordered.
            Ok(ProbeMark { unanswered_from: Some(from), .. }) if self.setting.request.method == Method::Failover => {
                self.mark = Some(from)
            }
            Ok(mark) => self.mark = Some(mark.next),
            Err(failure) => self.warnings.push(format!("Lost pings and the gap are not measured: {}", sentence(&failure.message))),
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
                self.judge_silence(&window);
                self.window = Some(window);
            }
            Err(failure) => self.warnings.push(format!("Lost pings and the gap are not measured: {}", sentence(&failure.message))),
        }
        Next::Enter(Stage::Over)
    }
}

impl State {
    /// Whoever runs and has the radio serves only if the far end hears it. One that had replies during the order and has none now is not served.
    fn judge_silence(&mut self, window: &ProbeWindow) {
        let interval = interval(window.interval_ms);
        let enough = (SILENCE + interval * 3).as_secs_f64() * 1e3;
        let Some(silent_ms) = window.silent_ms.filter(|silent_ms| *silent_ms >= enough && window.lost < window.sent) else {
            return;
        };
        let text = format!(
            "The far end has had no reply for {:.1} s: look at the signal, and at the radio's transmit side.",
            silent_ms / 1e3
        );
        match self.outcome {
            Outcome::Ok => self.warnings.push(text),
            _ => {
                self.outcome = Outcome::Failed;
                self.reason = Some(self.reason.take().map_or_else(|| text.clone(), |reason| format!("{reason} {text}")));
            }
        }
    }
}

/// How long the far end needs until a reply after the move is surely among the probes: two intervals and a long round trip.
fn settling(interval: Duration) -> Duration {
    interval * 2 + Duration::from_millis(200)
}
