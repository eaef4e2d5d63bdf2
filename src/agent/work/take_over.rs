//! A hot move: the source's processes are frozen, not killed, and their soft state goes to processes that were made ready at the
//! destination. Nobody serves between `freeze` and the end of `take_over`, so everything that can be done before is done in `prepare`.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::Work;
use super::failures::in_context;
use super::freeze::{AFTER_CUT, ANSWER, BEFORE_CUT, CUT};
use super::seamless::handover;
use super::trace::{Trace, elapsed_ms};
use crate::agent::host::arp::{ArpSocket, format_mac};
use crate::agent::host::radio_port::RadioPort;
use crate::migration::check::instead;
use protocol::{Deadline, ErrorCode, Failure, Level, Linked, Method, Prepared, SoftState, Unsent};
use workload::contract::{Ask, Mark, TakeOver, TakenOver};

/// What `prepare` leaves for `take_over`.
#[derive(Debug)]
pub(super) struct CutPreparation {
    arp: Option<ArpSocket>,
    /// The processes receive already, beside the source's.
    pub(super) overlaps: bool,
}

impl CutPreparation {
    /// Tells everybody on the radio's network that its address is here now.
    pub(super) fn announce(&self, port: &RadioPort) -> std::io::Result<()> {
        self.arp.as_ref().map_or(Ok(()), |arp| port.announce(arp))
    }
}

fn suggest_classic(failure: Failure) -> Failure {
    Failure::new(failure.code, failure.message).hint("the method classic needs neither synchronisation nor soft state")
}

impl Work {
    /// The soft state of the D2D process while it runs.
    ///
    /// # Errors
    /// [`ErrorCode::Workload`] without a soft state, [`ErrorCode::State`] without a link to the radio.
    pub(in crate::agent) async fn export(self: &Arc<Self>) -> Result<SoftState, Failure> {
        self.host.priority.raise_for(BEFORE_CUT);
        if self.state().unsettled {
            self.commit_late().await;
        }
        let state = self.d2d.ask(Ask::Export, ANSWER).await.map_err(suggest_classic)?;
        if !self.usrp.is_linked() {
            return Err(suggest_classic(self.not_linked()));
        }
        // A program that does not export its stream can be frozen and followed all the same.
        let stream = self.usrp.ask(Ask::Export, ANSWER).await.ok().filter(|stream| !stream.is_null());
        Ok(SoftState { state, stream })
    }

    fn not_linked(&self) -> Failure {
        Failure::new(ErrorCode::State, format!("the USRP process of {} is not linked to the radio", self.host.name))
    }

    /// Does everything that `take_over` would otherwise have to wait for.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when the work is linked already, [`ErrorCode::Workload`] when a process cannot take over,
    /// [`ErrorCode::RadioNotFound`].
    pub(in crate::agent) async fn prepare(&self, state: Value) -> Result<Prepared, Failure> {
        if self.usrp.is_linked() {
            return Err(Failure::new(ErrorCode::State, "the USRP process is already linked").hint("kill_usrp ends it"));
        }
        self.await_contracts().await?;
        self.require_offered(Method::Hot)?;
        self.host.priority.raise_for(BEFORE_CUT);
        self.d2d.ask(Ask::Import { state }, ANSWER).await.map_err(suggest_classic)?;
        let radio = self.n210_address()?;
        let port = self.host.ports.hardware(&self.settings().radio_port).await?;
        let found = self.radio_port.find(port, radio).await?;
        let (arp, mac) = found.unzip();
        self.state().prepared = Some(CutPreparation { arp, overlaps: false });
        Ok(Prepared { radio_mac: mac.map(format_mac) })
    }

    /// Where the programs of the two hosts differ, this one's may be one that can only be started anew: said before the cut.
    fn require_offered(&self, method: Method) -> Result<(), Failure> {
        for child in [&self.d2d, &self.usrp] {
            if let Some(methods) = child.status().methods.filter(|methods| !methods.contains(&method)) {
                let text = format!("the {} process of {} does not offer the method {method}", child.name(), self.host.name);
                let failure = Failure::new(ErrorCode::Workload, text);
                return Err(match methods.first() {
                    Some(other) => failure.hint(instead(*other)),
                    None => failure,
                });
            }
        }
        Ok(())
    }

    /// On a busy machine a process may make its contract socket later than its start was waited for.
    async fn await_contracts(&self) -> Result<(), Failure> {
        let until = Instant::now() + ANSWER;
        for child in [&self.d2d, &self.usrp] {
            if timeout_at(until, child.contract_or_end()).await.is_err() {
                let text = format!("the {} process has no contract socket: it cannot take over from another", child.name());
                return Err(suggest_classic(Failure::new(ErrorCode::Workload, text)));
            }
            if !child.is_running() {
                return Err(child.not_running());
            }
        }
        Ok(())
    }

    /// Goes on where the source was frozen; parks eth3 after a failure. From `by` on it sets no address and claims no stream.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when nothing was prepared, [`ErrorCode::TooLate`], [`ErrorCode::StaleEpoch`], and those of each part.
    pub(in crate::agent) async fn take_over(
        self: &Arc<Self>,
        state: Value,
        mark: Value,
        epoch: u64,
        by: Deadline,
    ) -> Result<Linked, Failure> {
        let mark: Mark = serde_json::from_value(mark)
            .map_err(|e| Failure::new(ErrorCode::BadRequest, format!("the mark of the USRP process cannot be read: {e}")))?;
        let Some(prepared) = self.state().prepared.take() else { return Err(self.nothing_prepared()) };
        if by.has_passed() {
            return Err(self.too_late());
        }
        let epoch = self.claim_at_once(epoch)?;
        self.host.priority.raise_for(BEFORE_CUT);
        let taken = self.go_on(state, mark, &prepared, by).await;
        self.host.priority.raise_for(AFTER_CUT);
        self.state().unsettled = prepared.overlaps;
        // Closing a packet socket waits for all processors, some ms.
        drop(tokio::task::spawn_blocking(move || drop(prepared)));
        match taken {
            Ok(linked) => {
                self.usrp.set_linked();
                Ok(Linked { epoch: Some(epoch), ..linked })
            }
            Err(failure) => Err(self.park_after(failure).await),
        }
    }

    pub(super) fn nothing_prepared(&self) -> Failure {
        Failure::new(ErrorCode::State, format!("nothing was prepared on {}", self.host.name)).hint("prepare comes first")
    }

    fn too_late(&self) -> Failure {
        let host = &self.host.name;
        Failure::new(ErrorCode::TooLate, format!("{host} came too late to take over: the source may have gone on by itself"))
            .hint(format!("see what kept the agent of {host} waiting"))
    }

    async fn go_on(&self, state: Value, mark: Mark, prepared: &CutPreparation, by: Deadline) -> Result<Linked, Failure> {
        let (mut trace, mut import_trace) = (Trace::on_host(&self.host.name), Trace::on_host(&self.host.name));
        let streams = async {
            let began = Instant::now();
            trace.time("eth3 to the radio", async { self.radio_port.hold(Some(by)) }).await?;
            let eth3_ms = elapsed_ms(began);
            let began = Instant::now();
            let radio = |failure| Failure { code: ErrorCode::Radio, ..failure };
            let asked = Ask::TakeOver(TakeOver { mark, by_us: Some(by.as_boottime_us()) });
            let taken = trace.time("ask USRP to take over", self.usrp.ask(asked, CUT)).await.map_err(radio)?;
            if let Ok(TakenOver { claimed_us, flowing_us, .. }) = serde_json::from_value(taken) {
                trace.add("claim streams until samples flow", claimed_us, flowing_us);
            }
            Ok::<_, Failure>((eth3_ms, elapsed_ms(began)))
        };
        // The state is there before the first samples are: it is written while the address is set.
        let import = import_trace.time("import soft state", self.d2d.ask(Ask::Import { state }, CUT));
        let (imported, streams) = tokio::join!(import, streams);
        let (eth3_ms, link_ms) = streams?;
        imported?;
        trace.parts.append(&mut import_trace.parts);
        // Bursts for a USRP process that still overlaps would be lost.
        let resumed = if prepared.overlaps { Some(trace.time("go on", self.d2d.ask(Ask::Resume, CUT)).await?) } else { None };
        if let Err(e) = prepared.announce(&self.radio_port) {
            self.host.event(Level::Warning, format!("the radio's address could not be announced: {e}"));
        }
        Ok(Linked { eth3_ms, link_ms, trace: trace.parts, handover: resumed.map(handover), ..Linked::default() })
    }

    /// The source is ended: sends what its programs had sent into it, fences the other hosts, and leaves eth3 with the radio's address alone.
    ///
    /// # Errors
    /// [`ErrorCode::State`] without a link to the radio, and those of each part.
    pub(in crate::agent) async fn commit(self: &Arc<Self>, packets: Vec<String>) -> Result<(), Failure> {
        if !self.usrp.is_linked() {
            return Err(self.not_linked());
        }
        let forwarded = if packets.is_empty() { Ok(()) } else { self.forward(packets).await };
        self.fence_others();
        // Until it is settled the streams may need either address.
        if self.state().unsettled {
            self.settle().await?;
            self.state().unsettled = false;
        }
        // The parked address goes; the radio's stays as it is, and with it what is known of the neighbours. Where it was given up because the cable is
        // out, it comes back with the cable, once the radio's network was asked.
        if let Some(pod) = &self.pod {
            pod.forget_images();
        } else if !self.state().cable_out {
            self.host.ports.set(&self.settings().radio_port, self.active_address()).await?;
        }
        forwarded
    }

    async fn forward(&self, packets: Vec<String>) -> Result<(), Failure> {
        let count = packets.len();
        let forwarded = self.d2d.ask(Ask::Forward(Unsent { packets }), ANSWER).await.map(drop);
        forwarded.map_err(|failure| in_context(format_args!("{count} packets of the source were not sent"), failure))
    }

    /// Commits an earlier move that nobody has committed: the receive chain that it still uses would be in the way of the next one.
    async fn commit_late(self: &Arc<Self>) {
        let _turn = self.changes.lock().await;
        if let Err(failure) = self.commit(Vec::new()).await {
            self.host.event(Level::Warning, format!("the last migration to {} was not completed: {failure}", self.host.name));
        }
    }
}
