//! Taking the work over from a server that does not answer: which server would, and whether to offer it.

use super::model::Model;
use super::preflight::next_order;
use protocol::{Order, RadioOwner};

/// A failover as it would be ordered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failover<'a> {
    /// The order that it is a method of.
    pub order: Order,
    /// Who has the work.
    pub from: &'a str,
    /// Who would start it again.
    pub to: &'a str,
}

impl<'a> Failover<'a> {
    /// From the owner of the radio, or its last known owner.
    pub fn from_owner(model: &'a Model) -> Self {
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
        let now = Self::from_owner(model);
        let owned = model.holds_radio(now.from) || model.ownership().is_some_and(|(_, owner)| owner == now.from);
        let taken = model.holds_radio(now.to) && model.stale_ms(now.to).is_none();
        let idle = model.under_way().is_none() && model.waiting().is_none() && model.replay.is_none() && !model.read_only;
        let lost = !model.is_heard(now.from) && model.is_heard(now.to);
        (owned && lost && idle && !taken).then_some(now)
    }
}
