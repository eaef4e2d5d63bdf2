//! A work's part in an armed standby: the host that serves tells its heart beats, the other one follows them, and takes over.

use std::net::SocketAddrV4;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::Work;
use super::freeze::{AFTER_CUT, ANSWER};
use protocol::{ErrorCode, Failure, HeartbeatKey, HeartbeatRequest, Level, StandbyState, StandbyStatus, TookOver};
use workload::contract::{Ask, Follow, Following, Unfollowed};

/// A process that is well says good-bye at once.
const FAREWELL: Duration = Duration::from_millis(300);
/// A first heartbeat comes within some milliseconds, or the way is blocked.
const FIRST_HEARTBEAT: Duration = Duration::from_secs(2);

/// Within so long, a second word of a take-over is of the same one.
const TOLD_AGAIN: Duration = Duration::from_secs(2);

/// What this host is to do for the standby.
#[derive(Debug, Default)]
pub(super) struct StandbyIntent {
    /// It is to follow the other host whenever that serves.
    wanted: bool,
    /// Why it does not follow though it is to.
    why_not: Option<String>,
    /// When the radio changed hands without an order, as far as this host took part.
    takeovers: Vec<Instant>,
    /// The take-over that was dealt with, by the time of its claim, us.
    dealt_with: Option<u64>,
    /// Where the heartbeats of this host go in the radio's network.
    heartbeats: Option<SocketAddrV4>,
    /// What runs here was started to follow.
    begun: bool,
}

/// The file that outlives an agent which ends between the first process and the first heartbeat.
const BEGUN: &str = "standby";

impl StandbyIntent {
    fn note_takeover(&mut self, at: Instant) {
        if self.takeovers.last().is_none_or(|last| at.duration_since(*last) > TOLD_AGAIN) {
            self.takeovers.push(at);
        }
    }
}

fn not_followed(failure: Failure) -> Failure {
    Failure::new(failure.code, failure.message)
        .hint("only `baton d2d` between two terminals, and `baton usrp`, can be followed by a standby")
}

impl Work {
    /// Has the standby told how this host's processes fare.
    ///
    /// # Errors
    /// [`ErrorCode::State`] without a link to the radio, [`ErrorCode::Workload`] when a process cannot be followed.
    pub(in crate::agent) async fn send_heartbeats(&self, request: HeartbeatRequest) -> Result<(), Failure> {
        if !self.usrp.is_linked() || self.state().frozen.is_some() {
            let text = format!("{} does not serve: there is nothing to follow", self.host.name);
            return Err(Failure::new(ErrorCode::State, text).hint("start the work first: DS or DSR"));
        }
        self.d2d.ask(Ask::ReportProgress { on: true }, ANSWER).await.map_err(not_followed)?;
        if let Some(to) = request.radio {
            // Without it the management network is left, and the standby says so.
            if let Err(failure) = self.radio_port.open_way(*to.ip(), self.active_address()).await {
                self.host.event(Level::Warning, format!("heartbeats go by the management network alone: {failure}"));
            }
        }
        // The export before it has kept telemetry back for a cut that does not come.
        self.host.priority.raise_for(AFTER_CUT);
        self.state().standby.heartbeats = request.radio;
        self.usrp.ask(Ask::SendHeartbeats(request), ANSWER).await.map(drop).map_err(not_followed)
    }

    /// The work here ends in order, or is followed no longer: no standby takes over. Nothing where none is told.
    pub(in crate::agent) async fn end_heartbeats(&self) {
        let to = self.state().standby.heartbeats.take();
        if to.is_none() && !self.usrp.sends_heartbeats() {
            return;
        }
        for (child, ask) in [(&self.usrp, Ask::EndHeartbeats), (&self.d2d, Ask::ReportProgress { on: false })] {
            if child.is_running()
                && let Err(failure) = child.ask(ask, FAREWELL).await
            {
                self.host.event(Level::Warning, format!("the standby was not told that the work ends in order: {failure}"));
            }
        }
        self.close_heartbeat_way(to).await;
    }

    /// Nobody follows any more: nothing is left of the way of the heartbeats.
    pub(super) async fn forget_heartbeats(&self) {
        let to = self.state().standby.heartbeats.take();
        self.close_heartbeat_way(to).await;
    }

    async fn close_heartbeat_way(&self, to: Option<SocketAddrV4>) {
        if let Some(to) = to {
            // A way that is left over leads to a host that nobody asks for.
            let _ = self.radio_port.close_way(*to.ip()).await;
        }
    }

    /// Follows the heartbeats of the host beside which this one receives; the port at which they are waited for.
    ///
    /// # Errors
    /// [`ErrorCode::Workload`] when the USRP process cannot.
    pub(in crate::agent) async fn follow(&self, arming: u64, key: HeartbeatKey, after: Duration) -> Result<u16, Failure> {
        self.host.priority.raise_for(AFTER_CUT);
        // Where the kernel asks whether a packet came the right way.
        self.radio_port.open_way(self.active_address().address(), self.parked_address()).await?;
        let takeover_after_us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let port = Some(self.host.config.standby.heartbeat_port);
        let follow = Follow { arming, key, takeover_after_us, port };
        let answer = self.usrp.ask(Ask::Follow(follow), ANSWER).await.map_err(not_followed)?;
        let following: Following = serde_json::from_value(answer)
            .map_err(|e| Failure::new(ErrorCode::Workload, format!("where heartbeats are waited for cannot be read: {e}")))?;
        Ok(following.port)
    }

    /// Follows no longer: from now on nothing here takes over. Where no USRP process answers, none does.
    ///
    /// # Errors
    /// [`ErrorCode::State`]: it has taken over by now, whatever was known of it before.
    pub(in crate::agent) async fn stop_following(&self) -> Result<(), Failure> {
        let answer = self.usrp.ask(Ask::Unfollow, ANSWER).await;
        let unfollowed = answer.ok().and_then(|answer| serde_json::from_value::<Unfollowed>(answer).ok());
        if unfollowed.is_some_and(|unfollowed| unfollowed.has_taken_over) {
            let text = format!("{} followed as a standby, and has taken over in this moment: it serves", self.host.name);
            return Err(
                Failure::new(ErrorCode::State, text).hint("look who serves (`baton status`), and order again what is left to do")
            );
        }
        Ok(())
    }

    /// A port that was down has lost every route that comes with no address: a standby's to the radio, and those of the heartbeats.
    pub(super) async fn open_ways_again(&self) {
        let _turn = self.changes.lock().await;
        let (told, serves_parked) = {
            let state = self.state();
            (state.standby.heartbeats, state.serves_parked)
        };
        let (active, parked) = (self.active_address(), self.parked_address());
        let radio = self.n210_address().ok().filter(|_| self.follows() || serves_parked);
        let of_standby = self.follows().then(|| (active.address(), parked));
        let ways = radio.map(|radio| (radio, parked)).into_iter().chain(of_standby);
        for (to, from) in ways.chain(told.map(|to| (*to.ip(), active))) {
            if let Err(failure) = self.radio_port.open_way(to, from).await {
                self.host.event(Level::Warning, format!("the standby may not do its part: {failure}"));
            }
        }
    }

    /// Waits until a heartbeat has said that all is well.
    ///
    /// # Errors
    /// [`ErrorCode::Deadline`] when none comes.
    pub(in crate::agent) async fn await_armed(&self) -> Result<(), Failure> {
        let armed = async {
            let mut news = self.standby_news.subscribe();
            while self.follow_state() != Some(StandbyState::Armed) {
                // The sender lives as long as this work.
                let _ = news.changed().await;
            }
        };
        timeout(FIRST_HEARTBEAT, armed).await.map_err(|_| {
            let text =
                format!("no heartbeat of the other host has come to {} within {} s", self.host.name, FIRST_HEARTBEAT.as_secs());
            let port = self.host.config.standby.heartbeat_port;
            Failure::new(ErrorCode::Deadline, text).hint(format!(
                "let UDP to port {port} pass between the two hosts, on the management network and on the radio's; `baton doctor` looks at packet filters"
            ))
        })
    }

    /// What the USRP process does as a standby.
    pub(in crate::agent) fn follow_state(&self) -> Option<StandbyState> {
        self.usrp.follow_status().map(|follows| follows.state)
    }

    /// Whether it follows the other host's work.
    pub(super) fn follows(&self) -> bool {
        matches!(self.follow_state(), Some(StandbyState::Waiting | StandbyState::Armed))
    }

    /// For telemetry: nothing on a host that is no standby and is to be none.
    pub(in crate::agent) fn standby_status(&self) -> Option<StandbyStatus> {
        let follows = self.usrp.follow_status().filter(|follows| follows.state != StandbyState::TookOver);
        let state = self.state();
        if follows.is_none() && !state.standby.wanted || self.usrp.is_linked() {
            return None;
        }
        let others = self.other_hosts();
        let of =
            self.owner().map(|owner| owner.owner).filter(|owner| others.contains(owner)).or_else(|| others.first().cloned())?;
        let takeover_after_ms = config::time::milliseconds(self.host.config.standby.takeover_after);
        Some(StandbyStatus { of, follows, takeover_after_ms, why_not: state.standby.why_not.clone().filter(|_| follows.is_none()) })
    }

    /// Whether it has taken over and the radio's address is not here yet.
    pub(in crate::agent) fn serves_parked(&self) -> bool {
        self.state().serves_parked && self.usrp.is_linked()
    }

    /// Whether this host owns the radio, as far as it knows.
    pub(in crate::agent) fn is_owner(&self) -> bool {
        self.ownership.newest().owner == self.host.name
    }

    /// Whether this host is to follow the other one whenever that serves.
    pub(in crate::agent) fn standby_is_wanted(&self) -> bool {
        self.state().standby.wanted
    }

    /// From now on, or no longer.
    pub(in crate::agent) fn want_standby(&self, wanted: bool) {
        {
            let standby = &mut self.state().standby;
            (standby.wanted, standby.why_not) = (wanted, None);
        }
        self.standby_news.send_replace(());
        self.host.notify_change();
    }

    /// Why it does not follow though it is to; whether that is news.
    pub(in crate::agent) fn standby_waits(&self, why_not: Option<String>) -> bool {
        let standby = &mut self.state().standby;
        std::mem::replace(&mut standby.why_not, why_not.clone()) != why_not && why_not.is_some()
    }

    /// Tells when something of the standby has changed.
    pub(in crate::agent) fn standby_news(&self) -> watch::Receiver<()> {
        self.standby_news.subscribe()
    }

    /// A take-over by this host that nobody has dealt with yet.
    pub(in crate::agent) fn new_takeover(&self) -> Option<TookOver> {
        let took_over = self.usrp.follow_status()?.took_over?;
        // Whoever dealt with it became the owner: an agent that was started since finds nothing to do.
        if self.is_owner() {
            return None;
        }
        let mut state = self.state();
        if state.standby.dealt_with == Some(took_over.claimed_us) {
            return None;
        }
        state.standby.dealt_with = Some(took_over.claimed_us);
        Some(took_over)
    }

    /// What runs here from now on was started to follow, or is gone.
    pub(in crate::agent) fn note_following(&self, begun: bool) {
        self.state().standby.begun = begun;
        if begun { self.host.write_state(BEGUN, &begun) } else { self.host.remove_state(BEGUN) }
    }

    /// Whether what runs here was started to follow.
    pub(in crate::agent) fn has_begun_to_follow(&self) -> bool {
        self.state().standby.begun
    }

    /// Reads whether an earlier agent had begun to follow.
    pub(super) fn restore_following(&self) {
        self.state().standby.begun = self.host.read_state(BEGUN).unwrap_or(false);
    }

    /// Ends what was started here to follow, whoever has this host for an order meanwhile: it is none of that order's.
    ///
    /// # Errors
    /// Those of ending the processes.
    pub(in crate::agent) async fn end_following(&self) -> Result<(), Failure> {
        let _turn = self.lock_changes().await?;
        if self.has_begun_to_follow() {
            self.kill_all().await?;
            self.note_following(false);
        }
        Ok(())
    }

    /// The radio has changed hands without an order. A host that loses it is told so more than once: by each fence, and by the owner's answer.
    pub(in crate::agent) fn note_takeover(&self) {
        self.state().standby.note_takeover(Instant::now());
    }

    /// An operator has armed the standby, whatever has happened before.
    pub(in crate::agent) fn forget_takeovers(&self) {
        self.state().standby.takeovers.clear();
    }

    /// How often that has happened within a time.
    pub(in crate::agent) fn takeovers_within(&self, time: Duration) -> usize {
        self.state().standby.takeovers.iter().filter(|at| at.elapsed() < time).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_take_over_that_is_told_twice_is_one() {
        let (mut intent, began) = (StandbyIntent::default(), Instant::now());
        for after in [0, 1, 100, 12_000, 12_001] {
            intent.note_takeover(began + Duration::from_millis(after));
        }
        assert_eq!(intent.takeovers.len(), 2);
    }
}
