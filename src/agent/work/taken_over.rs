//! After an armed standby has taken over: the streams come to its parked address already, and the far end is served. What is left is nobody's hurry:
//! this host owns the radio, the other one gives way, and the radio's address comes here.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use super::Work;
use crate::agent::host::arp::Probing;
use protocol::{Failure, Level};

/// A host that is alive answers within this.
const FENCE: Duration = Duration::from_secs(1);
/// Between two looks whether the radio's address is free.
const AGAIN: Duration = Duration::from_millis(500);

impl Work {
    /// This host owns the radio from now on.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`] when another owner became known in this moment.
    pub(in crate::agent) fn own_taken_over(self: &Arc<Self>) -> Result<(), Failure> {
        self.usrp.set_linked();
        self.claim_at_once(self.ownership.newest().epoch.saturating_add(1))?;
        self.note_takeover();
        self.note_following(false);
        self.begin_to_bring_address();
        self.fence_others();
        Ok(())
    }

    /// It serves from its parked address until the radio's is here.
    pub(super) fn begin_to_bring_address(self: &Arc<Self>) {
        {
            let mut state = self.state();
            (state.unsettled, state.serves_parked) = (true, true);
        }
        tokio::spawn(Arc::clone(self).bring_address());
    }

    /// Brings the radio's address here, once the other host has given way or nobody has it.
    async fn bring_address(self: Arc<Self>) {
        let mut reported = None;
        loop {
            match self.try_to_bring_address().await {
                Ok(()) => return,
                Err(failure) if reported == Some(failure.code) => {}
                Err(failure) => {
                    let host = &self.host.name;
                    reported = Some(failure.code);
                    let text = format!("{host} serves from its parked address, as the radio's is not free yet: {failure}");
                    self.host.event(Level::Warning, text);
                }
            }
            tokio::select! {
                () = sleep(AGAIN) => {}
                () = self.host.leaving.cancelled() => return,
            }
            // Moved on, ended, or another host's by now.
            if !self.state().serves_parked || !self.usrp.is_linked() {
                return;
            }
        }
    }

    async fn try_to_bring_address(self: &Arc<Self>) -> Result<(), Failure> {
        let newest = self.ownership.newest();
        let others = self.other_hosts();
        let fenced = others.iter().map(|other| self.host.send_fence(other, newest.epoch, &newest.owner, FENCE));
        let fenced: Result<(), Failure> = join_all(fenced).await.into_iter().collect();
        let _turn = self.changes.lock().await;
        if !self.state().serves_parked {
            return Ok(());
        }
        if let Err(failure) = fenced {
            self.require_address_free(Probing::CALM)
                .await
                .map_err(|taken| Failure { message: format!("{}; {}", failure.message, taken.message), ..taken })?;
        }
        self.radio_port.hold(None)?;
        let arp = self.state().prepared.take();
        if let Some(prepared) = arp {
            // The switch learns it from the first packet, too.
            let _ = prepared.announce(&self.radio_port);
            drop(tokio::task::spawn_blocking(move || drop(prepared)));
        }
        let committed = self.commit(Vec::new()).await;
        // The way by which heartbeats came.
        let _ = self.radio_port.close_way(self.active_address().address()).await;
        committed?;
        self.state().serves_parked = false;
        self.host.notify_change();
        Ok(())
    }
}
