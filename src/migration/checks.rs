//! Whether an order may begin.

use serde_json::Value;

use super::engine::{Effect, Stage, State, read};
use super::flow::{Ask, Side};
use super::standing::{self, Report};
use crate::protocol::{Failure, SyncState, Telemetry};

impl State {
    pub(super) fn checked(mut self, index: usize, result: Result<Value, Failure>) -> (Self, Effect) {
        let Some(check) = self.flow.checks.get(index) else { return self.enter(Stage::Marking) };
        let host = self.setting.host(check.at);
        let orders = self.setting.orders(host);
        let verdict = result.and_then(|value| read::<Telemetry>(value, "status", host)).and_then(|status| match check.ask {
            _ if self.is_busy(&status) => Err(standing::busy(&status)),
            Ask::BeFree => standing::check_free(&status, orders).map(|()| status),
            Ask::BeAtWork => standing::check_at_work(&status, orders).map(|()| status),
            Ask::BeParked => standing::check_parked(&status, &self.setting.active, orders).map(|()| status),
            _ => Ok(status),
        });
        match verdict {
            Ok(status) => {
                self.remember(check.at, status);
                self.enter(Stage::Checking(index + 1))
            }
            Err(mut failure) => {
                failure.message = format!("{} was not begun: {}", self.setting.request.order, failure.message);
                self.fail(failure, &[])
            }
        }
    }

    /// What a return may need to know of how things were.
    fn remember(&mut self, side: Side, status: Telemetry) {
        let report = Some(Report::of(&status, &self.setting.active));
        match side {
            Side::Source => {
                self.ends.told(side, report);
                self.synced_before = matches!(status.d2d.sync, Some(SyncState::Synced { .. } | SyncState::Untold));
                (self.facts.control, self.facts.route_list) = (status.control.values, status.route_list);
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
