//! One N210 as a machine: frames in, frames out, and time. It owns no socket and reads no clock.

pub mod activity;
pub mod clock;
mod cpu;
mod deframer;
mod flow;
mod partial_packet;
pub mod pipeline;
pub mod receive;
mod router;
pub mod transmit;
mod uart;
mod update;

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use crate::air::Air;
use crate::ethernet::arp::ArpCache;
use clock::{Clock, Tick};

use crate::board::Equipment;
use crate::board::eeprom::{Bus, RadioIdentity};
use crate::board::flash::Flash;
use crate::board::gpio::RunningChains;
use crate::board::gpsdo::Gpsdo;
use crate::board::impairments::Impairments;
use crate::board::slots::{Boards, Lock};
use crate::ethernet::frame::UDP_HEADERS;
use crate::ethernet::framer::{Framer, FramerStream};
use crate::ethernet::outbox::Outbox;
use crate::ethernet::wire::Wire;
use n210_wire::dsp::Direction;
use n210_wire::fast::{self, Ack, FastCommand, Operation, QUEUE};
use n210_wire::register::{firmware, sr};
use receive::RxChain;
use router::{Parts, Router};
use transmit::TxChain;
use uart::Uart;

/// Firmware 12.4.
const FIRMWARE_MINOR: u32 = 4;

/// Clears the queue of fast commands.
const ROUTER_IP: u8 = 17;

/// Registers that only the firmware's port reaches.
const FIRMWARE_ONLY: [u8; 2] = [sr::CLOCK, 5];

/// One radio.
pub struct Device {
    identity: RadioIdentity,
    /// The address that the firmware gives as its own: the one of its next start, once it is told that.
    announced: Ipv4Addr,
    radio: usize,
    now: Tick,
    arp: ArpCache,
    framer: Framer,
    rx: [RxChain; 2],
    tx: TxChain,
    commands: VecDeque<FastCommand>,
    router: Router,
    wire: Wire,
    pub(super) clock: Clock,
    pub(super) bus: Bus,
    pub(super) flash: Flash,
    pub(super) boards: Boards,
    uart: Uart,
    pub(super) firmware: [u32; cpu::REGISTERS],
}

impl Device {
    /// A radio as it is after power-up, number `radio` in its air.
    pub fn new(identity: RadioIdentity, flash: Flash, radio: usize) -> Self {
        let bus = Bus::new(&identity);
        Self::boot(identity, bus, flash, radio)
    }

    fn boot(identity: RadioIdentity, bus: Bus, flash: Flash, radio: usize) -> Self {
        let mut firmware = [0; cpu::REGISTERS];
        firmware[firmware::MINOR as usize] = FIRMWARE_MINOR;
        let identity = identity.booted(&bus, flash.boots());
        let Equipment { gpsdo, timing, .. } = identity.equipment;
        let mut device = Self {
            announced: identity.ip,
            bus,
            flash,
            boards: Boards::new(identity.equipment),
            uart: Uart::new(gpsdo.then(|| Gpsdo::new(identity.powered_up))),
            identity,
            radio,
            now: 0,
            arp: ArpCache::default(),
            framer: Framer::default(),
            rx: [FramerStream::Rx0, FramerStream::Rx1].map(|stream| RxChain::new(stream, timing)),
            tx: TxChain::new(timing),
            commands: VecDeque::with_capacity(QUEUE + 1),
            router: Router::new(),
            wire: Wire::default(),
            clock: Clock::default(),
            firmware,
        };
        device.follow(0);
        device
    }

    /// Powers it up with another flash memory.
    pub fn insert_flash(&mut self, flash: Flash) {
        self.flash = flash;
        self.restart(self.now);
    }

    /// Power comes back at this tick: all but EEPROMs and flash memory is as at the start, and time counts from 0.
    pub fn restart(&mut self, now: Tick) {
        let bus = std::mem::replace(&mut self.bus, Bus::new(&self.identity));
        let flash = std::mem::take(&mut self.flash);
        let impairments = self.boards.impairments();
        *self = Self { now, ..Self::boot(self.identity.clone(), bus, flash, self.radio) };
        self.impair(impairments);
        self.clock.load(0, now);
    }

    /// Takes the lock of reference and oscillators away, or gives it back.
    pub fn lose_locks(&mut self, lost: bool) {
        for lock in [Lock::Reference, Lock::Receive, Lock::Transmit] {
            self.boards.lose(lock, lost);
        }
        self.follow(self.now);
    }

    /// Sets the impairments of its front ends.
    pub fn impair(&mut self, impairments: Impairments) {
        self.boards.impair(impairments, self.radio, self.now);
        self.follow(self.now);
    }

    /// Who it is.
    pub fn identity(&self) -> &RadioIdentity {
        &self.identity
    }

    /// Device time now.
    pub fn time(&self) -> u64 {
        self.clock.device(self.now)
    }

    /// Tick of the next thing to do by itself.
    pub fn due(&self) -> Tick {
        let chains = self.rx.iter().map(|chain| chain.due(&self.clock));
        chains.chain([self.tx.due(&self.clock), self.uart.due()]).flatten().fold(self.command_due(), Tick::min)
    }

    /// Tick of the next timed command or PPS: all chains of all radios must have come there first.
    pub fn command_due(&self) -> Tick {
        // The FPGA compares for "greater than": a command runs one tick after its time.
        let first = self.commands.front().and_then(|command| command.at);
        let command = first.map(|time| self.clock.tick_of(time, self.now).map_or(self.now, |tick| tick.saturating_add(1)));
        // What waits behind the Ethernet port may find room after each packet.
        let room = self.router.is_waiting().then(|| self.tx.due(&self.clock)).flatten();
        command.into_iter().chain(room).chain(self.boards.due()).fold(Clock::next_pps(self.now), Tick::min)
    }

    /// Plays what is due up to a tick.
    pub fn transmit(&mut self, to: Tick, air: &mut Air, out: &mut Outbox) {
        let Parts { tx, mut around, .. } = self.split(air, out);
        tx.advance(to, &mut around);
        self.follow(to);
    }

    /// Receives what is due up to a tick, both chains in step: they share the wire.
    pub fn receive(&mut self, to: Tick, air: &mut Air, out: &mut Outbox) {
        let Parts { rx, mut around, .. } = self.split(air, out);
        loop {
            let dues = rx.iter().enumerate().filter_map(|(chain, rx)| Some((rx.due(around.clock)?, chain)));
            let Some((at, chain)) = dues.min().filter(|(at, _)| *at <= to) else { break };
            rx[chain].act(at, &mut around);
        }
        rx.iter_mut().for_each(|chain| chain.rest(to));
        self.follow(to);
    }

    /// Lets the boards follow the chains that run, and all chains their boards.
    fn follow(&mut self, now: Tick) {
        let running = RunningChains { rx: self.rx.iter().any(RxChain::is_running), tx: self.tx.is_on(now) };
        if self.boards.follow(running) {
            let (rx, tx) = (self.boards.front(Direction::Receive), self.boards.front(Direction::Transmit));
            for chain in &mut self.rx {
                chain.set_front(rx);
            }
            self.tx.set_front(tx);
        }
    }

    /// Receives what has come by now: what is received is about to change.
    pub fn listen(&mut self, air: &mut Air) {
        for chain in &mut self.rx {
            chain.listen(self.now, self.radio, air);
        }
    }

    /// The machine under the radio was away for too long: its receive chains overflow.
    pub fn overflow(&mut self, air: &mut Air, out: &mut Outbox) {
        let now = self.now;
        let Parts { rx, mut around, .. } = self.split(air, out);
        for chain in rx {
            chain.overflow(now, &mut around);
        }
    }

    /// The same for one chain; false if it does not run.
    pub fn overflow_chain(&mut self, chain: usize, air: &mut Air, out: &mut Outbox) -> bool {
        let now = self.now;
        let Parts { rx, mut around, .. } = self.split(air, out);
        let Some(chain) = rx.get_mut(chain) else { return false };
        let runs = chain.is_running();
        chain.overflow(now, &mut around);
        runs
    }

    /// Carries out PPS and commands due at a tick to which both directions have come.
    pub fn command(&mut self, to: Tick, air: &mut Air, out: &mut Outbox) {
        let pulse = Clock::next_pps(self.now);
        self.now = to;
        if self.boards.lock(to) {
            self.listen(air);
            self.follow(to);
        }
        if pulse <= to {
            self.clock.pulse(to);
            self.rx.iter_mut().for_each(|chain| chain.clock_is_set(to, &self.clock));
            self.uart.pulse(pulse);
        }
        while let Some((from, to, text)) = self.uart.advance(self.now) {
            self.send(to, from, text.len(), &text, out);
        }
        self.run_commands(air, out);
        self.take_waiting(air, out);
    }

    fn run_commands(&mut self, air: &mut Air, out: &mut Outbox) {
        while let Some(command) = self.commands.front().copied()
            && command.at.is_none_or(|time| self.time() > time)
        {
            self.commands.pop_front();
            self.execute(&command, air, out);
        }
    }

    fn execute(&mut self, command: &FastCommand, air: &mut Air, out: &mut Outbox) {
        if let Operation::Write { register, value } = command.operation
            && !FIRMWARE_ONLY.contains(&register)
        {
            self.write_register(register, value, air, out);
        }
        let word = command.word();
        let value = self.readback((word & 15) as u8);
        let ack = Ack { sequence: command.sequence, command: word as u16, value };
        self.wire.small(self.now, UDP_HEADERS + fast::ACK_LENGTH);
        if let Some(packet) = self.framer.frame(FramerStream::Fast, out, fast::ACK_LENGTH) {
            packet.copy_from_slice(&ack.encode());
        }
    }

    /// Writes a setting register; one without effect here is accepted.
    pub(super) fn write_register(&mut self, register: u8, value: u32, air: &mut Air, out: &mut Outbox) {
        let now = self.now;
        if Boards::own(register) {
            self.boards.write(register, value, now);
            return self.follow(now);
        }
        match register {
            sr::TIME_LOW | sr::TIME_NOW | sr::TIME_HIGH => {
                self.clock.write(register, value, now);
                self.rx.iter_mut().for_each(|chain| chain.clock_is_set(now, &self.clock));
            }
            ROUTER_IP => self.commands.clear(),
            sr::ROUTER_PORTS => self.router.set_ports(value),
            sr::FRAMER.. => self.framer.write(usize::from(register - sr::FRAMER), value),
            _ => self.write_chain(register, value, now, air, out),
        }
    }

    fn write_chain(&mut self, register: u8, value: u32, now: Tick, air: &mut Air, out: &mut Outbox) {
        let Parts { rx, tx, mut around } = self.split(air, out);
        match register {
            sr::RX0_COMMAND..=sr::RX0_RESET | sr::RX0_FREQUENCY..=sr::RX0_MUX => {
                rx[0].write(register, value, now, &mut around);
            }
            80..=88 | 96..=99 => rx[1].write(register - sr::RX1_OFFSET, value, now, &mut around),
            sr::TX_CLEAR..=sr::TX_FLOW_PACKETS | sr::TX_FREQUENCY..=sr::TX_INTERPOLATION => {
                tx.write(register, value, now);
            }
            _ => {}
        }
    }
}
