//! What an order has to know of the world: who is who, and how the far end probes.

use std::net::Ipv4Addr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::flow::Side;
use super::standing::Orders;
use super::units::milliseconds;
use config::{Config, StandbyPolicy};
use protocol::{Expected, Form, Order, OrderRequest, Origin};

/// What the engine has to know of the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Identity of the run.
    pub run: String,
    /// When it was ordered.
    pub started: DateTime<Utc>,
    /// What was ordered.
    pub request: OrderRequest,
    /// Where the work is.
    pub from: String,
    /// Where it goes.
    pub to: String,
    pub(super) initiator: String,
    pub(super) destination: String,
    /// In a pool of several radios, the one whose work it is.
    pub(super) radio: Option<String>,
    pub(super) far_end: Option<String>,
    pub(super) probe_interval: Duration,
    pub(super) active: Ipv4Addr,
    pub(super) relay: bool,
    pub(super) form: Form,
    /// The radio's receive chains may both stream at once.
    pub(super) two_streams: bool,
    /// The host that does not serve follows the other one by itself.
    pub(super) standby: StandbyPolicy,
    /// Interruption by phases that is to be expected; filled in where it is asked for.
    pub expected: Expected,
}

impl Setting {
    /// The setting of an order in a cluster.
    pub fn new(run: String, started: DateTime<Utc>, request: &OrderRequest, config: &Config) -> Self {
        let (from, to) = config.ends(request.order);
        Self {
            run,
            started,
            request: request.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            initiator: config.roles.initiator.to_string(),
            destination: config.roles.destination.to_string(),
            radio: config.radio_to_tell(),
            far_end: config.roles.far_end.as_ref().map(ToString::to_string),
            probe_interval: config.probe.interval,
            active: config.addresses.active.address(),
            relay: !config.terminals.is_empty(),
            form: config.workload.form,
            two_streams: config.radio_of(to).is_ok_and(config::Radio::has_room_for_two_streams),
            standby: config.standby.policy,
            expected: Expected { ms: None, origin: Origin::NoHistory, runs: 0 },
        }
    }

    /// Name of the host that plays a part.
    pub fn host(&self, side: Side) -> &str {
        match side {
            Side::Source => &self.from,
            Side::Destination => &self.to,
            Side::Other if self.to == self.initiator => &self.destination,
            Side::Other => &self.initiator,
        }
    }

    pub(super) fn orders(&self, host: &str) -> Orders {
        if host == self.initiator {
            Orders { start: Order::DS, stop: Order::KL }
        } else {
            Orders { start: Order::DSR, stop: Order::KR }
        }
    }
}

/// Longest interval between probes that is waited for.
const LONGEST_INTERVAL_MS: f64 = 60_000.0;

pub(super) fn interval(ms: f64) -> Duration {
    milliseconds(ms.min(LONGEST_INTERVAL_MS))
}
