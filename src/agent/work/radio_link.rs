//! The cable to the radio: while it is out another host may take the radio, unseen. A host that has the radio gives the address up when its
//! cable is out for long, and asks the radio's network before it goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Work;
use super::conflict::ASK;
use crate::agent::host::alarms::Concern;
use crate::agent::host::arp::Probing;
use crate::agent::host::link_watch::LinkWatch;
use protocol::{ErrorCode, Failure, Level};

/// A cable that is out for so long may mean another owner: a host must be silent for longer than that before its work is taken over.
const OUT: Duration = Duration::from_secs(1);
/// A change under way is not interrupted; the look is repeated.
const AGAIN: Duration = Duration::from_millis(200);

impl Work {
    /// Watches until the agent ends.
    pub(in crate::agent) async fn watch_radio_link(self: Arc<Self>) {
        let name = self.settings().radio_port.clone();
        let mut watch = match LinkWatch::open() {
            Ok(watch) => watch,
            Err(failure) => return self.host.event(Level::Warning, format!("the cable to the radio is not watched: {failure}")),
        };
        let mut carries = self.host.ports.carries(&name).await;
        // Whether the agent that ran here before gave the address up, nobody has written down.
        let mut look = Some(Instant::now()).filter(|_| !carries);
        if carries && self.usrp.is_linked() {
            self.cable_is_in().await;
        }
        loop {
            tokio::select! {
                word = watch.next(&name) => {
                    let Some(now) = word else { return };
                    match (carries, now) {
                        (false, true) => {
                            look = None;
                            self.cable_is_in().await;
                            self.open_ways_again().await;
                        }
                        (true, false) => look = Some(Instant::now() + OUT),
                        _ => {}
                    }
                    carries = now;
                }
                () = sleep_until(look.unwrap_or_else(Instant::now)), if look.is_some() => {
                    look = if self.cable_is_out().await { None } else { Some(Instant::now() + AGAIN) };
                }
                () = self.host.leaving.cancelled() => return,
            }
        }
    }

    /// Gives the radio's address up, if this host has it and serves; `false` while a change is under way.
    async fn cable_is_out(&self) -> bool {
        let Ok(_turn) = self.changes.try_lock() else { return false };
        if !self.usrp.is_linked() || !self.has_active_address().await {
            return true;
        }
        let (host, port) = (&self.host.name, &self.settings().radio_port);
        match self.radio_port.release() {
            Ok(()) => {
                self.state().cable_out = true;
                let text =
                    format!("the cable of {port} of {host} to the radio is out: the radio's address is off until it is back");
                let failure = Failure::new(ErrorCode::Address, text)
                    .hint("put it in, or let the other server take the work: baton do recover");
                self.host.raise(Concern::RadioLink, Level::Error, failure);
            }
            Err(failure) => self.host.event(Level::Warning, failure.to_string()),
        }
        true
    }

    /// Asks the radio's network who has the radio, before this host goes on with it.
    async fn cable_is_in(self: &Arc<Self>) {
        let gave_up = self.state().cable_out || (self.owns_radio() && self.usrp.is_linked() && !self.has_active_address().await);
        if !self.has_radio().await {
            return;
        }
        let holders = self.ask_radio_network(Probing::CALM).await.unwrap_or_default();
        if let Some(peer) = holders.into_iter().find_map(|mac| self.radio_network.host_of(mac)) {
            match self.host.ask_owner(&peer, ASK).await {
                Ok(report) => self.heard_owner(&peer, report).await,
                // This host was away, and the other one was not.
                Err(_) => self.leave_radio(&format!("{peer} has the radio's address now, and its agent does not answer")).await,
            }
        }
        let _turn = self.changes.lock().await;
        if !(gave_up && self.usrp.is_linked() && self.state().frozen.is_none()) {
            return;
        }
        match self.radio_port.hold(None) {
            Ok(()) => self.cable_is_good(),
            Err(failure) => self.host.event(Level::Error, failure.to_string()),
        }
    }

    fn owns_radio(&self) -> bool {
        self.ownership.newest().owner == self.host.name
    }

    /// Nothing was given up because of the cable, or it was taken again.
    pub(super) fn cable_is_good(&self) {
        self.state().cable_out = false;
        self.host.clear(&Concern::RadioLink, || format!("the cable of {} to the radio is in again", self.host.name));
    }
}
