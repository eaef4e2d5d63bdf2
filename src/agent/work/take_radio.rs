//! Taking the radio: `start_usrp`, `link_usrp` and `set_eth3`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Work;
use super::failures::joined;
use super::trace::elapsed_ms;
use crate::agent::host::arp::Probing;
use protocol::{ErrorCode, Failure, Level, Linked, SetPort};
use workload::contract::Ask;

/// Linking sends a few packets and waits for the first samples, unless the program says that it needs longer.
const LINK: Duration = Duration::from_secs(5);

/// How the radio is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::agent) struct RadioClaim {
    /// The epoch of ownership; absent: the next.
    pub(in crate::agent) epoch: Option<u64>,
    /// Even if another host has the radio's address.
    pub(in crate::agent) force: bool,
    /// Even if a machine that is no host of this cluster has it.
    pub(in crate::agent) despite_foreign: bool,
    /// Even if a machine answers for it that is certainly no host of this cluster: whoever gets the radio's samples serves.
    pub(in crate::agent) by_radio: bool,
}

/// Who the machines are that have the radio's address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holders {
    /// None of them is known to be a host of the cluster.
    pub(super) foreign: bool,
    /// The hardware address of every other host of this radio is known.
    pub(super) all_hosts_known: bool,
}

impl RadioClaim {
    /// Whether the radio is taken although its address is not known to be free.
    fn passes_over(self, failure: &Failure, holders: Holders) -> bool {
        let conflict = failure.code == ErrorCode::AddressConflict;
        let foreign = (self.despite_foreign && holders.foreign) || (self.by_radio && holders.foreign && holders.all_hosts_known);
        (self.force && failure.code != ErrorCode::Address) || (conflict && foreign)
    }
}

impl Work {
    /// Gives eth3 the radio's address, unless the radio has a newer owner or another host has the address.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`], [`ErrorCode::AddressConflict`], [`ErrorCode::Address`]; eth3 is left as it was, except by the last.
    pub(in crate::agent) async fn activate_eth3(&self, claim: RadioClaim, probing: Probing) -> Result<Linked, Failure> {
        self.await_introduction().await;
        let epoch = self.ownership.admit(claim.epoch)?;
        let forced = match self.require_address_free(probing).await {
            Err(failure) if claim.passes_over(&failure, self.address_holders_are()) => {
                self.host.event(Level::Warning, format!("the radio is taken all the same: {failure}"));
                Some(failure.message)
            }
            result => result.map(|()| None)?,
        };
        self.claim(epoch)?;
        self.set_eth3(SetPort::Active).await?;
        Ok(Linked { epoch: Some(epoch), forced, ..Linked::default() })
    }

    /// Connects the made USRP process to the radio; returns how long that took, ms.
    async fn connect(&self) -> Result<f64, Failure> {
        let began = Instant::now();
        if self.usrp.has_contract() {
            self.usrp
                .ask(Ask::Link, self.usrp.link_within(LINK))
                .await
                .map_err(|failure| Failure { code: ErrorCode::Radio, ..failure })?;
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
    async fn find_radio(&self, claim: RadioClaim, probing: Probing) -> Result<Linked, Failure> {
        let began = Instant::now();
        // After a failure eth3 may have either address: it is parked in every case.
        let activated = match self.activate_eth3(claim, probing).await {
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
        let mut linked = self.find_radio(claim, Probing::CALM).await?;
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
        linked.init_ms = Some(elapsed_ms(began));
        self.session_begins(&linked.warnings);
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
        let mut linked = self.find_radio(claim, Probing::IN_CUT).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failover_goes_past_a_machine_that_is_certainly_no_host() {
        let conflict = Failure::new(ErrorCode::AddressConflict, "somebody has it");
        let holders = |foreign, all_hosts_known| Holders { foreign, all_hosts_known };
        let by_radio = RadioClaim { by_radio: true, ..RadioClaim::default() };
        assert!(by_radio.passes_over(&conflict, holders(true, true)));
        assert!(!by_radio.passes_over(&conflict, holders(true, false)), "it may be the silent host");
        assert!(!by_radio.passes_over(&conflict, holders(false, true)));
        let blind = Failure::new(ErrorCode::Environment, "the network could not be asked");
        assert!(!by_radio.passes_over(&blind, holders(true, true)));
        assert!(!RadioClaim::default().passes_over(&conflict, holders(true, true)));
        assert!(RadioClaim { despite_foreign: true, ..RadioClaim::default() }.passes_over(&conflict, holders(true, false)));
        assert!(RadioClaim { force: true, ..RadioClaim::default() }.passes_over(&blind, holders(false, false)));
    }
}
