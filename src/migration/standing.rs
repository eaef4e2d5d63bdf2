//! Who serves, from what the hosts say of themselves.

use crate::protocol::{ErrorCode, Failure, Order, Outcome, ProcessState, ProcessStatus, Telemetry};

/// What a host is doing for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Both processes run and eth3 points at the radio.
    Serves,
    /// Something is left, but it does not serve: a process without the other, or eth3 at the radio without both.
    Partly,
    /// Nothing runs, eth3 is elsewhere.
    Idle,
    /// The host did not say.
    Unknown,
}

impl Standing {
    /// The standing of a host that said this; `active` is the address that the radio talks to.
    pub fn of(status: &Telemetry, active: &str) -> Self {
        let running = |p: &ProcessStatus| p.state == ProcessState::Running;
        match (holds_radio(status, active), running(&status.d2d) && running(&status.usrp)) {
            (true, true) => Self::Serves,
            (false, false) if processes(status).is_empty() => Self::Idle,
            _ => Self::Partly,
        }
    }
}

/// Whether the host's eth3 carries the address that the radio talks to.
pub fn holds_radio(status: &Telemetry, active: &str) -> bool {
    let host_part = |address: &str| address.split('/').next().map(str::to_owned);
    status.radio_port.addresses.iter().any(|a| host_part(a) == host_part(active))
}

/// Names of the workload processes that exist on the host.
pub fn processes(status: &Telemetry) -> Vec<&'static str> {
    let there = |p: &ProcessStatus| !matches!(p.state, ProcessState::Stopped | ProcessState::Died);
    [("D2D", there(&status.d2d)), ("USRP", there(&status.usrp))].into_iter().filter_map(|(n, t)| t.then_some(n)).collect()
}

/// Names the orders that start and stop a host's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orders {
    /// DS or DSR.
    pub start: Order,
    /// KL or KR.
    pub stop: Order,
}

/// Refuses an order while another one is carried out on a host that it needs.
pub fn busy(status: &Telemetry) -> Failure {
    let order = status.migration.as_ref().map_or_else(|| "an order".into(), |progress| progress.order.to_string());
    Failure::new(ErrorCode::Busy, format!("{} is carrying out {order}", status.host)).hint("ask again when it is over")
}

/// Refuses an order on a host that already runs something.
pub fn check_free(status: &Telemetry, orders: Orders) -> Result<(), Failure> {
    let running = processes(status);
    if running.is_empty() {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::State, format!("{} already runs {}", status.host, running.join(" and ")))
        .hint(format!("{} stops it", orders.stop)))
}

/// Refuses an order on a host that runs nothing that could be moved.
pub fn check_at_work(status: &Telemetry, orders: Orders) -> Result<(), Failure> {
    if processes(status).is_empty() {
        return Err(Failure::new(ErrorCode::State, format!("{} runs nothing that could be moved", status.host))
            .hint(format!("{} starts it", orders.start)));
    }
    Ok(())
}

/// Refuses an order while another host's eth3 points at the radio.
pub fn check_parked(status: &Telemetry, active: &str, orders: Orders) -> Result<(), Failure> {
    if holds_radio(status, active) {
        return Err(Failure::new(
            ErrorCode::State,
            format!("{} points eth3 at the radio, and the radio can serve one host only", status.host),
        )
        .hint(format!("{} parks it", orders.stop)));
    }
    Ok(())
}

/// A host of a failed migration.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Its name.
    pub host: &'a str,
    /// What it is doing.
    pub standing: Standing,
    /// The orders for it.
    pub orders: Orders,
}

/// Outcome of a failed migration and one sentence: who serves, or that nobody does and what brings the service back.
pub fn verdict(source: End<'_>, destination: End<'_>) -> (Outcome, String) {
    use Standing::{Partly, Serves, Unknown};
    let (from, to) = (source.host, destination.host);
    match (source.standing, destination.standing) {
        (Serves, Serves) => (
            Outcome::Failed,
            format!(
                "Both {from} and {to} point eth3 at the radio: {} or {} parks one.",
                source.orders.stop, destination.orders.stop
            ),
        ),
        (Serves, _) => (Outcome::RolledBack, format!("{from} still serves.")),
        (_, Serves) => (Outcome::Failed, format!("{to} keeps the radio and its processes run.")),
        (Unknown, _) => (Outcome::Failed, not_known(from)),
        (_, Unknown) => (Outcome::Failed, not_known(to)),
        (at_source, at_destination) => {
            let mut orders = Vec::new();
            if at_destination == Partly {
                orders.push(destination.orders.stop.to_string());
            }
            if at_source == Partly {
                orders.push(source.orders.stop.to_string());
            }
            let start = source.orders.start;
            let sentence = if orders.is_empty() {
                format!("Nobody serves now: {start} starts {from} again.")
            } else {
                format!("Nobody serves now: {} and then {start} start {from} again.", orders.join(", "))
            };
            (Outcome::Failed, sentence)
        }
    }
}

fn not_known(host: &str) -> String {
    format!("Whether {host} serves is not known: its agent does not answer. Start it with `baton agent --host {host}`.")
}
