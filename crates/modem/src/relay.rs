//! Relaying between the terminals of a group: a layer under IP, which knows next hops and nothing of samples.

pub mod forward;
pub mod hello;
mod neighbour;
mod routes;

use std::net::Ipv4Addr;
use std::sync::Arc;

use self::forward::{Arrived, EVERYBODY, PREFIX};
use self::hello::Hello;
pub use self::routes::Routes;
use super::queue::{MTU, PacketQueue};
use protocol::Link;

/// Largest packet on the air of a group.
pub const LONGEST: usize = MTU + PREFIX;

/// Decides where each packet goes.
#[derive(Debug)]
pub struct Relay {
    me: u8,
    /// Tun addresses by index.
    terminals: Vec<Ipv4Addr>,
    /// The route table.
    pub routes: Routes,
    /// Packets for the air, each behind its prefix.
    outgoing: Arc<PacketQueue>,
    forwarded: u64,
    no_route: u64,
    delivered: u64,
    packet: Vec<u8>,
}

impl Relay {
    /// Of terminal `me`; `outgoing` is what the transmitter takes from.
    pub fn new(me: u8, terminals: Vec<Ipv4Addr>, outgoing: Arc<PacketQueue>) -> Self {
        let routes = Routes::new(me, terminals.len() as u8);
        Self { me, terminals, routes, outgoing, forwarded: 0, no_route: 0, delivered: 0, packet: Vec::with_capacity(LONGEST) }
    }

    /// Takes a packet that terminal `from` sent, received at tick `now`; hands it to `deliver` if it is for this host.
    pub fn arrived(&mut self, from: u8, bytes: &[u8], now: u64, deliver: impl FnOnce(&[u8])) {
        match forward::read(self.me, bytes) {
            Arrived::Nothing => {}
            Arrived::Hello(bytes) => {
                Hello::read(bytes).into_iter().for_each(|hello| self.routes.hello(from, hello, now));
            }
            Arrived::Mine(packet) => {
                self.delivered += 1;
                deliver(packet);
            }
            // The second hop is the last.
            Arrived::For { destination, packet } => match self.routes.way(destination) {
                Some(way) if way.hops == 1 && destination != from => {
                    self.forwarded += 1;
                    self.outgoing.push(&[&[destination, destination], packet].concat());
                }
                _ => self.no_route += 1,
            },
        }
    }

    /// Takes a packet that another terminal at this place handles: of hellos alone it is told.
    pub fn overheard(&mut self, from: u8, bytes: &[u8], now: u64) {
        if forward::is_hello(bytes) {
            self.arrived(from, bytes, now, |_| ());
        }
    }

    /// Moves what waits in tun's queue towards the air.
    pub fn route_from_tun(&mut self, from_tun: &PacketQueue) {
        let mut packet = std::mem::take(&mut self.packet);
        loop {
            packet.clear();
            if !from_tun.pop(&mut packet) {
                break;
            }
            match self.routed(&packet) {
                Some(packet) => self.outgoing.push(&packet),
                None => self.no_route += 1,
            }
        }
        self.packet = packet;
    }

    /// A packet of this host behind its prefix, if a route leads to its destination. There is none for packets that are not for the group,
    /// such as the kernel's own IPv6 messages.
    pub fn routed(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let to = forward::destination(packet)?;
        let index = self.terminals.iter().position(|address| *address == to)? as u8;
        let next = self.routes.way(index)?.next;
        Some([&[next, index], packet].concat())
    }

    /// Goes on with another one's counters.
    pub fn resume(&mut self, link: Link) {
        self.delivered = link.packets_in;
        (self.forwarded, self.no_route) = (link.forwarded.unwrap_or(0), link.no_route.unwrap_or(0));
    }

    /// The hello to send at tick `now`, if one is due.
    pub fn hello(&mut self, now: u64) -> Option<Vec<u8>> {
        let hello = self.routes.due(now)?.bytes();
        Some([&[EVERYBODY; PREFIX], hello.as_slice()].concat())
    }

    /// A link's figures with those of the relaying.
    pub const fn link(&self, link: Link) -> Link {
        Link { packets_in: self.delivered, forwarded: Some(self.forwarded), no_route: Some(self.no_route), ..link }
    }
}
