//! Whose settings the radio has. Whoever opens a UHD session sets gains, oscillators and references as it likes, and a link sets none of these: it
//! relies on what the last initialisation has left. UHD leaves a mark of its process in the radio, by which another session is noticed. The mark
//! goes along from owner to owner, so that the next link compares it, too, and so does what the radio did not do as it was asked. It does not tell who it was: ARP tells who has asked for the radio.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::time::sleep;

use super::Work;
use super::radio_network::described;
use crate::agent::host::alarms::Concern;
use protocol::{ErrorCode, Failure, Level, RadioSession};

/// A radio that has no power forgets every mark, and everything that it was set to.
const NO_SESSION: u32 = 0;
/// The USRP process reads the mark once a second.
const LOOK: Duration = Duration::from_secs(1);

/// Whose settings the radio has: what the cluster's last initialisation has left in it, and under which owner's epoch that was last known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownSession {
    mark: u32,
    epoch: u64,
}

impl KnownSession {
    /// Whether it tells an owner under that epoch anything. Before the owner before this one, the radio may have been initialised since.
    fn serves(self, epoch: u64) -> bool {
        self.epoch.saturating_add(1) >= epoch
    }
}

/// What is known now that the radio's owner under `epoch` has read `mark`, and whether another program has opened a session since.
fn compared(known: Option<KnownSession>, epoch: u64, mark: u32) -> (KnownSession, bool) {
    let ours = known.filter(|known| known.serves(epoch)).map_or(mark, |known| known.mark);
    (KnownSession { mark: ours, epoch }, ours != mark)
}

impl Work {
    /// Watches until the agent ends.
    pub(in crate::agent) async fn watch_radio_session(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = sleep(LOOK) => self.compare_session(),
                () = self.host.leaving.cancelled() => return,
            }
        }
    }

    fn compare_session(&self) {
        let newest = self.ownership.newest();
        if newest.owner != self.host.name || !self.usrp.is_linked() {
            return;
        }
        let Some(mark) = self.usrp.session_mark() else { return };
        let (foreign, reported) = {
            let mut state = self.state();
            if state.session.is_some_and(|known| !known.serves(newest.epoch)) {
                state.not_as_asked.clear();
            }
            let (session, foreign) = compared(state.session, newest.epoch, mark);
            state.session = Some(session);
            (foreign, std::mem::replace(&mut state.foreign_session, foreign.then_some(mark)))
        };
        match foreign {
            true if reported != Some(mark) => self.report_session(mark),
            true => {}
            false => self.host.clear(&Concern::ForeignSession, || "the radio has this cluster's settings again".to_owned()),
        }
    }

    fn report_session(&self, mark: u32) {
        let text = match mark {
            NO_SESSION => format!(
                "the radio was without power and has started anew, seen at {} UTC; gains, oscillators and references are those of its start",
                Utc::now().format("%H:%M:%S")
            ),
            _ => self.foreign_session_text(),
        };
        let failure = Failure::new(ErrorCode::Radio, text).hint("KL and DS, or KR and DSR, initialise the radio again");
        self.host.raise(Concern::ForeignSession, Level::Warning, failure);
    }

    fn foreign_session_text(&self) -> String {
        let who = match self.radio_network.asker() {
            Some(asker) => format!(
                "the machine {} has last asked for the radio on its network, at {} UTC",
                described(asker.mac, asker.address),
                asker.at.format("%H:%M:%S")
            ),
            None => "no machine but the hosts of this cluster has asked for the radio since this agent was started".to_owned(),
        };
        format!(
            "another program has opened a UHD session on the radio, seen at {} UTC; gains, oscillators and references may have changed; {who}",
            Utc::now().format("%H:%M:%S")
        )
    }

    /// The radio was initialised from here, and did all but this as it was asked. The next mark that is read is that of our own session.
    pub(super) fn session_begins(&self, not_as_asked: &[String]) {
        {
            let mut state = self.state();
            (state.session, state.foreign_session) = (None, None);
            state.not_as_asked = not_as_asked.to_vec();
        }
        self.host.clear(&Concern::ForeignSession, || "the radio was initialised again".to_owned());
    }

    /// Another host has told whose settings the radio has; what this one has read itself counts more. After a restart the others remember it.
    pub(super) fn heard_session(&self, told: Option<RadioSession>, holds: bool) {
        let (linked, epoch) = (self.usrp.is_linked(), self.ownership.newest().epoch);
        {
            let mut state = self.state();
            let known = state.session;
            let takes = |told: &RadioSession| match known {
                None => !linked || told.epoch == epoch,
                Some(known) => !linked && told.epoch >= known.epoch,
            };
            if let Some(told) = told.filter(takes) {
                state.session = Some(KnownSession { mark: told.mark, epoch: told.epoch });
                state.not_as_asked = told.warnings;
            }
        }
        if holds && !linked {
            // Whoever has the radio says what is wrong with it.
            self.state().foreign_session = None;
            self.host.clear(&Concern::ForeignSession, || "another host has the radio now".to_owned());
        }
    }

    /// For other hosts.
    pub(super) fn session(&self) -> Option<RadioSession> {
        let state = self.state();
        let KnownSession { mark, epoch } = state.session?;
        Some(RadioSession { mark, epoch, warnings: state.not_as_asked.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_programs_session_is_seen_by_this_owner_and_by_the_next() {
        let known = |mark, epoch| KnownSession { mark, epoch };
        // The first that is read is that of our own initialisation.
        assert_eq!(compared(None, 8, 7), (known(7, 8), false));
        assert_eq!(compared(Some(known(7, 8)), 8, 7), (known(7, 8), false));
        assert_eq!(compared(Some(known(7, 8)), 8, 9), (known(7, 8), true));
        // It lasts, and the next owner sees it, too.
        assert_eq!(compared(Some(known(7, 8)), 9, 9), (known(7, 9), true));
        assert_eq!(compared(Some(known(7, 8)), 9, 7), (known(7, 9), false));
        // There was an owner in between, who may have initialised the radio.
        assert_eq!(compared(Some(known(7, 8)), 10, 9), (known(9, 10), false));
    }
}
