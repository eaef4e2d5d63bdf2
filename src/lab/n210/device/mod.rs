//! One N210 as a machine: frames in, frames out, and time. It owns no socket and reads no clock.

pub mod activity;
pub mod clock;
mod cpu;
mod ear;
pub mod receive;
pub mod transmit;

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use crate::lab::n210::air::Air;
use crate::lab::n210::ethernet::arp::ArpCache;
use clock::{Clock, Tick};

use crate::lab::n210::board::eeprom::{Bus, Identity};
use crate::lab::n210::ethernet::frame::{self, Content, Incoming, Mac, Path};
use crate::lab::n210::ethernet::framer::{Framer, Stream};
use crate::lab::n210::ethernet::outbox::Outbox;
use crate::radio::wire::destination::{RESOLVED, SetDestination, UNRESOLVED};
use crate::radio::wire::fast::{Ack, Command, Operation, QUEUE};
use crate::radio::wire::register::{firmware, sr};
use crate::radio::wire::{fast, port};
use receive::{RxChain, Surroundings};
use transmit::TxChain;

/// Reference locked, SPI ready.
pub const STATUS: u32 = 0x1800;

/// The bit of the reference in it.
pub const REFERENCE_LOCKED: u32 = 0x0800;

/// Both oscillators of the boards locked.
pub const LOCKED: u32 = 0x0001_0001;

/// Firmware 12.4.
const FIRMWARE_MINOR: u32 = 4;

/// Clears the queue of fast commands.
const ROUTER_IP: u8 = 17;

/// One radio.
pub struct Device {
    identity: Identity,
    radio: usize,
    now: Tick,
    arp: ArpCache,
    framer: Framer,
    rx: [RxChain; 2],
    tx: TxChain,
    commands: VecDeque<Command>,
    time_low: u32,
    time_now: bool,
    /// Transmit and fast control packets go to the FPGA.
    routed: bool,
    pub(super) clock: Clock,
    pub(super) bus: Bus,
    pub(super) firmware: [u32; cpu::REGISTERS],
    /// Oscillators and reference are locked.
    pub(super) locked: bool,
}

/// The last frame of a datagram's journey: who sent it.
#[derive(Clone, Copy)]
struct Origin {
    ip: Ipv4Addr,
    mac: Mac,
    port: u16,
}

impl Device {
    /// A radio as it is after power-up, number `radio` in its air.
    pub fn new(identity: Identity, radio: usize) -> Self {
        let mut firmware = [0; cpu::REGISTERS];
        firmware[firmware::MINOR as usize] = FIRMWARE_MINOR;
        Self {
            bus: Bus::new(&identity),
            identity,
            radio,
            now: 0,
            arp: ArpCache::default(),
            framer: Framer::default(),
            rx: [RxChain::new(Stream::Rx0), RxChain::new(Stream::Rx1)],
            tx: TxChain::new(),
            commands: VecDeque::with_capacity(QUEUE),
            time_low: 0,
            time_now: false,
            routed: false,
            clock: Clock::default(),
            firmware,
            locked: true,
        }
    }

    /// Power comes back at this tick: all but the EEPROMs is as at the start, and time counts from 0.
    pub fn restart(&mut self, now: Tick) {
        let fresh = Self::new(self.identity.clone(), self.radio);
        let bus = std::mem::replace(&mut self.bus, Bus::new(&self.identity));
        *self = Self { bus, now, ..fresh };
        self.clock.load(0, now);
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Device time now.
    pub fn time(&self) -> u64 {
        self.clock.device(self.now)
    }

    /// Tick of the next thing to do by itself.
    pub fn due(&self) -> Tick {
        let chains = self.rx.iter().map(|chain| chain.due(self.now, &self.clock));
        chains.chain([self.tx.due(self.now, &self.clock)]).flatten().fold(self.command_due(), Tick::min)
    }

    /// Tick of the next timed command or PPS: all chains of all radios must have come there first.
    pub fn command_due(&self) -> Tick {
        // The FPGA compares for "greater than": a command runs one tick after its time.
        let first = self.commands.front().and_then(|command| command.at);
        let command = first.map(|time| self.clock.tick_of(time, self.now).map_or(self.now, |tick| tick.saturating_add(1)));
        command.unwrap_or(Tick::MAX).min(Clock::next_pps(self.now))
    }

    /// Plays what is due up to a tick.
    pub fn transmit(&mut self, to: Tick, air: &mut Air, out: &mut Outbox) {
        let Self { radio, ref clock, ref framer, ref mut tx, .. } = *self;
        tx.advance(to, &mut Surroundings { radio, clock, framer, air, out });
    }

    /// Receives what is due up to a tick.
    pub fn receive(&mut self, to: Tick, air: &mut Air, out: &mut Outbox) {
        let Self { radio, ref clock, ref framer, ref mut rx, .. } = *self;
        for chain in rx {
            chain.advance(to, &mut Surroundings { radio, clock, framer, air, out });
        }
    }

    /// Hears what has come by now: what is heard is about to change.
    pub fn listen(&mut self, air: &mut Air) {
        for chain in &mut self.rx {
            chain.listen(self.now, self.radio, air);
        }
    }

    /// The machine under the radio was away for too long: its receive chains overflow.
    pub fn overflow(&mut self, air: &mut Air, out: &mut Outbox) {
        let Self { radio, now, ref clock, ref framer, ref mut rx, .. } = *self;
        for chain in rx {
            chain.overflow(now, &mut Surroundings { radio, clock, framer, air, out });
        }
    }

    /// The same for one chain; false if it does not run.
    pub fn overflow_chain(&mut self, chain: usize, air: &mut Air, out: &mut Outbox) -> bool {
        let Self { radio, now, ref clock, ref framer, ref mut rx, .. } = *self;
        let runs = rx.get(chain).is_some_and(|chain| chain.activity().runs);
        if let Some(chain) = rx.get_mut(chain) {
            chain.overflow(now, &mut Surroundings { radio, clock, framer, air, out });
        }
        runs
    }

    /// Carries out PPS and commands due at a tick to which both directions have come.
    pub fn command(&mut self, to: Tick, air: &mut Air, out: &mut Outbox) {
        let pulse = Clock::next_pps(self.now);
        self.now = to;
        if pulse <= to {
            self.clock.pulse(to);
        }
        while let Some(command) = self.commands.front().copied()
            && command.at.is_none_or(|time| self.time() > time)
        {
            self.commands.pop_front();
            self.execute(&command, air, out);
        }
    }

    fn execute(&mut self, command: &Command, air: &mut Air, out: &mut Outbox) {
        if let Operation::Write { register, value } = command.operation {
            self.write_register(register, value, air, out);
        }
        let word = command.word();
        let value = self.readback((word & 15) as u8);
        let ack = Ack { sequence: command.sequence, command: word as u16, value };
        if let Some(packet) = self.framer.frame(Stream::Fast, out, fast::ACK_LENGTH) {
            packet.copy_from_slice(&ack.encode());
        }
    }

    /// Writes a setting register; one without effect here is accepted.
    pub(super) fn write_register(&mut self, register: u8, value: u32, air: &mut Air, out: &mut Outbox) {
        let now = self.now;
        let Self { radio, ref clock, ref framer, ref mut rx, .. } = *self;
        let mut around = Surroundings { radio, clock, framer, air, out };
        match register {
            sr::TIME_LOW => self.time_low = value,
            sr::TIME_NOW => self.time_now = value & 1 == 1,
            sr::TIME_HIGH => {
                let time = (u64::from(value) << 32) | u64::from(self.time_low);
                if self.time_now { self.clock.load(time, now) } else { self.clock.arm(time) }
            }
            ROUTER_IP => self.commands.clear(),
            sr::ROUTER_PORTS => self.routed = value == crate::radio::wire::register::ROUTER_PORTS,
            sr::RX0_COMMAND..=sr::RX0_RESET | sr::RX0_FREQUENCY..=sr::RX0_MUX => {
                rx[0].write(register, value, now, &mut around);
            }
            80..=88 | 96..=99 => rx[1].write(register - sr::RX1_OFFSET, value, now, &mut around),
            sr::TX_CLEAR..=sr::TX_FLOW_PACKETS | sr::TX_FREQUENCY..=sr::TX_INTERPOLATION => {
                self.tx.write(register, value, now);
            }
            sr::FRAMER.. => self.framer.write(usize::from(register - sr::FRAMER), value),
            _ => {}
        }
    }

    /// Takes a frame that arrives now. `segment` is the payload of one datagram when the frame is several in one (offloaded
    /// segmentation).
    pub fn input(&mut self, frame: &[u8], segment: Option<usize>, air: &mut Air, out: &mut Outbox) {
        match frame::parse(frame, &self.identity.mac) {
            Some(Incoming::ArpRequest { sender, target }) if target == self.identity.ip => {
                frame::arp_reply(out, &self.path(sender));
            }
            // The firmware learns from replies, asked for or not, and not from requests.
            Some(Incoming::ArpReply(sender)) => self.arp.learn(sender),
            Some(Incoming::Ip { sender, to, broadcast, content }) if to == self.identity.ip || broadcast => match content {
                Content::Udp { from, to, payload } => {
                    let origin = Origin { ip: sender.0, mac: sender.1, port: from };
                    let segment = segment.filter(|length| *length > 0).unwrap_or(payload.len().max(1));
                    if payload.is_empty() {
                        self.datagram(origin, to, payload, air, out);
                    }
                    for payload in payload.chunks(segment) {
                        self.datagram(origin, to, payload, air, out);
                    }
                }
                Content::Ping(rest) => {
                    self.arp.learn(sender);
                    frame::pong(out, &self.path(sender), rest);
                }
                Content::PortUnreachable(port) => {
                    self.arp.learn(sender);
                    self.unreachable(port);
                }
                Content::Other => self.arp.learn(sender),
            },
            _ => {}
        }
    }

    fn path(&self, to: (Ipv4Addr, Mac)) -> Path {
        Path { from: (self.identity.ip, self.identity.mac), to }
    }

    /// The port that a stream led to is gone.
    fn unreachable(&mut self, from: u16) {
        match from {
            port::RX0 => self.rx[0].reset(),
            port::RX1 => self.rx[1].reset(),
            port::TX => self.tx.stop_updates(),
            _ => return,
        }
        self.firmware[firmware::LOCK_TIME as usize] = 0;
    }

    fn datagram(&mut self, origin: Origin, to: u16, payload: &[u8], air: &mut Air, out: &mut Outbox) {
        let to_fpga = self.routed && matches!(to, port::TX | port::FAST) && !SetDestination::is_one(payload);
        match to {
            port::TX if to_fpga => {
                self.tx.push(payload);
                return self.transmit(self.now, air, out);
            }
            port::FAST if to_fpga => {
                if let Ok(command) = Command::decode(payload)
                    && self.commands.len() < QUEUE
                {
                    self.commands.push_back(command);
                    self.command(self.now, air, out);
                }
                return;
            }
            _ => self.arp.learn((origin.ip, origin.mac)),
        }
        match to {
            port::CONTROL => {
                if let Some((packet, length)) = self.answer(payload, out, air) {
                    self.reply(origin, to, length, &packet, out);
                }
            }
            port::RX0 => self.redirect(Stream::Rx0, origin, to, payload, out),
            port::RX1 => self.redirect(Stream::Rx1, origin, to, payload, out),
            port::TX if SetDestination::is_one(payload) => self.redirect(Stream::Tx, origin, to, payload, out),
            port::FAST if SetDestination::is_one(payload) => self.redirect(Stream::Fast, origin, to, payload, out),
            // Serial lines without anything at their other end, and ports without a listener: silence.
            _ => {}
        }
    }

    /// A datagram of the firmware's own: to where the ARP cache says that the peer is.
    fn reply(&self, origin: Origin, from: u16, length: usize, packet: &[u8], out: &mut Outbox) {
        let Some(mac) = self.arp.find(origin.ip) else { return };
        let payload = frame::udp(out, &self.path((origin.ip, mac)), from, origin.port, length);
        let shared = payload.len().min(packet.len());
        payload[..shared].copy_from_slice(&packet[..shared]);
        payload[shared..].fill(0);
    }

    fn redirect(&mut self, stream: Stream, origin: Origin, own_port: u16, payload: &[u8], out: &mut Outbox) {
        let own = (frame::socket(self.identity.ip, own_port), self.identity.mac);
        match SetDestination::decode(payload) {
            Ok(SetDestination::Sender) => {
                self.framer.set(stream, own, (frame::socket(origin.ip, origin.port), origin.mac));
            }
            Ok(SetDestination::Named(to)) => {
                let mac = self.resolve(*to.ip(), out);
                // An unknown address gets the asker's MAC until the packet is repeated.
                self.framer.set(stream, own, (to, mac.unwrap_or(origin.mac)));
                let answer = if mac.is_some() { RESOLVED } else { UNRESOLVED };
                self.reply(origin, own_port, 4, &cpu::one_word(answer), out);
            }
            Err(_) => {}
        }
    }

    /// MAC of an address or of the gateway to it; asks the network if it is not known.
    fn resolve(&self, ip: Ipv4Addr, out: &mut Outbox) -> Option<Mac> {
        let (mask, gateway) = self.identity.mask_and_gateway();
        let near = ip & mask == self.identity.ip & mask;
        let hop = if near { ip } else { gateway };
        let known = self.arp.find(hop);
        if known.is_none() {
            frame::arp_request(out, (self.identity.ip, self.identity.mac), hop);
        }
        known
    }
}
