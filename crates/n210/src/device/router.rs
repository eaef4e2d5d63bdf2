//! Where frames go inside the device: to its processor, to the transmit chain, to the queue of fast commands.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::receive::Surroundings;
use super::uart::Uart;
use super::{Device, cpu};
use crate::air::Air;
use crate::ethernet::frame::{self, Incoming, IpContent, Mac, Peers, UDP_HEADERS};
use crate::ethernet::framer::FramerStream;
use crate::ethernet::outbox::Outbox;
use n210_wire::destination::{RESOLVED, SetDestination, UNRESOLVED};
use n210_wire::fast::{FastCommand, QUEUE};
use n210_wire::port;
use n210_wire::register::firmware;

/// Bytes of the memory behind the Ethernet port, in which frames wait while the one in front of them finds no room.
const MEMORY: usize = 8192;

/// The last frame of a datagram's journey: who sent it, and to which address.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameOrigin {
    ip: Ipv4Addr,
    mac: Mac,
    port: u16,
    to: Ipv4Addr,
    broadcast: bool,
}

/// What waits behind the Ethernet port.
#[derive(Debug)]
enum Waiting {
    Frame(Vec<u8>),
    Datagram(FrameOrigin, u16, Vec<u8>),
}

impl Waiting {
    fn bytes(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Datagram(.., payload) => payload.len() + UDP_HEADERS,
        }
    }
}

/// Which ports the FPGA takes, and what it could not take yet.
#[derive(Debug)]
pub(super) struct Router {
    /// Samples; the firmware sets this one when it starts.
    tx: u16,
    /// Fast commands.
    fast: u16,
    waiting: VecDeque<Waiting>,
}

impl Router {
    pub fn new() -> Self {
        Self { tx: port::TX, fast: 0, waiting: VecDeque::new() }
    }

    /// Sets the ports: fast commands in the upper half, samples in the lower.
    pub fn set_ports(&mut self, value: u32) {
        (self.fast, self.tx) = ((value >> 16) as u16, value as u16);
    }

    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Keeps what must wait, if there is room; else it is lost.
    fn wait(&mut self, what: Waiting) {
        let bytes: usize = self.waiting.iter().map(Waiting::bytes).sum();
        if bytes + what.bytes() <= MEMORY {
            self.waiting.push_back(what);
        }
    }
}

impl Device {
    /// Takes a frame that arrives now. `segment` is the payload of one datagram when the frame is several in one (offloaded
    /// segmentation).
    pub fn input(&mut self, frame: &[u8], segment: Option<usize>, air: &mut Air, out: &mut Outbox) {
        match frame::parse(frame, &self.identity.mac) {
            Some(Incoming::Ip { sender, to, broadcast, content: IpContent::Udp { from, to: port, payload } }) => {
                if to != self.identity.ip && !broadcast {
                    return;
                }
                let origin = FrameOrigin { ip: sender.0, mac: sender.1, port: from, to, broadcast };
                let segment = segment.filter(|length| *length > 0).unwrap_or(payload.len()).max(1);
                if payload.is_empty() {
                    self.queue_or_handle(origin, port, payload, air, out);
                }
                for payload in payload.chunks(segment) {
                    self.queue_or_handle(origin, port, payload, air, out);
                }
            }
            Some(_) if self.router.is_waiting() => self.router.wait(Waiting::Frame(frame.to_vec())),
            Some(incoming) => self.handle(incoming, out),
            None => {}
        }
    }

    /// Handles ARP and ICMP; ignores the rest.
    fn handle(&mut self, incoming: Incoming, out: &mut Outbox) {
        match incoming {
            Incoming::ArpRequest { sender, target } if target == self.identity.ip => {
                frame::arp_reply(out, &self.path(sender));
            }
            // The firmware learns from replies, asked for or not, and not from requests.
            Incoming::ArpReply(sender) => self.arp.learn(sender),
            Incoming::SetAddress(ip) => {
                self.bus.set_address(ip);
                self.announced = ip;
            }
            Incoming::Ip { sender, to, broadcast, content } if to == self.identity.ip || broadcast => {
                self.arp.learn(sender);
                match content {
                    IpContent::Ping(rest) => frame::pong(out, &self.path(sender), rest),
                    IpContent::PortUnreachable(port) => self.unreachable(port),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn path(&self, to: (Ipv4Addr, Mac)) -> Peers {
        Peers { from: (self.identity.ip, self.identity.mac), to }
    }

    /// Frames do not overtake one another, even to other ports.
    fn queue_or_handle(&mut self, origin: FrameOrigin, to: u16, payload: &[u8], air: &mut Air, out: &mut Outbox) {
        if !self.router.is_waiting() && self.has_room(origin, to, payload) {
            self.datagram(origin, to, payload, air, out);
        } else {
            self.router.wait(Waiting::Datagram(origin, to, payload.to_vec()));
        }
    }

    /// Takes what waits behind the Ethernet port, as far as there is room now.
    pub(super) fn take_waiting(&mut self, air: &mut Air, out: &mut Outbox) {
        while let Some(first) = self.router.waiting.pop_front() {
            match first {
                Waiting::Frame(frame) => {
                    if let Some(incoming) = frame::parse(&frame, &self.identity.mac) {
                        self.handle(incoming, out);
                    }
                }
                Waiting::Datagram(origin, to, payload) if self.has_room(origin, to, &payload) => {
                    self.datagram(origin, to, &payload, air, out);
                }
                first => return self.router.waiting.push_front(first),
            }
        }
    }

    /// The FPGA takes what has a VITA length and is not broadcast; the rest is the firmware's.
    fn is_for(&self, which: u16, origin: FrameOrigin, to: u16, payload: &[u8]) -> bool {
        to == which && !origin.broadcast && !SetDestination::is_one(payload)
    }

    fn has_room(&self, origin: FrameOrigin, to: u16, payload: &[u8]) -> bool {
        if self.is_for(self.router.fast, origin, to, payload) {
            // One more than the queue holds waits at its entrance.
            self.commands.len() <= QUEUE
        } else if self.is_for(self.router.tx, origin, to, payload) {
            self.tx.has_room(payload.len())
        } else {
            true
        }
    }

    fn datagram(&mut self, origin: FrameOrigin, to: u16, payload: &[u8], air: &mut Air, out: &mut Outbox) {
        if self.is_for(self.router.fast, origin, to, payload) {
            if let Ok(command) = FastCommand::decode(payload) {
                self.commands.push_back(command);
                self.run_commands(air, out);
            }
        } else if self.is_for(self.router.tx, origin, to, payload) {
            self.tx.push(payload);
            self.transmit(self.now, air, out);
        } else {
            self.arp.learn((origin.ip, origin.mac));
            self.firmware(origin, to, payload, air, out);
        }
    }

    fn firmware(&mut self, origin: FrameOrigin, to: u16, payload: &[u8], air: &mut Air, out: &mut Outbox) {
        match to {
            port::CONTROL => {
                if let Some((packet, length)) = self.answer(payload, out, air) {
                    self.reply(origin, to, length, &packet, out);
                }
            }
            port::UPDATE => self.update(origin, payload, out),
            port::RX0 => self.redirect(FramerStream::Rx0, origin, to, payload, out),
            port::RX1 => self.redirect(FramerStream::Rx1, origin, to, payload, out),
            port::TX => self.redirect(FramerStream::Tx, origin, to, payload, out),
            port::FAST => self.redirect(FramerStream::Fast, origin, to, payload, out),
            _ if Uart::own(to) => self.uart.write(to, (origin.ip, origin.port), payload, self.now),
            // Ports without a listener: silence.
            _ => {}
        }
    }

    /// The port that a stream led to is gone.
    fn unreachable(&mut self, from: u16) {
        match from {
            port::RX0 => self.rx[0].reset(),
            port::RX1 => self.rx[1].reset(),
            port::TX => self.tx.stop_updates(self.now),
            _ => return self.uart.unreachable(from),
        }
        self.firmware[firmware::LOCK_TIME as usize] = 0;
    }

    /// A datagram of the firmware's own: to where the ARP cache says that the peer is.
    pub(super) fn reply(&mut self, origin: FrameOrigin, from: u16, length: usize, packet: &[u8], out: &mut Outbox) {
        self.send((origin.ip, origin.port), from, length, packet, out);
    }

    pub(super) fn send(&mut self, to: (Ipv4Addr, u16), from: u16, length: usize, packet: &[u8], out: &mut Outbox) {
        let Some(mac) = self.arp.find(to.0) else { return };
        self.wire.small(self.now, UDP_HEADERS + length);
        let payload = frame::udp(out, &self.path((to.0, mac)), from, to.1, length);
        let shared = payload.len().min(packet.len());
        payload[..shared].copy_from_slice(&packet[..shared]);
        payload[shared..].fill(0);
    }

    fn redirect(&mut self, stream: FramerStream, origin: FrameOrigin, own_port: u16, payload: &[u8], out: &mut Outbox) {
        // The stream comes from the address that was asked.
        let own = (frame::socket(origin.to, own_port), self.identity.mac);
        match SetDestination::decode(payload) {
            SetDestination::Sender => {
                self.framer.set(stream, own, (frame::socket(origin.ip, origin.port), origin.mac));
            }
            SetDestination::Named(to) => {
                let mac = self.resolve(*to.ip(), out);
                let answer = if mac.is_some() { RESOLVED } else { UNRESOLVED };
                self.reply(origin, own_port, 4, &cpu::one_word(answer), out);
                // An unknown address gets the asker's MAC until the packet is repeated.
                self.framer.set(stream, own, (to, mac.unwrap_or(origin.mac)));
            }
        }
    }

    /// MAC of an address or of the gateway to it; asks the network if it is not known.
    fn resolve(&self, ip: Ipv4Addr, out: &mut Outbox) -> Option<Mac> {
        let (mask, gateway) = self.identity.mask_and_gateway();
        let near = ip & mask == self.identity.ip & mask;
        let hop = if near { ip } else { gateway };
        let known = self.arp.find(hop);
        if known.is_none() {
            frame::arp_request(out, (self.announced, self.identity.mac), hop);
        }
        known
    }

    /// The Ethernet port is up: the firmware tells everyone where its address is.
    pub fn link_up(&self, out: &mut Outbox) {
        frame::arp_request(out, (self.announced, self.identity.mac), self.announced);
    }

    /// What a chain needs of the rest of the radio, beside the chains.
    pub(super) fn split<'a>(&'a mut self, air: &'a mut Air, out: &'a mut Outbox) -> Parts<'a> {
        let Self { radio, ref clock, ref framer, ref mut wire, ref mut rx, ref mut tx, .. } = *self;
        Parts { rx, tx, around: Surroundings { radio, clock, framer, wire, air, out } }
    }
}

/// The chains of a radio, and the rest of it.
pub(super) struct Parts<'a> {
    pub rx: &'a mut [super::receive::RxChain; 2],
    pub tx: &'a mut super::transmit::TxChain,
    pub around: Surroundings<'a>,
}
