//! The lab's network as data: what docs/lab.md draws.

use std::net::Ipv4Addr;

pub mod pool;

use self::pool::PoolSize;

/// Who takes part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scenario {
    /// Two ends: the pool and the far end.
    #[default]
    TwoEnds,
    /// Three terminals: server4, too, which the far end reaches only through the pool.
    Relay,
    /// The work of the pool is a guest, which the far end reaches over the switch: there are no radios.
    Guest,
    /// Several radios, or more servers than two.
    Pool(PoolSize),
}

/// The part of a server that differs between servers.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    /// Its name, which is its namespace's.
    pub name: &'static str,
    /// Its address on the management network, with prefix length.
    pub management: &'static str,
}

impl Server {
    /// Its address on the management network.
    pub fn ip(&self) -> &'static str {
        self.management.split('/').next().unwrap_or(self.management)
    }
}

/// The servers: initiator, destination, far end, and the relay scenario's receiver.
const SERVERS: [Server; 4] = [
    Server { name: "server1", management: "10.77.0.11/24" },
    Server { name: "server2", management: "10.77.0.12/24" },
    Server { name: "server3", management: "10.77.0.13/24" },
    Server { name: "server4", management: "10.77.0.14/24" },
];
/// The radios by name, and the namespace of each.
const RADIOS: [(&str, &str); 3] = [("pool", "n210"), ("far", "n210-far"), ("receiver", "n210-receiver")];
/// Tun addresses of the terminals: far end, pool, receiver. A terminal's place is its index in routes.
pub const TERMINALS: [Ipv4Addr; 3] =
    [Ipv4Addr::new(192, 168, 40, 8), Ipv4Addr::new(192, 168, 40, 9), Ipv4Addr::new(192, 168, 40, 10)];

impl Scenario {
    fn with<T>(self, all: &[T]) -> &[T] {
        // What only the relay scenario has is the last of each table.
        if self == Self::Relay { all } else { &all[..all.len() - 1] }
    }

    /// Its servers, far ends too.
    pub fn servers(self) -> Vec<Server> {
        if let Self::Pool(size) = self { size.hosts() } else { self.with(&SERVERS).to_vec() }
    }

    /// The radios that its cluster file names.
    pub fn named_radios(self) -> &'static [(&'static str, &'static str)] {
        if let Self::Pool(size) = self { size.radios() } else { self.with(&RADIOS) }
    }

    /// Its radios by name, and the namespace of each.
    pub fn radios(self) -> &'static [(&'static str, &'static str)] {
        if self == Self::Guest { &[] } else { self.named_radios() }
    }
}

/// Namespace of the console and of the lab program.
pub const CONSOLE: &str = "console";
/// Radio-port address of the host that owns the radio.
pub const ACTIVE: &str = "192.168.10.1/24";
/// Radio-port address of a host that must not own it.
pub const PARKED: &str = "192.168.20.2/24";
/// Every N210's address; it is the N210's own business, the kernel holds none on that side.
pub const RADIO_ADDRESS: &str = "192.168.10.2";
/// Name of the interface that a guest's network card is.
pub const TAP: &str = "vmtap";
/// Address of the guest, where the far end probes.
pub const GUEST: &str = "192.168.40.9/24";
/// Name of the tun interface.
pub const TUN: &str = "tun";

/// An interface and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfacePlace {
    /// Network namespace.
    pub namespace: &'static str,
    /// Interface in it.
    pub interface: &'static str,
    /// Its number, the only one of its kind in the lab: last byte of its hardware address, and the kernel's index of it.
    pub number: u8,
}

impl InterfacePlace {
    /// Hardware address: locally administered, fixed, so that captures of two labs read alike.
    pub fn address(&self) -> Vec<u8> {
        vec![0x02, 0xba, 0x70, 0x00, 0x00, self.number]
    }
}

const fn port(namespace: &'static str, interface: &'static str, number: u8) -> InterfacePlace {
    InterfacePlace { namespace, interface, number }
}

/// A cable between two interfaces.
#[derive(Debug, Clone, Copy)]
pub struct Cable {
    /// One end.
    pub from: InterfacePlace,
    /// The other.
    pub to: InterfacePlace,
    /// It leads to a radio, which reads frames as they would be on a real wire: none larger than the MTU.
    pub radio: bool,
}

/// A switch and the interfaces of its own namespace that are its ports.
#[derive(Debug, Clone)]
pub struct Switch {
    /// The bridge.
    pub bridge: InterfacePlace,
    /// Its ports.
    pub ports: Vec<&'static str>,
}

/// An address, with prefix length, on an interface.
#[derive(Debug, Clone)]
pub struct PlacedAddress {
    /// Network namespace.
    pub namespace: &'static str,
    /// Interface in it.
    pub interface: &'static str,
    /// Address with prefix length.
    pub address: String,
}

fn on(namespace: &'static str, interface: &'static str, address: impl Into<String>) -> PlacedAddress {
    PlacedAddress { namespace, interface, address: address.into() }
}

/// A hardware address that is known for good.
#[derive(Debug, Clone, Copy)]
pub struct Neighbour {
    /// Network namespace.
    pub namespace: &'static str,
    /// Interface in it.
    pub interface: &'static str,
    /// Whose: address with prefix length.
    pub address: &'static str,
    /// Its hardware address.
    pub hardware: [u8; 6],
}

/// A whole network.
#[derive(Debug)]
pub struct Topology {
    /// Namespace that the lab program is in.
    pub home: &'static str,
    /// The other namespaces.
    pub namespaces: Vec<&'static str>,
    /// Cables.
    pub cables: Vec<Cable>,
    /// Switches.
    pub switches: Vec<Switch>,
    /// Persistent tun interfaces: namespace and name.
    pub tuns: Vec<(&'static str, &'static str)>,
    /// Namespaces with a persistent tap interface.
    pub taps: Vec<&'static str>,
    /// Hardware addresses that a namespace knows for good, as a terminal knows its radio's.
    pub neighbours: Vec<Neighbour>,
    /// Addresses at the start.
    pub addresses: Vec<PlacedAddress>,
}

impl Topology {
    /// The network of a scenario.
    pub fn for_scenario(scenario: Scenario) -> Self {
        let mut topology = Self::two_ends();
        match scenario {
            Scenario::Pool(size) => return size.topology(),
            Scenario::TwoEnds => {}
            Scenario::Relay => topology.add_receiver(),
            Scenario::Guest => topology.replace_radios_by_a_guest(),
        }
        topology
    }

    /// Two pool servers and their radio on one switch, the far end and its radio on a cable, all servers on a management network.
    fn two_ends() -> Self {
        let cable = |from, to, radio| Cable { from, to, radio };
        Self {
            home: CONSOLE,
            namespaces: vec!["server1", "server2", "server3", "switch", "n210", "n210-far"],
            cables: vec![
                cable(port("server1", "mgmt0", 0x11), port(CONSOLE, "server1", 0x21), false),
                cable(port("server2", "mgmt0", 0x12), port(CONSOLE, "server2", 0x22), false),
                cable(port("server3", "mgmt0", 0x13), port(CONSOLE, "server3", 0x23), false),
                cable(port("server1", "eth3", 0x31), port("switch", "server1", 0x41), true),
                cable(port("server2", "eth3", 0x32), port("switch", "server2", 0x42), true),
                cable(port("n210", "eth0", 0x50), port("switch", "n210", 0x44), true),
                cable(port("n210-far", "eth0", 0x51), port("server3", "eth3", 0x33), true),
            ],
            switches: vec![
                Switch { bridge: port(CONSOLE, "mgmt0", 0x61), ports: vec!["server1", "server2", "server3"] },
                Switch { bridge: port("switch", "switch0", 0x62), ports: vec!["server1", "server2", "n210"] },
            ],
            tuns: vec![("server1", TUN), ("server2", TUN), ("server3", TUN)],
            taps: Vec::new(),
            neighbours: Vec::new(),
            addresses: vec![
                on(CONSOLE, "mgmt0", "10.77.0.1/24"),
                on("server1", "mgmt0", SERVERS[0].management),
                on("server2", "mgmt0", SERVERS[1].management),
                on("server3", "mgmt0", SERVERS[2].management),
                on("server1", "eth3", PARKED),
                on("server2", "eth3", PARKED),
                on("server3", "eth3", ACTIVE),
                on("server1", TUN, "192.168.40.9/24"),
                on("server3", TUN, "192.168.40.8/24"),
            ],
        }
    }

    /// In each server of the pool a switch joins eth3 with the tap of its guest, and the far end is on the switch by its own eth3.
    fn replace_radios_by_a_guest(&mut self) {
        let radios = ["n210", "n210-far"];
        self.namespaces.retain(|name| !radios.contains(name));
        self.cables.retain(|cable| !radios.contains(&cable.from.namespace));
        self.cables.push(Cable { from: port("server3", "eth3", 0x33), to: port("switch", "server3", 0x43), radio: true });
        self.switches[1].ports = vec!["server1", "server2", "server3"];
        for (server, number) in [("server1", 0x71), ("server2", 0x72)] {
            self.switches.push(Switch { bridge: port(server, "guests", number), ports: vec!["eth3", TAP] });
            self.taps.push(server);
        }
        self.addresses.retain(|at| at.interface != TUN && (at.namespace, at.interface) != ("server3", "eth3"));
        self.addresses.push(on("server3", "eth3", "192.168.40.8/24"));
        let hardware = guest::HARDWARE_ADDRESS;
        self.neighbours.push(Neighbour { namespace: "server3", interface: "eth3", address: GUEST, hardware });
    }

    /// server4 and its radio on a cable.
    fn add_receiver(&mut self) {
        self.namespaces.extend(["server4", "n210-receiver"]);
        self.cables.extend([
            Cable { from: port("server4", "mgmt0", 0x14), to: port(CONSOLE, "server4", 0x24), radio: false },
            Cable { from: port("n210-receiver", "eth0", 0x52), to: port("server4", "eth3", 0x34), radio: true },
        ]);
        self.switches[0].ports.push("server4");
        self.tuns.push(("server4", TUN));
        self.addresses.extend([
            on("server4", "mgmt0", SERVERS[3].management),
            on("server4", "eth3", ACTIVE),
            on("server4", TUN, "192.168.40.10/24"),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::pool::MOST;
    use super::*;

    /// The largest of each kind, and the pools.
    fn scenarios() -> Vec<Scenario> {
        let sizes = (2..=MOST).flat_map(|servers| (1..=MOST).map(move |radios| Scenario::Pool(PoolSize { servers, radios })));
        [Scenario::Relay, Scenario::Guest].into_iter().chain(sizes).collect()
    }

    fn ports(topology: &Topology) -> Vec<InterfacePlace> {
        let cables = topology.cables.iter().flat_map(|cable| [cable.from, cable.to]);
        cables.chain(topology.switches.iter().map(|switch| switch.bridge)).collect()
    }

    #[test]
    fn every_interface_is_made_once_and_has_a_hardware_address_of_its_own() {
        for scenario in scenarios() {
            each_interface_is_made_once(&Topology::for_scenario(scenario));
        }
    }

    fn each_interface_is_made_once(topology: &Topology) {
        let all = ports(topology);
        let places: HashSet<_> = all.iter().map(|port| (port.namespace, port.interface)).collect();
        let numbers: HashSet<_> = all.iter().map(|port| port.number).collect();
        assert_eq!((places.len(), numbers.len()), (all.len(), all.len()));
        // 1 is the loopback's index, and tun interfaces take the next free ones.
        assert!(numbers.iter().all(|&number| number > 0x0f));
    }

    #[test]
    fn everything_named_exists() {
        for scenario in scenarios() {
            all_that_is_named_exists(&Topology::for_scenario(scenario));
        }
    }

    fn all_that_is_named_exists(topology: &Topology) {
        let namespaces: HashSet<_> = topology.namespaces.iter().chain([&topology.home]).collect();
        let mut interfaces: HashSet<_> = ports(topology).iter().map(|port| (port.namespace, port.interface)).collect();
        interfaces.extend(topology.tuns.iter().copied());
        interfaces.extend(topology.taps.iter().map(|&namespace| (namespace, TAP)));
        assert!(interfaces.iter().all(|(namespace, _)| namespaces.contains(namespace)));
        for at in &topology.addresses {
            assert!(interfaces.contains(&(at.namespace, at.interface)), "{at:?}");
        }
        for at in &topology.neighbours {
            assert!(interfaces.contains(&(at.namespace, at.interface)), "{at:?}");
        }
        for switch in &topology.switches {
            for port in &switch.ports {
                assert!(interfaces.contains(&(switch.bridge.namespace, *port)), "{port}");
            }
        }
    }

    #[test]
    fn nobody_on_the_switch_starts_with_the_active_address() {
        let topology = Topology::for_scenario(Scenario::Relay);
        let pool = |at: &&PlacedAddress| at.interface == "eth3" && ["server1", "server2"].contains(&at.namespace);
        assert_eq!(topology.addresses.iter().filter(pool).filter(|at| at.address == ACTIVE).count(), 0);
    }

    #[test]
    fn each_radio_of_a_pool_has_its_own_interfaces_and_parked_addresses_on_every_server() {
        let size = PoolSize { servers: 3, radios: 2 };
        let topology = Topology::for_scenario(Scenario::Pool(size));
        let on_eth4: Vec<_> = topology.addresses.iter().filter(|at| at.interface == "eth4").collect();
        let on_eth4: Vec<_> = on_eth4.iter().map(|at| (at.namespace, at.address.as_str())).collect();
        // The second radio starts on the second server.
        assert_eq!(on_eth4, [("server2", "192.168.21.2/24"), ("server3", "192.168.21.3/24"), ("server1", "192.168.21.4/24")]);
        let tuns: Vec<_> = topology.addresses.iter().filter(|at| at.interface.starts_with("tun")).collect();
        let tuns: Vec<_> = tuns.iter().map(|at| (at.namespace, at.interface, at.address.as_str())).collect();
        assert_eq!(
            tuns,
            [
                ("server1", "tun", "192.168.40.9/24"),
                ("server2", "tun", "192.168.40.9/24"),
                ("server3", "tun", "192.168.40.9/24"),
                ("far1", "tun", "192.168.40.8/24"),
                ("server2", "tun1", "192.168.41.9/24"),
                ("server3", "tun1", "192.168.41.9/24"),
                ("server1", "tun1", "192.168.41.9/24"),
                ("far2", "tun", "192.168.41.8/24")
            ]
        );
        let ports: Vec<_> = topology.addresses.iter().filter(|at| !at.interface.starts_with("tun")).collect();
        let addresses: HashSet<_> = ports.iter().map(|at| &at.address).collect();
        // Each far end has the active address on its own cable.
        assert_eq!(addresses.len(), ports.len());
    }

    #[test]
    fn terminals_have_the_addresses_that_routes_name() {
        let topology = Topology::for_scenario(Scenario::Relay);
        let tuns: Vec<_> =
            topology.addresses.iter().filter(|at| at.interface == TUN).map(|at| (at.namespace, at.address.as_str())).collect();
        let places = [("server3", TERMINALS[0]), ("server1", TERMINALS[1]), ("server4", TERMINALS[2])];
        assert!(places.iter().all(|(namespace, address)| tuns.contains(&(*namespace, format!("{address}/24").as_str()))));
    }

    #[test]
    fn every_address_is_one() {
        for scenario in scenarios() {
            let topology = Topology::for_scenario(scenario);
            let neighbours = topology.neighbours.iter().map(|at| at.address);
            for address in topology.addresses.iter().map(|at| at.address.as_str()).chain(neighbours) {
                address.parse::<config::Cidr>().unwrap();
            }
        }
    }
}
