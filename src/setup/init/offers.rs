//! What this machine has that a cluster needs.

use std::fmt::Write;
use std::net::Ipv4Addr;

use crate::setup::facts::Device;
use crate::setup::look::{device, network::Network};
use config::Cidr;

/// An Ethernet interface of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedPort {
    /// Its name.
    pub name: String,
    /// Whether it is switched on, and whether it has a carrier.
    pub state: &'static str,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Radios that answer on its network.
    pub radios: Vec<Ipv4Addr>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    /// Interfaces.
    pub ports: Vec<OfferedPort>,
    /// The tun device.
    pub tun: Device,
}

impl Offers {
    /// Looks; must be called within a tokio runtime. Half a second for all radios.
    pub async fn look() -> Self {
        // Without netlink there is nothing to offer, and the questions are the same.
        let network = Network::read().await.unwrap_or_default();
        let asked = network.ethernet().map(|interface| {
            let (name, up) = (interface.port.name.clone(), interface.carrier);
            let discovered =
                tokio::task::spawn_blocking(
                    move || if up { radio::inquiry::discover(&name).unwrap_or_default() } else { Vec::new() },
                );
            let state = match (interface.port.up, interface.carrier) {
                (true, true) => "carrier",
                (true, false) => "no carrier",
                (false, _) => "switched off",
            };
            let (name, addresses) = (interface.port.name.clone(), interface.port.addresses.clone());
            async move { OfferedPort { name, state, addresses, radios: discovered.await.unwrap_or_default() } }
        });
        Self { ports: futures::future::join_all(asked).await, tun: device() }
    }

    /// For the operator.
    pub fn text(&self) -> String {
        let mut text = String::from("This machine has:\n");
        for OfferedPort { name, state, addresses, radios } in &self.ports {
            let addresses = if addresses.is_empty() { "no address".into() } else { addresses.join(" ") };
            let radios: Vec<String> = radios.iter().map(|radio| format!(", an N210 at {radio}")).collect();
            let _ = writeln!(text, "  interface {name}: {state}, {addresses}{}", radios.concat());
        }
        if self.ports.is_empty() {
            text.push_str("  no Ethernet interface\n");
        }
        let tun = match &self.tun {
            Device::Opens => "/dev/net/tun".to_owned(),
            Device::Missing => "no /dev/net/tun, which a host needs: modprobe tun".to_owned(),
            Device::Forbidden => "/dev/net/tun, which this user may not open".to_owned(),
            Device::Broken(why) => format!("/dev/net/tun, which cannot be opened: {why}"),
        };
        let _ = writeln!(text, "  {tun}");
        text
    }

    /// The first radio that answers.
    pub fn radio(&self) -> Option<Ipv4Addr> {
        self.ports.iter().find_map(|port| port.radios.first().copied())
    }

    /// The interface behind which a radio answers.
    pub fn radio_port(&self) -> Option<String> {
        self.ports.iter().find(|port| !port.radios.is_empty()).map(|port| port.name.clone())
    }

    /// Whether an address is one of this machine.
    pub fn is_here(&self, address: &str) -> bool {
        let Ok(address) = address.parse::<Ipv4Addr>() else { return false };
        let own = self.ports.iter().flat_map(|port| &port.addresses).filter_map(|text| text.parse::<Cidr>().ok());
        own.map(Cidr::address).any(|own| own == address)
    }
}
