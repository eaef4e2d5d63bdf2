//! The interfaces of a host whose cluster file names `tun_address`: set up when the agent starts, as after a boot that has made none of them.

use workload::tun;

use super::HostHandle;
use config::Cidr;
use protocol::{Failure, Form, Level, missing};

impl HostHandle {
    /// Makes tun where there is none, gives it its address where it has none, switches both interfaces on, and parks eth3 where it has no address.
    /// What does not work is said in the log: orders will say it again.
    pub(in crate::agent) async fn set_interfaces_up(&self) {
        let Some(address) = self.settings().tun_address else { return };
        // A pod has a tun of its own, and a guest none.
        if self.config.form_of(&self.name) == Form::Processes
            && let Err(failure) = self.set_tun_up(address).await
        {
            self.event(Level::Error, failure.to_string());
        }
        if let Err(failure) = self.set_radio_port_up().await {
            self.event(Level::Error, failure.to_string());
        }
    }

    async fn set_tun_up(&self, address: Cidr) -> Result<(), Failure> {
        let name = self.settings().tun.as_str();
        if self.ports.link(name).await.is_err() {
            tun::make_persistent(name)
                .map_err(|e| missing(format!("{name} of {} could not be made", self.name), e).hint("look with: baton doctor"))?;
            self.event(Level::Info, format!("{name} was made, with {address}"));
        }
        self.switch_on(name)?;
        match self.ports.read(name).await?.addresses.is_empty() {
            true => self.ports.set(name, address).await,
            false => Ok(()),
        }
    }

    async fn set_radio_port_up(&self) -> Result<(), Failure> {
        let name = self.settings().radio_port.as_str();
        // A missing one is no failure of the set-up: telemetry and the checks of orders say it.
        if self.ports.link(name).await.is_err() {
            return Ok(());
        }
        let port = self.ports.read(name).await?;
        if !port.up {
            self.switch_on(name)?;
        }
        match port.addresses.is_empty() {
            true => self.ports.set(name, self.config.parked_of(&self.name)).await,
            false => Ok(()),
        }
    }

    fn switch_on(&self, name: &str) -> Result<(), Failure> {
        let failed = |e| missing(format!("{name} of {} could not be switched on", self.name), e);
        tun::switch_on(name).map_err(|e| failed(e).hint("the agent needs the right to change interfaces (root, or CAP_NET_ADMIN)"))
    }
}
