//! Taking the radio: `start_usrp`, `link_usrp` and `set_eth3`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Work;
use super::failures::joined;
use super::trace::elapsed_ms;
use crate::agent::host::arp::{ArpSocket, format_mac};
use protocol::{ErrorCode, Failure, Level, Linked, SetPort};
use workload::contract::Ask;

/// Linking sends a few packets and waits for the first samples.
const LINK: Duration = Duration::from_secs(5);
/// A host on the radio's switch answers ARP in well under a millisecond. Every link waits for all of this when there is no such host.
const CONFLICT: Duration = Duration::from_millis(3);

/// How the radio is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::agent) struct RadioClaim {
    /// The epoch of ownership; absent: the next.
    pub(in crate::agent) epoch: Option<u64>,
    /// Even if another host has the radio's address.
    pub(in crate::agent) force: bool,
    /// Even if a machine that is no host of this cluster has it.
    pub(in crate::agent) despite_foreign: bool,
}

impl Work {
    /// Gives eth3 the radio's address, unless the radio has a newer owner or another host has the address.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`], [`ErrorCode::AddressConflict`], [`ErrorCode::Address`]; eth3 is left as it was, except by the last.
    pub(in crate::agent) async fn activate_eth3(&self, claim: RadioClaim) -> Result<Linked, Failure> {
        let epoch = self.ownership.admit(claim.epoch)?;
        let forced = match self.require_address_free().await {
            Err(failure) if claim.force && failure.code != ErrorCode::Address => {
                self.host.event(Level::Warning, format!("the radio is taken by force: {failure}"));
                Some(failure.message)
            }
            result => result.map(|()| None)?,
        };
        self.claim(epoch).await?;
        self.set_eth3(SetPort::Active).await?;
        Ok(Linked { epoch: Some(epoch), forced, ..Linked::default() })
    }

    /// Asks the radio's network whether another host has the radio's address (RFC 5227: a probe from no address).
    pub(super) async fn require_address_free(&self) -> Result<(), Failure> {
        let (port, host) = (self.settings().radio_port.clone(), &self.host.name);
        let (index, own) = self.host.ports.hardware(&port).await?;
        let address = self.active_address().address();
        let (answer, answered) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let arp = ArpSocket::open(index, own);
            // The answer is sent before the socket is closed, which waits for the kernel's RCU, some ms.
            let _ = answer.send(
                arp.as_ref().map_or_else(|e| Err(e.to_string()), |arp| arp.probe(address, CONFLICT, 1).map_err(|e| e.to_string())),
            );
        });
        match answered.await.unwrap_or_else(|e| Err(e.to_string())) {
            Ok(None) => Ok(()),
            Ok(Some(mac)) => Err(Failure::new(
                ErrorCode::AddressConflict,
                format!("{port} of {host} was not given {address}: the host with the hardware address {} has it", format_mac(mac)),
            )
            .hint("park that host's eth3 (kill_usrp); by force the radio is taken all the same, and hears two masters")),
            Err(why) => Err(Failure::new(
                ErrorCode::Environment,
                format!("{port} of {host} could not be asked whether another host has {address}: {why}"),
            )
            .hint("the interface must be up, and the agent needs the right to ask (root, or CAP_NET_RAW)")),
        }
    }

    /// Connects the made USRP process to the radio; returns how long that took, ms.
    async fn connect(&self) -> Result<f64, Failure> {
        let began = Instant::now();
        if self.usrp.has_contract() {
            self.usrp.ask(Ask::Link, LINK).await.map_err(|failure| Failure { code: ErrorCode::Radio, ..failure })?;
            self.usrp.set_linked();
        } else if !self.usrp.is_running() {
            return Err(self.usrp.not_running());
        }
        Ok(elapsed_ms(began))
    }

    /// Stops libuhd's steps when the agent is to end: they may take a minute.
    async fn unless_leaving<T>(&self, step: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            result = step => result,
            () = self.host.leaving.cancelled() => Err(self.host.leaving_failure()),
        }
    }

    /// Gives eth3 the radio's address and finds the radio; parks eth3 after a failure.
    async fn find_radio(&self, claim: RadioClaim) -> Result<Linked, Failure> {
        let began = Instant::now();
        // After a failure eth3 may have either address: it is parked in every case.
        let activated = match self.activate_eth3(claim).await {
            Ok(activated) => activated,
            Err(failure) => return Err(self.park_after(failure).await),
        };
        let eth3_ms = elapsed_ms(began);
        let began = Instant::now();
        match self.unless_leaving(self.radio_step()?.probe()).await {
            Ok(probes) => Ok(Linked { eth3_ms, probe_ms: elapsed_ms(began), probes, ..activated }),
            Err(failure) => Err(self.park_after(failure).await),
        }
    }

    /// Finds, initialises and links the radio; leaves no process and a parked eth3 after a failure.
    ///
    /// # Errors
    /// Those of each part.
    pub(in crate::agent) async fn start_usrp(self: &Arc<Self>, claim: RadioClaim) -> Result<Linked, Failure> {
        if let Some(pid) = self.usrp.pid() {
            return Err(Failure::new(ErrorCode::State, format!("the USRP process already runs (pid {pid})"))
                .hint("link_usrp links a made one, kill_usrp kills it"));
        }
        let mut linked = self.find_radio(claim).await?;
        match self.initialise_and_link(&mut linked).await {
            Ok(()) => {
                self.fence_others();
                Ok(linked)
            }
            Err(failure) => {
                let failure = joined(failure, self.usrp.kill().await);
                Err(self.park_after(failure).await)
            }
        }
    }

    async fn initialise_and_link(&self, linked: &mut Linked) -> Result<(), Failure> {
        let began = Instant::now();
        linked.warnings = self.unless_leaving(self.radio_step()?.init()).await?;
        linked.warnings.iter().for_each(|warning| self.host.event(Level::Warning, warning.clone()));
        self.state().not_as_asked.clone_from(&linked.warnings);
        linked.init_ms = Some(elapsed_ms(began));
        let began = Instant::now();
        self.make_usrp().await?;
        linked.make_ms = Some(elapsed_ms(began));
        linked.link_ms = self.connect().await?;
        Ok(())
    }

    /// Finds the radio and links the made USRP process; parks eth3 after a failure.
    ///
    /// # Errors
    /// Those of each part.
    pub(in crate::agent) async fn link_usrp(self: &Arc<Self>, claim: RadioClaim) -> Result<Linked, Failure> {
        if !self.usrp.is_running() {
            return Err(Failure { hint: Some("make_usrp makes it".into()), ..self.usrp.not_running() });
        }
        if self.usrp.is_linked() {
            return Err(Failure::new(ErrorCode::State, "the USRP process is already linked").hint("kill_usrp ends it"));
        }
        let mut linked = self.find_radio(claim).await?;
        match self.connect().await {
            Ok(link_ms) => {
                linked.link_ms = link_ms;
                self.fence_others();
                Ok(linked)
            }
            Err(failure) => Err(self.park_after(failure).await),
        }
    }
}
