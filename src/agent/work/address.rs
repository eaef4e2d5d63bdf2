//! The addresses of eth3 and tun.

use super::Work;
use super::failures::{in_context, joined};
use config::BadValue;
use protocol::{ErrorCode, Failure, SetPort};

impl Work {
    /// Gives eth3 the radio's address or the parked one, and no other.
    pub(super) async fn set_eth3(&self, port: SetPort) -> Result<(), Failure> {
        if self.pod.is_some() {
            return self.set_pod_port(port).await;
        }
        let name = &self.settings().radio_port;
        let address = match port {
            SetPort::Active => self.active_address(),
            SetPort::Parked => self.parked_address(),
        };
        let result = self.host.ports.set(name, address).await;
        self.host.notify_change();
        result?;
        self.cable_is_good();
        match port {
            SetPort::Active => self.host.ports.forget_neighbours(name).await,
            SetPort::Parked => {
                self.forget_preparation();
                // By which heartbeats came.
                self.radio_port.close_way(self.active_address().address()).await?;
                match self.radio_address()? {
                    Some(radio) => self.radio_port.close_way(radio).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// What was prepared was for a cut that is over: nobody takes over with it later.
    pub(super) fn forget_preparation(&self) {
        let prepared = self.state().prepared.take();
        // Closing its packet socket waits for all processors, some ms.
        drop(tokio::task::spawn_blocking(move || drop(prepared)));
    }

    /// Parks eth3.
    ///
    /// # Errors
    /// [`ErrorCode::Address`](protocol::ErrorCode::Address).
    pub(in crate::agent) async fn park_eth3(&self) -> Result<(), Failure> {
        self.set_eth3(SetPort::Parked).await
    }

    /// Parks eth3 because something failed; a second failure joins the first.
    pub(super) async fn park_after(&self, failure: Failure) -> Failure {
        joined(failure, self.park_eth3().await.map_err(|second| in_context("eth3 could not be parked", second)))
    }

    /// The address of tun, with prefix length.
    ///
    /// # Errors
    /// [`ErrorCode::Address`](protocol::ErrorCode::Address) when tun is missing or has none.
    pub(in crate::agent) async fn tun_address(&self) -> Result<String, Failure> {
        self.tun_ports().address(&self.settings().tun).await
    }

    /// Gives tun an address with prefix length and no other; none when it is empty.
    ///
    /// # Errors
    /// [`ErrorCode::Address`](protocol::ErrorCode::Address).
    pub(in crate::agent) async fn set_tun_address(&self, address: &str) -> Result<(), Failure> {
        let tun = &self.settings().tun;
        if address.is_empty() {
            self.host.ports.clear(tun).await?;
            return if self.pod_runs() { self.tun_ports().clear(tun).await } else { Ok(()) };
        }
        let address = address.parse().map_err(|bad: BadValue| bad.into_failure(ErrorCode::Address))?;
        self.host.ports.set(tun, address).await?;
        if self.pod_runs() { self.tun_ports().set(tun, address).await } else { Ok(()) }
    }
}
