//! Taking the work over from a server that does not answer: who would, and what is known of the other one.

use super::confirm::Confirm;
use super::model::Model;
use super::pings;
use super::preflight::next_order;
use super::text::span;
use protocol::{Order, RadioOwner};

/// A failover as it would be ordered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failover<'a> {
    /// The order that it is a method of.
    pub order: Order,
    /// Who has the work.
    pub from: &'a str,
    /// Who would start it anew.
    pub to: &'a str,
}

impl<'a> Failover<'a> {
    /// From whoever owns the radio, or was the last to.
    pub fn of(model: &'a Model) -> Self {
        let [one, two] = model.pool();
        let last = match model.owner() {
            RadioOwner::Host(host) => Some(host),
            RadioOwner::Nobody | RadioOwner::Conflict(_) => model.ownership().map(|(_, owner)| owner.to_owned()),
        };
        let order = match last {
            Some(host) if host == two => Order::MB,
            Some(host) if host == one => Order::M,
            _ => next_order(model),
        };
        let (from, to) = if order == Order::MB { (two, one) } else { (one, two) };
        Self { order, from, to }
    }

    /// The one to offer: the owner of the radio is not heard, the other server is, and nothing is under way.
    pub fn offered(model: &'a Model) -> Option<Self> {
        let now = Self::of(model);
        let owned = model.holds_radio(now.from) || model.ownership().is_some_and(|(_, owner)| owner == now.from);
        let taken = model.holds_radio(now.to) && model.stale_ms(now.to).is_none();
        let idle = model.under_way().is_none() && model.waiting().is_none() && model.replay.is_none() && !model.read_only;
        let lost = !model.is_heard(now.from) && model.is_heard(now.to);
        (owned && lost && idle && !taken).then_some(now)
    }
}

/// The question: the risk in plain words, and what is known.
pub fn question(model: &Model) -> Confirm {
    let lang = model.skin.lang;
    let Failover { order, from, to } = Failover::of(model);
    let mut lines = Vec::new();
    if model.is_heard(from) {
        let text = "{0} answers. A failover is for a server that does not, and {1} refuses it otherwise; {2} ({3}) moves the work.";
        let key = model.keys.key(super::action::Action::Order(order));
        lines.push(lang.fill(text, &[&from, &to, &key, &order]));
    } else {
        let risk = "{0} does not answer. If it still runs, two servers may drive the radio until it is fenced.";
        lines.push(lang.fill(risk, &[&from]));
    }
    lines.push(match model.control_age_ms(from) {
        Some(age) => lang.fill("{0} starts the work anew with control variables collected {1} ago.", &[&to, &span(age)]),
        None => lang.fill("{0} starts the work anew. This console has seen no control variables of {1}.", &[&to, &from]),
    });
    lines.extend(pings::sentence(model));
    Confirm {
        action: super::action::Action::Failover,
        title: lang.fill("failover: {0} takes the work over from {1}?", &[&to, &from]),
        lines,
    }
}
