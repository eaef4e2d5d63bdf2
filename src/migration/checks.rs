//! Whether an order may begin.

use super::check;
use super::flow::{Side, StepCommand};
use super::known::unanswered;
use super::setting::Setting;
use super::standing::{self, Report};
use super::state::{Next, Stage, State};
use super::units::sentence;
use protocol::{Answer, ErrorCode, Failure, Finding, Grade, GuestState, Method, Origin, ProcessState, SyncState, Telemetry};

impl State {
    pub(super) fn checked(&mut self, index: usize, result: Result<Answer, Failure>) -> Next {
        let Some(check) = self.flow.checks.get(index) else { return Next::Enter(Stage::Marking) };
        let host = self.setting.host(check.at);
        let orders = self.setting.orders(host);
        if check.ask == StepCommand::RequireSilent {
            return match check::be_silent(host, result.map(drop)) {
                Ok(warning) => {
                    self.warnings.push(warning);
                    Next::Enter(Stage::Checking(index + 1))
                }
                Err(failure) => self.not_begun(failure),
            };
        }
        if let (StepCommand::RequireEndable, Err(failure)) = (check.ask, &result)
            && unanswered(failure)
        {
            self.warnings.push(sentence(&format!("Check: {host} does not answer: {}", failure.message)));
            self.facts.other_silent = true;
            return Next::Enter(Stage::Checking(index + 1));
        }
        let verdict = result.and_then(Answer::into_result::<Telemetry>).and_then(|status| match check.ask {
            _ if self.is_busy(&status) => Err(standing::busy(&status)),
            ask => {
                let mut findings = check::of_host(ask, &status, orders, self.setting.active);
                findings.extend(check::of_method(ask, self.setting.request.method, &status));
                if let Err(contested) = self.uncontested(ask, &status) {
                    if !self.setting.request.force {
                        return Err(contested);
                    }
                    findings.push(Finding::new(Grade::Warning, &status.host, contested.message));
                }
                refuse(&findings).map_or(Ok((status, findings)), Err)
            }
        });
        match verdict {
            Ok((status, findings)) => {
                let warnings = findings.iter().filter(|finding| finding.grade == Grade::Warning);
                self.warnings.extend(warnings.map(|f| sentence(&format!("Check: {}: {}", f.subject, f.sentence))));
                self.remember(check.at, status);
                Next::Enter(Stage::Checking(index + 1))
            }
            Err(failure) => self.not_begun(failure),
        }
    }

    /// What stands against taking the radio, and what `force` overrides.
    fn uncontested(&self, ask: StepCommand, status: &Telemetry) -> Result<(), Failure> {
        let active = self.setting.active;
        check::drained::takes_on_work(ask, status)?;
        check::uncontested(ask, status, active)?;
        if ask == StepCommand::RequireAtWork {
            check::require_follower(&self.setting, status)?;
        }
        if ask == StepCommand::RequireRecoverable && self.facts.other_silent {
            // Nobody could tell it to leave the radio alone.
            standing::check_nobody_holds(status, active)?;
        }
        check::serves_nobody(ask, status, active)
    }

    /// What is known of the work that is to be started anew: of its last owner, else of whoever has something left of it.
    fn recall_work(&mut self, status: &Telemetry) {
        let owns = status.owner.as_deref() == Some(&status.host) && status.owner_epoch.unwrap_or_default() >= self.facts.epoch;
        let left = status.d2d.state != ProcessState::Stopped;
        if owns || (left && self.facts.values.control.is_empty()) {
            self.facts.values = status.control_values();
            self.facts.tun_ip = status.tun.addresses.first().cloned().unwrap_or_default();
        }
    }

    /// Refuses a method for which the link to the radio is too narrow.
    pub(super) fn too_fast(&self) -> Option<Failure> {
        let Setting { request, two_streams, .. } = &self.setting;
        let needed = request.order.is_migration() && request.method == Method::Seamless;
        (needed && !two_streams)
            .then(|| Failure::new(ErrorCode::State, check::ONE_STREAM).hint("the method hot needs one stream only"))
    }

    /// Refuses the order when its interruption is to be expected longer than the operator accepts.
    pub(super) fn over_budget(&mut self) -> Option<Failure> {
        let request = &self.setting.request;
        let budget = request.budget_ms.filter(|_| request.order.is_migration() && !request.force)?;
        let expected = self.setting.expected;
        let (Some(ms), runs) = (expected.ms, expected.runs) else {
            self.warnings.push(format!("The budget of {budget:.0} ms was not compared with anything: there is no history."));
            return None;
        };
        let from = match expected.origin {
            Origin::History => format!("median of {runs} earlier runs"),
            _ => "the paper's figure, for there is no history".into(),
        };
        (ms > budget).then(|| {
            let text =
                format!("an interruption of {ms:.0} ms is to be expected ({from}), which exceeds the budget of {budget:.0} ms");
            Failure::new(ErrorCode::OverBudget, text)
                .hint("raise the budget, take another method, or order it all the same (force)")
        })
    }

    /// What the pool's store says. Whoever forces an order takes the radio without it.
    pub(super) fn reserved(&mut self, result: Result<Answer, Failure>) -> Next {
        match result {
            Ok(_) => {}
            // What another order has, none takes by force.
            Err(failure) if self.setting.request.force && !matches!(failure.code, ErrorCode::Busy | ErrorCode::StaleEpoch) => {
                self.warnings.push(sentence(&format!("Forced, without the pool's store: {}", failure.message)));
            }
            Err(failure) => return self.not_begun(failure),
        }
        Next::Enter(Stage::Marking)
    }

    /// The order has the radio under this epoch, which is given to nobody else.
    pub(in crate::migration) fn may_take(&mut self, epoch: u64) {
        self.facts.epoch = self.facts.epoch.max(epoch.saturating_sub(1));
    }

    pub(super) fn not_begun(&mut self, mut failure: Failure) -> Next {
        failure.message = format!("{} was not begun: {}", self.setting.request.order, failure.message);
        self.fail(failure, &[])
    }

    /// What a return may need to know of how things were.
    fn remember(&mut self, side: Side, status: Telemetry) {
        if self.setting.request.method == Method::Recover {
            self.recall_work(&status);
        }
        self.facts.epoch = self.facts.epoch.max(status.owner_epoch.unwrap_or_default());
        let report = Some(Report::of(&status, self.setting.active));
        match side {
            Side::Source => {
                self.ends.told(side, report);
                self.synced_before = matches!(status.d2d.sync, Some(SyncState::Synced { .. } | SyncState::Unreported));
                if let Some(guest) = &status.guest {
                    self.facts.accelerator = guest.accelerator;
                    self.synced_before = guest.state == GuestState::Running;
                }
                self.facts.values = status.control_values();
            }
            Side::Destination => {
                self.ends.told(side, report);
                self.tun_before = status.tun.addresses.into_iter().next();
            }
            Side::Other => {}
        }
    }

    /// Whether the host carries out another order. Two orders that begin at the same moment on two hosts see each other here, because
    /// each is announced in its own host's status before it asks the other's; at least one of them gives way.
    fn is_busy(&self, status: &Telemetry) -> bool {
        status.migration.as_ref().is_some_and(|other| !other.finished && other.run != self.setting.run)
    }
}

/// The blockers as one failure.
fn refuse(findings: &[Finding]) -> Option<Failure> {
    let blockers: Vec<&Finding> = findings.iter().filter(|finding| finding.grade == Grade::Blocker).collect();
    let sentences: Vec<&str> = blockers.iter().map(|finding| finding.sentence.as_str()).collect();
    let hint = blockers.first()?.hint.clone();
    Some(Failure { hint, ..Failure::new(ErrorCode::State, sentences.join("; ")) })
}
