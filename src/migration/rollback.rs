//! After a failed cut: the service goes back to the side that can serve.
//!
//! The source system's own clean-up has run by then. Both hosts say what they do; if nobody serves, the flow's returns are tried one
//! after the other, each behind one gate: no host is asked to point eth3 at the radio before the other one has confirmed that its own
//! eth3 is parked and its USRP process gone.

use std::time::Duration;

use super::flow::{Return, Side, StepCommand, When};
use super::standing::{Report, Standing, Verdict};
use super::state::{Effect, Next, Stage, State};
use super::units::rounded;
use protocol::{Answer, Command, ErrorCode, Failure, GuestCopy, Outcome, Phase, PhaseName, ProcessState, Rollback};

/// How often a host that does not say is asked once more what it does.
const ASKED_AGAIN: u8 = 1;

/// May a return begin?
enum Gate {
    Open,
    /// Once the other end is silent.
    Silence,
    Closed,
}

/// Whether the answer settles what became of an earlier change that was not answered, whatever that was.
fn settles(ask: StepCommand) -> bool {
    ask.silences() || ask == StepCommand::Resume
}

fn other(side: Side) -> Side {
    if side == Side::Source { Side::Destination } else { Side::Source }
}

impl State {
    /// The end that must not hold the radio during a return.
    pub(super) fn opponent(&self, attempt: usize) -> Side {
        self.flow.returns.get(attempt).map_or(Side::Destination, |way| other(way.at))
    }

    /// A host has said, or not, what it does after a failure.
    pub(super) fn told(&mut self, side: Side, tries: u8, result: Result<Answer, Failure>) -> Next {
        let again = tries < ASKED_AGAIN && result.is_err();
        let report = self.report(&result);
        self.ends.told(side, report);
        if side == Side::Source && self.is_to_be_taken_up() {
            self.recognise(&result);
        }
        match side {
            Side::Source if again => Next::Enter(Stage::AskingSource(tries + 1)),
            Side::Source => Next::Enter(Stage::AskingDestination(0)),
            _ if again => Next::Enter(Stage::AskingDestination(tries + 1)),
            _ if self.is_to_be_taken_up() => self.go_on(),
            _ if self.wants_return() => {
                let next = self.back.next;
                Next::Enter(Stage::Returning(next, 0))
            }
            _ => self.enter_verdict(),
        }
    }

    fn wants_return(&self) -> bool {
        if self.withdrawn {
            return false;
        }
        let past_the_cut = self.failed_step.zip(self.flow.cut()).is_some_and(|(failed, cut)| failed >= cut);
        // It served when the order began, and has lost a process before the cut.
        let died = self.synced_before && matches!(self.ends.source.standing(), Standing::Partly | Standing::Idle);
        if !(past_the_cut || died) || self.back.since.is_some() || self.back.next >= self.flow.returns.len() {
            return false;
        }
        match (self.ends.source.standing(), self.ends.destination.standing()) {
            // Its processes go on by themselves, and are asked once whether they do.
            (Standing::Serves, _) if self.ends.source.unresumed => self.back.to.is_none(),
            // It runs again, but is not in sync. Where neither end comes into sync, the fault is not theirs.
            (Standing::Serves, at_destination) => {
                let sync_failed =
                    self.failed_step.and_then(|index| self.flow.steps.get(index)).is_some_and(|s| s.ask == StepCommand::AwaitSync);
                at_destination != Standing::Serves && self.back.to == Some(Side::Source) && !sync_failed
            }
            // It runs, but is not in sync. A source that was not in sync either has nothing to offer.
            (_, Standing::Serves) => self.synced_before,
            _ => true,
        }
    }

    /// Takes the next step of a return.
    pub(super) fn enter_return(&mut self, attempt: usize, index: usize) -> Next {
        let Some(way) = self.flow.returns.get(attempt) else { return self.enter_verdict() };
        if index == 0 {
            match self.gate(attempt, way) {
                Gate::Open => self.begin_return(attempt, way),
                Gate::Silence => return Next::Enter(Stage::Silencing(attempt)),
                Gate::Closed => {
                    self.back.next = attempt + 1;
                    return Next::Enter(Stage::Returning(attempt + 1, 0));
                }
            }
        }
        let taken = way.steps.iter().enumerate().skip(index).find(|(_, step)| self.applies(step.when, self.back.before));
        match taken {
            Some((index, step)) => {
                let effect = self.ask(step.at, step.ask);
                if step.ask.points() {
                    self.facts.epoch = self.facts.epoch.saturating_add(1);
                }
                self.stage = Stage::Returning(attempt, index);
                Next::Await(effect)
            }
            None => {
                self.back.since = Some(self.last_event);
                Next::Enter(Stage::AskingSource(0))
            }
        }
    }

    fn begin_return(&mut self, attempt: usize, way: &Return) {
        self.back.next = attempt + 1;
        self.back.before = self.ends.of(way.at).report;
        self.back.unanswered = self.ends.source.pending;
        self.back.to = Some(way.at);
        self.back.way = attempt;
        self.back.blocked = None;
        self.back.phases.clear();
        // A stranger that was there while this host served does not keep it from serving again.
        self.facts.despite_foreign = true;
    }

    fn gate(&mut self, attempt: usize, way: &Return) -> Gate {
        let (side, opponent) = (self.ends.of(way.at), self.ends.of(other(way.at)));
        let Some(report) = side.report else { return Gate::Closed };
        if !way.steps.iter().any(|step| self.applies(step.when, Some(report))) {
            return Gate::Closed;
        }
        // What it says of itself may not last: only a way that begins by settling that makes sure.
        if side.pending && !way.steps.first().is_some_and(|step| settles(step.ask)) {
            return Gate::Closed;
        }
        if way.at == Side::Destination && opponent.standing() == Standing::Serves {
            return Gate::Closed;
        }
        let points = way.steps.iter().any(|step| step.ask.points() && self.applies(step.when, Some(report)));
        match (points, opponent.silent, self.back.silenced == Some(attempt)) {
            (true, ..) if self.back.blind.contains(&way.at) => Gate::Closed,
            (false, ..) | (true, true, _) => Gate::Open,
            (true, false, false) => Gate::Silence,
            (true, false, true) => {
                let [to, from] = [way.at, other(way.at)].map(|side| self.setting.host(side));
                self.back.blocked = Some(format!(
                    "{to} was not given the radio: {from} did not confirm that its eth3 is parked and its USRP process gone."
                ));
                Gate::Closed
            }
        }
    }

    fn applies(&self, when: When, before: Option<Report>) -> bool {
        let report = before.unwrap_or_default();
        let none = matches!(report.usrp, ProcessState::Stopped | ProcessState::Died);
        let linked = report.usrp == ProcessState::Running;
        match when {
            When::Always => true,
            When::Relay => self.relay(),
            // Of recoveries, which have no way back.
            When::OtherAnswers | When::OtherSilent | When::TunKnown => false,
            // Learnt before the cut.
            When::Postcopy => self.facts.copy == GuestCopy::Post,
            When::GuestWaits => report.is_frozen(),
            When::D2dLacks => report.d2d != ProcessState::Running,
            When::RelayLacks => self.relay() && report.d2d != ProcessState::Running,
            When::UsrpLacks => none,
            When::LinkLacks => !linked,
            When::PortLacks => linked && !report.points,
            When::Unanswered => self.back.unanswered || self.ends.source.pending,
            When::Unresumed => self.ends.source.unresumed && Standing::of(report) == Standing::Serves,
        }
    }

    /// The other end was told to leave the radio alone.
    pub(super) fn silenced(&mut self, attempt: usize, result: Result<Answer, Failure>) -> Next {
        let side = self.opponent(attempt);
        self.back.silenced = Some(attempt);
        self.ends.heard(side, StepCommand::DoubleKill, &result);
        match result {
            Ok(_) => Next::Enter(Stage::Returning(attempt, 0)),
            Err(failure) => {
                let what = self.says(&super::flow::step(side, StepCommand::DoubleKill), &failure);
                self.warnings.push(format!("Roll-back: {what}"));
                Next::Enter(Stage::Confirming(attempt))
            }
        }
    }

    /// It has said what it does since.
    pub(super) fn confirmed(&mut self, attempt: usize, result: Result<Answer, Failure>) -> Next {
        let (side, report) = (self.opponent(attempt), self.report(&result));
        self.ends.told(side, report);
        Next::Enter(Stage::Returning(attempt, 0))
    }

    /// A step of a return was answered.
    pub(super) fn returned(&mut self, attempt: usize, index: usize, took: Duration, result: Result<Answer, Failure>) -> Next {
        let Some(step) = self.flow.returns.get(attempt).and_then(|way| way.steps.get(index)) else {
            return self.enter_verdict();
        };
        self.ends.heard(step.at, step.ask, &result);
        match result.and_then(|answer| self.learn(step, took, answer)) {
            Ok(()) => self.enter_return(attempt, index + 1),
            Err(failure) => {
                if failure.code == ErrorCode::RadioNotFound {
                    self.back.blind.push(step.at);
                }
                let what = self.says(step, &failure);
                self.warnings.push(format!("Roll-back: {what}"));
                // A host that does not get to serve keeps nothing of the attempt.
                Next::Enter(Stage::CleaningUp(step.undo))
            }
        }
    }

    /// The destination's own look for the radio counts, too.
    pub(super) fn note_blindness(&mut self, side: Side, failure: &Failure) {
        if failure.code == ErrorCode::RadioNotFound {
            self.back.blind.push(side);
        }
    }

    fn enter_verdict(&mut self) -> Next {
        if self.looks_again() {
            return self.look_again();
        }
        self.say_once();
        let end = |side| self.end(side, self.ends.of(side).standing());
        let verdict = Verdict {
            source: end(Side::Source),
            destination: end(Side::Destination),
            tried: self.back.to,
            back: self.back.since.is_some(),
            after_ms: self.unserved().map(rounded),
        };
        let (outcome, who) = verdict.sentence();
        // It was refused: what was meant is done already, and nothing need be started or stopped for it.
        let meant = (self.began.is_none()).then(|| verdict.destination.serves_already(verdict.source.standing)).flatten();
        if let (Some(hint), Some(failure)) = (meant, &mut self.failure) {
            failure.hint = Some(hint);
        }
        let given_up = self.failure.as_ref().is_some_and(|failure| failure.code == ErrorCode::Cancelled);
        self.outcome = if given_up && outcome == Outcome::RolledBack { Outcome::Cancelled } else { outcome };
        let nobody = outcome == Outcome::Failed && self.back.since.is_none();
        let blocked = self.back.blocked.clone().filter(|_| nobody);
        let sentences = [self.reason.take(), blocked, Some(who)];
        self.reason = Some(sentences.into_iter().flatten().collect::<Vec<_>>().join(" "));
        Next::Enter(Stage::Tidying)
    }

    fn end(&self, side: Side, standing: Standing) -> super::standing::End<'_> {
        let host = self.setting.host(side);
        super::standing::End { host, standing, orders: self.setting.orders(host) }
    }

    /// Takes back the tun address of a destination that does not serve: the source's own must not be there twice.
    pub(super) fn enter_tidying(&mut self) -> Next {
        let before = self.tun_before.clone().unwrap_or_default();
        let serves = self.ends.destination.standing() == Standing::Serves;
        if !self.tun_given || serves || before == self.facts.tun_ip {
            return self.settle();
        }
        let effect = Effect::Request { host: self.setting.to.clone(), command: Command::SetTunIp { tun_ip: before } };
        Next::Await(effect)
    }

    pub(super) fn tidied(&mut self, result: Result<Answer, Failure>) -> Next {
        if let Err(failure) = result {
            let what = self.says(&super::flow::step(Side::Destination, StepCommand::SetTunIp), &failure);
            self.warnings.push(format!("Clean-up: {what}"));
        }
        self.settle()
    }

    /// From the cut until the service was back.
    fn unserved(&self) -> Option<Duration> {
        self.back.since.zip(self.cut_at).map(|(since, cut)| since.saturating_sub(cut))
    }

    /// For the record.
    pub(super) fn rollback(&self) -> Option<Rollback> {
        let to = self.setting.host(self.back.to?).to_owned();
        let until = self.back.since.unwrap_or(self.last_event);
        // In the order in which they are completed, as in the phases of the order itself.
        let steps = self.flow.returns.get(self.back.way).map_or(&[][..], |way| way.steps);
        let mut names: Vec<PhaseName> = Vec::new();
        for &name in steps.iter().flat_map(|step| step.phases) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let phases = names.iter().filter_map(|name| self.back.phases.get_key_value(name));
        Some(Rollback {
            to,
            serves: self.back.since.is_some(),
            phases: phases.map(|(&name, &time)| Phase { name, ms: rounded(time), paper_ms: None }).collect(),
            rollback_ms: self.ended.map(|failed| rounded(until.saturating_sub(failed))),
            unserved_ms: self.unserved().map(rounded),
        })
    }
}
