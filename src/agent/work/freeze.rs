//! Freezing both processes for a cut, and going on again.
//!
//! A freeze is a lease: a source that stays frozen goes on by itself when the host that froze it is never heard of again. It does so only
//! when no other host has the radio's address on the radio's network: a destination that has taken over has it until the source is ended. A
//! destination that was itself stopped meanwhile finds the freeze too old ([`STALE`](crate::migration::flow::STALE)).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Work;
use super::failures::{all_of, joined};
use super::trace::Trace;
use crate::agent::host::arp::Probing;
use crate::migration::flow::THAW;
use protocol::{ErrorCode, Failure, Frozen, Level, Unsent};
use workload::contract::Ask;

/// A question that is answered at once, outside the cut.
pub(super) const ANSWER: Duration = Duration::from_secs(2);
/// A question within the cut: what takes longer than this costs more than going back does.
pub(super) const CUT: Duration = Duration::from_millis(40);
/// Getting streams back may include starting them.
const BACK: Duration = Duration::from_secs(5);

/// From the first preparations to the cut: under a heavy load, starting processes takes most of it.
pub(super) const BEFORE_CUT: Duration = Duration::from_secs(1);
/// From the end of the cut until the destination is in sync, or the source goes on.
pub(super) const AFTER_CUT: Duration = Duration::from_millis(50);

impl Work {
    /// Freezes both processes and takes the radio's address off eth3; after a failure they go on as before.
    ///
    /// # Errors
    /// [`ErrorCode::Workload`] when a process cannot be frozen, [`ErrorCode::Address`] for eth3.
    pub(in crate::agent) async fn freeze(self: &Arc<Self>) -> Result<Frozen, Failure> {
        self.host.priority.raise_for(BEFORE_CUT);
        let frozen = self.freeze_both().await;
        self.host.priority.raise_for(AFTER_CUT);
        match frozen {
            Ok(frozen) => {
                self.begin_lease();
                Ok(frozen)
            }
            Err(failure) => Err(joined(failure, self.resume(None).await)),
        }
    }

    async fn freeze_both(&self) -> Result<Frozen, Failure> {
        let mut trace = Trace::on_host(&self.host.name);
        // The D2D process first: what it has given out is still sent.
        let frozen = trace.time("freeze D2D", self.d2d.ask(Ask::Freeze, CUT)).await?;
        let state = frozen.get("state").filter(|state| !state.is_null()).cloned();
        let state =
            state.ok_or_else(|| Failure::new(ErrorCode::Workload, "the D2D process has no soft state: it is not in sync"))?;
        let mark = trace.time("freeze USRP", self.usrp.ask(Ask::Freeze, CUT)).await?;
        trace.time("eth3 away", self.radio_port.release()).await?;
        Ok(Frozen { state, mark, epoch: self.ownership.known().epoch, trace: trace.parts })
    }

    /// Ends a freeze: eth3 gets the radio's address, the streams come back, both processes go on. All are tried; it succeeds only if all worked.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`], or the first failure with the messages of the others.
    pub(in crate::agent) async fn resume(self: &Arc<Self>, epoch: Option<u64>) -> Result<(), Failure> {
        if let Some(epoch) = epoch {
            self.claim_at_once(epoch)?;
        }
        let eth3 = self.radio_port.hold().await;
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
    pub(super) fn begin_lease(self: &Arc<Self>) {
        let since = Instant::now();
        self.state().frozen = Some(since);
        tokio::spawn(Arc::clone(self).watch_lease(since));
    }

    /// They go on, or have ended.
    pub(super) fn end_lease(&self) {
        self.state().frozen = None;
    }

    async fn watch_lease(self: Arc<Self>, since: Instant) {
        let mut reported = None;
        loop {
            tokio::select! {
                () = sleep(THAW) => {}
                () = self.host.leaving.cancelled() => return,
            }
            let _turn = self.changes.lock().await;
            let both_run = self.d2d.is_running() && self.usrp.is_running();
            if self.state().frozen != Some(since) || !both_run {
                return;
            }
            let (host, seconds) = (&self.host.name, since.elapsed().as_secs());
            let Err(failure) = self.resume_alone().await else {
                self.fence_others();
                let text = format!("{host} was frozen for {seconds} s and nobody took over: it goes on");
                return self.host.event(Level::Warning, text);
            };
            if reported != Some(failure.code) {
                let text = match failure.code {
                    ErrorCode::AddressConflict => format!("{host} stays frozen: another host has the radio's address"),
                    _ => format!("{host} has been frozen for {seconds} s and cannot go on: {failure}"),
                };
                self.host.event(Level::Warning, text);
                reported = Some(failure.code);
            }
        }
    }

    /// Goes on under a new epoch, unless another host has the radio's address.
    async fn resume_alone(self: &Arc<Self>) -> Result<(), Failure> {
        self.require_address_free(Probing::CALM).await?;
        self.resume(Some(self.ownership.known().epoch.saturating_add(1))).await
    }
}
