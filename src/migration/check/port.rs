//! Whether an interface can lead to the radio.

use std::net::Ipv4Addr;

use config::Cidr;
use protocol::Port;

/// The radio's longest packet of samples, bytes at the network layer: 363 samples of 4 bytes with their headers.
pub const SAMPLES_MTU: u32 = 1500;

/// What keeps an interface from leading to the radio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortProblem {
    /// It is missing or switched off.
    Down,
    /// Its largest packet, bytes, is too small.
    Mtu(u32),
    /// It has another address in the radio's subnet.
    InTheWay(Cidr),
}

/// The first of these that an interface has. `active` is the radio's address on a host.
pub fn port_problem(port: &Port, active: Ipv4Addr) -> Option<PortProblem> {
    if !port.up {
        return Some(PortProblem::Down);
    }
    if let Some(mtu) = port.mtu.filter(|mtu| *mtu < SAMPLES_MTU) {
        return Some(PortProblem::Mtu(mtu));
    }
    let is_in_the_way = |address: &Cidr| address.contains(active) && address.address() != active;
    port.addresses.iter().filter_map(|text| text.parse().ok()).find(is_in_the_way).map(PortProblem::InTheWay)
}
