//! Freezing both processes for a cut, and going on again.
//!
//! A freeze is a lease: a source that stays frozen goes on by itself when nobody has taken over by its end. It looks for a new owner on the
//! radio's network, where a destination that has taken over answers for the radio's address. Once it has seen one, silence is no reason to go on any
//! more (the new owner's cable may be out): then only the new owner's agent can give the radio back. A destination that was itself stopped meanwhile
//! finds that its time is over ([`TAKE_OVER_WITHIN`](crate::migration::flow::TAKE_OVER_WITHIN)).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Work;
use super::failures::{all_of, joined};
use super::trace::Trace;
use crate::agent::host::arp::Probing;
use crate::migration::flow::LEASE;
use protocol::{Deadline, ErrorCode, Failure, Frozen, Level, Unsent};
use workload::contract::Ask;

/// A question that is answered at once, outside the cut.
pub(super) const ANSWER: Duration = Duration::from_secs(2);
/// A question within the cut: what takes longer than this costs more than going back does.
pub(super) const CUT: Duration = Duration::from_millis(40);
/// Between two looks of a frozen source that may not go on.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// What the radio's network has answered holds for this long: by then eth3 has the address, or it has to be asked again.
const ASKED: Duration = Duration::from_millis(50);
/// An agent tells at once who owns the radio.
const GIVEN_BACK: Duration = Duration::from_secs(1);
/// Getting streams back may include starting them.
const BACK: Duration = Duration::from_secs(5);

/// From the first preparations to the cut: under a heavy load, starting processes takes most of it.
pub(super) const BEFORE_CUT: Duration = Duration::from_secs(1);
/// From the end of the cut until the destination is in sync, or the source goes on.
pub(super) const AFTER_CUT: Duration = Duration::from_millis(50);

/// A freeze that has not been ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Freeze {
    since: Instant,
    /// Another host has been seen with the radio's address since.
    replaced: bool,
}

impl Work {
    /// Freezes both processes and takes the radio's address off eth3; after a failure they go on as before.
    ///
    /// # Errors
    /// [`ErrorCode::Workload`] when a process cannot be frozen, [`ErrorCode::Address`] for eth3.
    pub(in crate::agent) async fn freeze(self: &Arc<Self>) -> Result<Frozen, Failure> {
        // A standby takes nothing over from a source that is moved in order.
        self.end_heartbeats().await;
        self.host.priority.raise_for(BEFORE_CUT);
        let frozen = self.freeze_both().await;
        self.host.priority.raise_for(AFTER_CUT);
        match frozen {
            Ok(frozen) => {
                self.begin_lease(LEASE);
                Ok(frozen)
            }
            Err(failure) => Err(joined(failure, self.resume(None).await)),
        }
    }

    pub(super) async fn freeze_both(&self) -> Result<Frozen, Failure> {
        let mut trace = Trace::on_host(&self.host.name);
        // The D2D process first: what it has given out is still sent.
        let frozen = trace.time("freeze D2D", self.d2d.ask(Ask::Freeze, CUT)).await?;
        let state = frozen.get("state").filter(|state| !state.is_null()).cloned();
        let state =
            state.ok_or_else(|| Failure::new(ErrorCode::Workload, "the D2D process has no soft state: it is not in sync"))?;
        let mark = trace.time("freeze USRP", self.usrp.ask(Ask::Freeze, CUT)).await?;
        trace.time("eth3 away", async { self.radio_port.release() }).await?;
        Ok(Frozen { state, mark, epoch: self.ownership.newest().epoch, trace: trace.parts })
    }

    /// Ends a freeze: eth3 gets the radio's address, the streams come back, both processes go on. All are tried; it succeeds only if all worked.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`], or the first failure with the messages of the others.
    pub(in crate::agent) async fn resume(self: &Arc<Self>, epoch: Option<u64>) -> Result<(), Failure> {
        if let Some(guest) = &self.guest {
            return self.resume_guest(guest).await;
        }
        self.resume_by(epoch, None).await
    }

    /// As [`Self::resume`]; eth3 gets the address before the deadline or not at all.
    async fn resume_by(self: &Arc<Self>, epoch: Option<u64>, by: Option<Deadline>) -> Result<(), Failure> {
        if let Some(epoch) = epoch {
            self.claim_at_once(epoch)?;
        }
        self.thaw_pod().await?;
        let eth3 = self.radio_port.hold(by);
        if let Err(failure) = &eth3
            && failure.code == ErrorCode::TooLate
        {
            return eth3;
        }
        // The USRP process first: bursts for a frozen one are lost.
        let usrp = self.usrp.ask(Ask::Resume, BACK).await.map(drop);
        let d2d = self.d2d.ask(Ask::Resume, ANSWER).await.map(drop);
        all_of([eth3, usrp, d2d])?;
        self.end_lease();
        Ok(())
    }

    /// What programs have sent into the frozen D2D process; `None` when there is nothing, or when it does not answer.
    pub(super) async fn unsent(&self) -> Option<Unsent> {
        let answer = self.d2d.ask(Ask::Unsent, CUT).await.ok()?;
        serde_json::from_value(answer).ok().filter(|unsent: &Unsent| !unsent.packets.is_empty())
    }

    /// Both processes are frozen from now on.
    pub(super) fn begin_lease(self: &Arc<Self>, lease: Duration) {
        let since = Instant::now();
        self.state().frozen = Some(Freeze { since, replaced: false });
        tokio::spawn(Arc::clone(self).watch_lease(since, lease));
    }

    /// They go on, or have ended.
    pub(super) fn end_lease(&self) {
        self.state().frozen = None;
    }

    async fn watch_lease(self: Arc<Self>, since: Instant, lease: Duration) {
        let (mut wait, mut reported) = (lease, None);
        loop {
            tokio::select! {
                () = sleep(wait) => {}
                () = self.host.leaving.cancelled() => return,
            }
            wait = LOOK_AGAIN;
            let _turn = self.changes.lock().await;
            let both_run = self.d2d.is_running() && self.usrp.is_running();
            let Some(freeze) = self.state().frozen.filter(|freeze| freeze.since == since && both_run) else { return };
            let (host, ms) = (&self.host.name, since.elapsed().as_millis());
            let Err(failure) = self.resume_alone(freeze).await else {
                self.fence_others();
                let text = format!("{host} was frozen for {ms} ms and nobody took over: it goes on");
                return self.host.event(Level::Warning, text);
            };
            if reported != Some(failure.code) {
                let text = match failure.code {
                    ErrorCode::AddressConflict => format!("{host} stays frozen: {failure}"),
                    _ => format!("{host} has been frozen for {ms} ms and cannot go on: {failure}"),
                };
                self.host.event(Level::Warning, text);
                reported = Some(failure.code);
            }
        }
    }

    /// Goes on under a new epoch, unless another host has taken over.
    async fn resume_alone(self: &Arc<Self>, freeze: Freeze) -> Result<(), Failure> {
        if freeze.replaced {
            self.require_given_back().await?;
        }
        let by = Deadline::after(ASKED);
        let free = self.require_address_free(Probing::IN_CUT).await;
        if free.as_ref().is_err_and(|failure| failure.code == ErrorCode::AddressConflict)
            && let Some(freeze) = &mut self.state().frozen
        {
            freeze.replaced = true;
        }
        free?;
        self.resume_by(Some(self.ownership.newest().epoch.saturating_add(1)), Some(by)).await
    }

    /// Asks the agents of the other hosts of this radio whether they leave it alone. One that does not answer may still serve.
    async fn require_given_back(&self) -> Result<(), Failure> {
        for other in self.other_hosts() {
            let unheard = |failure: Failure| Failure {
                message: format!("{other} may have taken over, and its agent does not answer: {}", failure.message),
                ..failure
            };
            if self.host.ask_owner(&other, GIVEN_BACK).await.map_err(unheard)?.holds {
                let text = format!("{other} has taken over and has the radio's address");
                return Err(Failure::new(ErrorCode::AddressConflict, text));
            }
        }
        Ok(())
    }
}
