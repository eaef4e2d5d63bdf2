//! What this host knows of the store.

use engine::{Change, Error, View};

use config::RadioName;
use protocol::StoreStatus;

/// What was read last, and whether it can still be relied on.
#[derive(Debug, Clone, Default)]
pub(in crate::agent) struct Seen {
    pub(in crate::agent) view: View,
    /// All was read once.
    pub(in crate::agent) read: bool,
    /// Why there is no quorum, as far as this host can tell.
    pub(in crate::agent) lost: Option<Error>,
}

impl Seen {
    pub(super) fn apply(&mut self, change: Change) {
        let view = &mut self.view;
        match change {
            Change::All(all) => (*view, self.read) = (all, true),
            Change::Owner(radio, Some(owner)) => drop(view.owners.insert(radio, owner)),
            Change::Owner(radio, None) => drop(view.owners.remove(&radio)),
            Change::Reserved(radio, Some(reserved)) => drop(view.reserved.insert(radio, reserved)),
            Change::Reserved(radio, None) => drop(view.reserved.remove(&radio)),
            Change::Member(host, true) => drop(view.members.insert(host)),
            Change::Member(host, false) => drop(view.members.remove(&host)),
            Change::Leader(leader) => view.leader = leader,
            // What was read last is the best that is known; the quorum is asked for apart.
            Change::Interrupted(_) => {}
        }
    }

    pub(super) fn status(&self, radio: &RadioName) -> StoreStatus {
        let owner = self.view.owners.get(radio);
        StoreStatus {
            quorum: self.read && self.lost.is_none(),
            why: self.lost.as_ref().map(ToString::to_string),
            leader: self.view.leader.as_ref().map(ToString::to_string),
            members: self.view.members.iter().map(ToString::to_string).collect(),
            owner: owner.map(|owner| owner.host.to_string()),
            epoch: owner.map(|owner| owner.epoch),
        }
    }
}
