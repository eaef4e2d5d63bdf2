//! The network of a pool as data: servers and radios on one switch, the far end of each radio with a radio of its own on a cable.

use super::{CONSOLE, Cable, InterfacePlace, Server, Switch, Topology, on, port};

/// How many servers serve how many radios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    /// Servers, 2 to 4.
    pub servers: usize,
    /// Radios of the pool, 1 to 4; as many far ends have one each beside them.
    pub radios: usize,
}

/// Most servers, and most radios.
pub const MOST: usize = 4;

const fn server(name: &'static str, management: &'static str) -> Server {
    Server { name, management }
}

static SERVERS: [Server; MOST] = [
    server("server1", "10.77.0.11/24"),
    server("server2", "10.77.0.12/24"),
    server("server3", "10.77.0.13/24"),
    server("server4", "10.77.0.14/24"),
];
static FAR_ENDS: [Server; MOST] = [
    server("far1", "10.77.0.21/24"),
    server("far2", "10.77.0.22/24"),
    server("far3", "10.77.0.23/24"),
    server("far4", "10.77.0.24/24"),
];
/// The pool's radios and those of the far ends in turn, and the namespace of each.
static RADIOS: [(&str, &str); 2 * MOST] = [
    ("radio1", "n210-1"),
    ("far1", "n210-far1"),
    ("radio2", "n210-2"),
    ("far2", "n210-far2"),
    ("radio3", "n210-3"),
    ("far3", "n210-far3"),
    ("radio4", "n210-4"),
    ("far4", "n210-far4"),
];
/// A server's interface towards each radio.
pub const PORTS: [&str; MOST] = ["eth3", "eth4", "eth5", "eth6"];
/// A server's tun interface for each radio.
pub const TUNS: [&str; MOST] = ["tun", "tun1", "tun2", "tun3"];
/// The switch's port for each server and each of its interfaces.
const SWITCH_PORTS: [[&str; MOST]; MOST] = [
    ["server1-eth3", "server1-eth4", "server1-eth5", "server1-eth6"],
    ["server2-eth3", "server2-eth4", "server2-eth5", "server2-eth6"],
    ["server3-eth3", "server3-eth4", "server3-eth5", "server3-eth6"],
    ["server4-eth3", "server4-eth4", "server4-eth5", "server4-eth6"],
];

/// What belongs to one radio of the pool; its number counts from 0.
#[derive(Debug, Clone, Copy)]
pub struct PoolPlace {
    number: usize,
    servers: usize,
}

impl PoolPlace {
    /// Its name.
    pub fn name(self) -> &'static str {
        RADIOS[2 * self.number].0
    }

    /// Its far end.
    pub fn far_end(self) -> Server {
        FAR_ENDS[self.number]
    }

    /// Its number, from 0.
    pub fn number(self) -> usize {
        self.number
    }

    /// Those that may serve it, all of them. Each radio starts on another server, as far as there are enough.
    pub fn servers(self) -> impl Iterator<Item = &'static str> {
        self.places().map(|server| SERVERS[server].name)
    }

    /// Numbers of its servers, in its order.
    fn places(self) -> impl Iterator<Item = usize> {
        (0..self.servers).map(move |place| (self.number + place) % self.servers)
    }

    /// Radio-port address, with prefix length, of the host that owns it.
    pub fn active(self) -> String {
        format!("192.168.{}.1/24", 10 + self.number)
    }

    /// Radio-port address, with prefix length, of the server at that place of its servers, while it is parked.
    pub fn parked(self, place: usize) -> String {
        format!("192.168.{}.{}/24", 20 + self.number, 2 + place)
    }

    /// Its own address.
    pub fn device(self) -> String {
        format!("192.168.{}.2", 10 + self.number)
    }

    /// The address of its far end's radio. It is another one: the two are in one process, which keeps them apart.
    pub fn far_device(self) -> String {
        format!("192.168.{}.3", 10 + self.number)
    }

    /// Tun address, with prefix length, of whoever serves it: where its far end probes.
    pub fn tun_address(self) -> String {
        format!("192.168.{}.9/24", 40 + self.number)
    }

    /// Tun address, with prefix length, of its far end.
    fn far_tun_address(self) -> String {
        format!("192.168.{}.8/24", 40 + self.number)
    }
}

impl PoolSize {
    /// What belongs to each radio.
    pub fn places(self) -> impl Iterator<Item = PoolPlace> {
        (0..self.radios).map(move |number| PoolPlace { number, servers: self.servers })
    }

    /// The servers.
    pub fn servers(self) -> &'static [Server] {
        &SERVERS[..self.servers]
    }

    /// The servers and the far ends.
    pub fn hosts(self) -> Vec<Server> {
        [self.servers(), &FAR_ENDS[..self.radios]].concat()
    }

    /// All radios by name, and the namespace of each.
    pub fn radios(self) -> &'static [(&'static str, &'static str)] {
        &RADIOS[..2 * self.radios]
    }

    /// Its network.
    pub fn topology(self) -> Topology {
        let hosts = self.hosts();
        let names = hosts.iter().map(|host| host.name);
        let mut topology = Topology {
            home: CONSOLE,
            namespaces: names.clone().chain(["switch"]).chain(self.radios().iter().map(|(_, namespace)| *namespace)).collect(),
            cables: Vec::new(),
            switches: vec![
                Switch { bridge: port(CONSOLE, "mgmt0", 0x61), ports: names.collect() },
                Switch { bridge: port("switch", "switch0", 0x62), ports: Vec::new() },
            ],
            tuns: Vec::new(),
            taps: Vec::new(),
            neighbours: Vec::new(),
            addresses: vec![on(CONSOLE, "mgmt0", "10.77.0.1/24")],
        };
        for (number, host) in (1..).zip(&hosts) {
            topology.lay(port(host.name, "mgmt0", 0x10 + number), port(CONSOLE, host.name, 0x20 + number), false);
            topology.addresses.push(on(host.name, "mgmt0", host.management));
        }
        self.places().for_each(|place| topology.add_radio(place));
        topology
    }
}

impl Topology {
    fn lay(&mut self, from: InterfacePlace, to: InterfacePlace, radio: bool) {
        self.cables.push(Cable { from, to, radio });
    }

    fn plug(&mut self, from: InterfacePlace, switch_port: InterfacePlace) {
        self.switches[1].ports.push(switch_port.interface);
        self.lay(from, switch_port, true);
    }

    /// A radio on the switch, an interface for it on each server, and its far end with a radio on a cable.
    fn add_radio(&mut self, of: PoolPlace) {
        let radio = of.number;
        // At most MOST squared.
        #[allow(clippy::cast_possible_truncation, reason = "small numbers")]
        let number = |block: u8, place: usize| block + place as u8;
        let (eth, tun) = (PORTS[radio], TUNS[radio]);
        for (place, server) in of.places().enumerate() {
            let (name, among) = (SERVERS[server].name, MOST * server + radio);
            self.plug(port(name, eth, number(0x30, among)), port("switch", SWITCH_PORTS[server][radio], number(0x40, among)));
            self.addresses.push(on(name, eth, of.parked(place)));
            self.tuns.push((name, tun));
            // The work may start on any of them; the address is used where the modem has opened the tun.
            self.addresses.push(on(name, tun, of.tun_address()));
        }
        let [(_, own), (_, at_far_end)] = [RADIOS[2 * radio], RADIOS[2 * radio + 1]];
        self.plug(port(own, "eth0", number(0x50, radio)), port("switch", own, number(0x54, radio)));
        let far_end = of.far_end().name;
        self.lay(port(at_far_end, "eth0", number(0x58, radio)), port(far_end, PORTS[0], number(0x5c, radio)), true);
        self.tuns.push((far_end, TUNS[0]));
        self.addresses.extend([on(far_end, PORTS[0], of.active()), on(far_end, TUNS[0], of.far_tun_address())]);
    }
}
