//! A USRP process without samples: the radio was restarted, a cable was out, or another host has the streams. The process cannot tell these
//! apart, and asking for the streams again would take them from another host. So it tells its agent, which knows the owner and can ask the radio's
//! network.

use std::sync::Arc;
use std::time::Duration;

use super::Work;
use super::conflict::ASK;
use crate::agent::host::arp::Probing;
use crate::migration::flow::LEASE;
use protocol::{ErrorCode, Failure, Level};
use workload::contract::Ask;

/// Setting both streams up again waits for the radio's acknowledgements.
const RELINK: Duration = Duration::from_secs(3);

impl Work {
    /// Has the streams come here again, if they are this host's. The process tells again each second while the silence lasts.
    pub(super) async fn heal_silence(self: Arc<Self>, silence: Duration) {
        if !self.may_ask_for_streams(silence).await {
            return;
        }
        let result = match self.require_own_streams().await {
            Ok(true) => self.usrp.ask(Ask::Relink, RELINK).await.map(drop),
            Ok(false) => return,
            Err(failure) => Err(failure),
        };
        let host = &self.host.name;
        let code = result.as_ref().err().map(|failure| failure.code);
        let before = std::mem::replace(&mut self.state().silence, code);
        match result {
            Ok(()) => self.host.event(Level::Info, format!("no samples came to {host}: the streams were asked for again")),
            // Said once, not each second.
            Err(failure) if before == Some(failure.code) => {}
            Err(failure) => self.host.event(Level::Warning, format!("no samples come to {host}: {failure}")),
        }
    }

    /// An armed standby may have taken the streams: its agent knows. While that is silent, too, they are asked for again only after the time for which a
    /// frozen source waits.
    async fn may_ask_for_streams(self: &Arc<Self>, silence: Duration) -> bool {
        if !self.usrp.sends_heartbeats() {
            return true;
        }
        for other in self.other_hosts() {
            match self.host.ask_owner(&other, ASK).await {
                Ok(report) => self.heard_owner(&other, report).await,
                Err(_) if silence < LEASE => return false,
                Err(_) => {}
            }
        }
        true
    }

    /// Whether there are streams that could be asked for again.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`] or [`ErrorCode::AddressConflict`] when they are another host's.
    async fn require_own_streams(&self) -> Result<bool, Failure> {
        // A change that is under way may be what ends the silence. The process itself refuses when it was frozen since.
        let Ok(_turn) = self.lock_changes().await else { return Ok(false) };
        if !self.usrp.is_linked() || self.state().frozen.is_some() {
            return Ok(false);
        }
        let newest = self.ownership.newest();
        if newest.owner != self.host.name {
            return Err(Failure::new(
                ErrorCode::StaleEpoch,
                format!("{} owns the radio (epoch {}), and the streams stay there", newest.owner, newest.epoch),
            ));
        }
        match self.require_address_free(Probing::IN_CUT).await {
            // A stranger has an alarm of its own, and no streams.
            Err(failure) if failure.code == ErrorCode::AddressConflict && self.holders_are_foreign() => Ok(true),
            free => free.map(|()| true),
        }
    }
}
