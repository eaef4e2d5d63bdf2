//! Which orders the hosts would refuse now, and what the operator may have meant instead: from what the hosts say of themselves. An
//! order that cannot be done is never answered with the way to stop a host that serves.

use super::action::Action;
use super::model::Model;
use super::ordering;
use super::preflight::before_cut;
use super::service;
use crate::migration::standing::{Orders, Report, Standing, processes};
use protocol::{Method, Order};

/// An order that has just been sent is not sent again for so long, ms; its host says within that whether it has begun.
const JUST_SENT_MS: u64 = 5_000;

/// Why something is not done, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: String,
    /// What to do, in one way.
    pub hint: Option<String>,
}

impl Refusal {
    /// One sentence.
    pub fn sentence(&self) -> String {
        self.hint.as_ref().map_or_else(|| self.reason.clone(), |hint| format!("{}; {hint}", self.reason))
    }
}

/// Why an action is not possible now; `None` where it is, or where that is not known.
pub fn refusal(model: &Model, action: Action) -> Option<Refusal> {
    let order = match action {
        Action::Order(order) => order,
        Action::Recover => return ordering::nothing_to_recover(model).map(|reason| Refusal { reason, hint: None }),
        _ => return None,
    };
    under_way(model, order).or_else(|| just_sent(model, order)).or_else(|| {
        let [one, two] = model.pool();
        match order {
            Order::DS => start(model, one, two),
            Order::DSR => start(model, two, one),
            Order::M => migration(model, one, two),
            Order::MB => migration(model, two, one),
            Order::KL | Order::KR => None,
        }
    })
}

/// What a host does for the service, if it is heard.
fn standing(model: &Model, host: &str) -> Standing {
    let heard = model.telemetry(host).filter(|_| model.is_heard(host));
    let active = model.config.addresses.active.address();
    heard.map_or(Standing::Unknown, |status| Standing::of(Report::of(status, active)))
}

/// The orders for a host.
fn orders(model: &Model, host: &str) -> Orders {
    let [one, _] = model.pool();
    if host == one { Orders { start: Order::DS, stop: Order::KL } } else { Orders { start: Order::DSR, stop: Order::KR } }
}

fn key(model: &Model, order: Order) -> String {
    model.keys.key(Action::Order(order))
}

fn under_way(model: &Model, wanted: Order) -> Option<Refusal> {
    let (host, progress) = model.under_way().filter(|(host, _)| model.is_heard(host))?;
    let lang = model.skin.lang;
    // A stop asks one host only.
    let apart = matches!(wanted, Order::KL | Order::KR) && !progress.order.is_migration();
    if apart && model.config.executor(wanted) != host {
        return None;
    }
    let hint = match before_cut(model) {
        Some(_) => lang.fill("{0} gives it up", &[&model.keys.key(Action::Cancel)]),
        None => lang.tr("wait until it is over").to_owned(),
    };
    Some(Refusal { reason: lang.fill("{0} is under way on {1}", &[&progress.order, &host]), hint: Some(hint) })
}

fn just_sent(model: &Model, wanted: Order) -> Option<Refusal> {
    let sent = model.waiting().filter(|sent| sent.order == wanted)?;
    let fresh = model.now_ms.saturating_sub(sent.since_ms) < JUST_SENT_MS;
    let reason = || model.skin.lang.fill("{0} was just ordered from {1}", &[&wanted, &sent.host]);
    fresh.then(|| Refusal { reason: reason(), hint: None })
}

/// A start on `host`, beside the other server.
fn start(model: &Model, host: &str, other: &str) -> Option<Refusal> {
    let lang = model.skin.lang;
    let (here, there) = (orders(model, host), orders(model, other));
    let (reason, hint) = match (standing(model, host), standing(model, other)) {
        (Standing::Serves, _) => (
            lang.fill("{0} already serves", &[&host]),
            lang.fill("to move the work to {0}: {1}", &[&other, &key(model, here.away())]),
        ),
        (_, Standing::Serves) => {
            (lang.fill("{0} serves", &[&other]), lang.fill("to move the work to {0}: {1}", &[&host, &key(model, there.away())]))
        }
        (Standing::Partly, _) => (left_over(model, host), clears(model, host, here, key(model, here.start))),
        (_, Standing::Partly) if model.holds_radio(other) => (
            lang.fill("{0} does not serve, but has the radio's address", &[&other]),
            clears(model, other, there, key(model, here.start)),
        ),
        _ => return None,
    };
    Some(Refusal { reason, hint: Some(hint) })
}

/// A migration.
fn migration(model: &Model, from: &str, to: &str) -> Option<Refusal> {
    let lang = model.skin.lang;
    let (source, destination) = (orders(model, from), orders(model, to));
    let (reason, hint) = match (standing(model, from), standing(model, to)) {
        (_, Standing::Serves) => (
            lang.fill("{0} already serves", &[&to]),
            lang.fill("to move the work to {0}: {1}", &[&from, &key(model, destination.away())]),
        ),
        (Standing::Idle, Standing::Idle) => (
            lang.tr("there is no work that could be moved").to_owned(),
            lang.fill("to start it on {0}: {1}", &[&from, &key(model, source.start)]),
        ),
        (Standing::Serves, Standing::Partly) => (left_over(model, to), clears(model, to, destination, key(model, source.away()))),
        (Standing::Idle | Standing::Partly, Standing::Partly) => {
            (left_over(model, to), clears(model, to, destination, key(model, destination.start)))
        }
        _ => return None,
    };
    Some(Refusal { reason, hint: Some(hint) })
}

/// That a host has something left of a work and does not serve.
fn left_over(model: &Model, host: &str) -> String {
    let lang = model.skin.lang;
    let left = model.telemetry(host).map(processes).unwrap_or_default();
    if left.is_empty() {
        return lang.fill("{0} does not serve, but has the radio's address", &[&host]);
    }
    lang.fill("{0} does not serve, but {1} is left there", &[&host, &left.join(lang.tr(" and "))])
}

/// Clears what does not serve, then what was meant.
fn clears(model: &Model, host: &str, of: Orders, then: String) -> String {
    let down = service::down(model).filter(|service| service.mend.is_some_and(|mend| mend.method == Some(Method::Recover)));
    if let Some([mend, _]) = down.and_then(|service| service::mend(model, &service)) {
        return mend;
    }
    model.skin.lang.fill("{0} clears {1}, then {2}", &[&key(model, of.stop), &host, &then])
}
