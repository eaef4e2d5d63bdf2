//! What the engine knows of both ends of a migration: what they said, and whether one has confirmed that it leaves the radio alone.

use super::flow::{Side, StepCommand};
use super::standing::{Report, Standing};
use protocol::{Answer, ErrorCode, Failure, ProcessState};

/// Whether nobody knows if what was asked was carried out.
pub(super) fn unanswered(failure: &Failure) -> bool {
    matches!(failure.code, ErrorCode::Deadline | ErrorCode::Unreachable)
}

/// One end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct End {
    /// What it said of itself when it was last asked; nothing when it did not answer.
    pub report: Option<Report>,
    /// It has confirmed that eth3 is parked and its USRP process gone, and was not asked since to point eth3 at the radio.
    pub silent: bool,
    /// A change that it was asked for was not answered: it may still come, whatever the host says of the present. An agent carries out
    /// changes one at a time, in the order of asking, so that its answer to a later one ends this.
    pub pending: bool,
    /// A freeze was to be ended and something of it failed.
    pub unresumed: bool,
}

impl End {
    pub(super) fn standing(&self) -> Standing {
        self.report.filter(|_| !self.pending).map_or(Standing::Unknown, Standing::of)
    }

    fn heard(&mut self, ask: StepCommand, result: Result<(), &Failure>) {
        if !ask.changes() {
            return;
        }
        self.pending = result.is_err_and(unanswered);
        self.unresumed = ask == StepCommand::Resume && result.is_err();
        if ask.points() {
            self.silent = false;
        } else if ask.silences() {
            self.silent = result.is_ok();
            if let (true, Some(report)) = (self.silent, self.report) {
                // What it said before is over. The D2D process, where it was spared, is as it was.
                let d2d = if ask == StepCommand::KillUsrp { report.d2d } else { ProcessState::Stopped };
                self.report = Some(Report { d2d, ..Report::default() });
            }
        }
    }

    fn told(&mut self, report: Option<Report>) {
        self.report = report;
        if let Some(report) = report {
            self.silent = !self.pending && report.leaves_the_radio_alone();
        }
    }
}

/// Both ends.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Ends {
    pub source: End,
    pub destination: End,
}

impl Ends {
    pub(super) fn of(&self, side: Side) -> &End {
        if side == Side::Source { &self.source } else { &self.destination }
    }

    fn end(&mut self, side: Side) -> &mut End {
        if side == Side::Source { &mut self.source } else { &mut self.destination }
    }

    /// Takes in how a command was answered.
    pub(super) fn heard(&mut self, side: Side, ask: StepCommand, result: &Result<Answer, Failure>) {
        if side == Side::Other {
            return;
        }
        self.end(side).heard(ask, result.as_ref().map(|_| ()));
    }

    /// Takes in what a host said of itself.
    pub(super) fn told(&mut self, side: Side, report: Option<Report>) {
        self.end(side).told(report);
    }
}
