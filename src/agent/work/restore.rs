//! Takes a work up again after a restart of its agent, as if the agent had never ended.

use std::sync::Arc;

use super::Work;
use crate::migration::flow::{LEASE, POD_LEASE};
use protocol::{Level, StandbyState};

impl Work {
    /// Reads what was kept, adopts the processes that still run, and goes on from where they are: a freeze stays a lease, an owner fences the
    /// others, and an eth3 with the radio's address is parked where no USRP process runs.
    pub(in crate::agent) async fn restore(self: &Arc<Self>) {
        self.restore_guest().await;
        self.restore_kept();
        self.restore_following();
        match &self.pod {
            None => drop(tokio::join!(self.d2d.adopt(), self.usrp.adopt())),
            Some(_) => {
                if self.restore_pods_host().await {
                    return self.begin_lease(POD_LEASE);
                }
            }
        }
        // At the destination of a seamless move they are frozen as well, but not linked.
        if self.d2d.is_frozen() && self.usrp.is_frozen() && self.usrp.is_linked() {
            return self.begin_lease(if self.pod.is_some() { POD_LEASE } else { LEASE });
        }
        let addresses = self.read_radio_port().await.map(|port| port.addresses).unwrap_or_default();
        let [active, parked] =
            [self.active_address(), self.parked_address()].map(|address| addresses.contains(&address.to_string()));
        if self.usrp.is_linked() && self.ownership.newest().owner == self.host.name {
            // A cut leaves both addresses until its order is committed, and streams that may go to either.
            self.state().unsettled = active && parked;
            if !active && self.follow_state() == Some(StandbyState::TookOver) {
                // The agent before this one had not brought the address yet.
                self.begin_to_bring_address();
            }
            return self.fence_others();
        }
        if active && !self.usrp.is_running() {
            // The address without a USRP process serves nobody, and keeps others from serving.
            let text = format!("eth3 of {} had the radio's address, and no USRP process runs", self.host.name);
            match self.park_eth3().await {
                Ok(()) => self.host.event(Level::Warning, format!("{text}: it is parked")),
                Err(failure) => self.host.event(Level::Error, format!("{text}: {failure}")),
            }
        }
    }
}
