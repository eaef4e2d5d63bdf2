//! Faults on demand: what goes wrong with a radio and its packets.
//!
//! A radio without faults has no [`RadioFaults`] and pays nothing for them. With some, every packet to or from it goes through
//! [`RadioFaults::admit`], which loses it or says when it goes on; `world` does to the device itself what a kind of fault asks for.

mod display;
pub mod flight;

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::device::clock::Tick;
use super::ethernet::outbox::Outbox;
use flight::{Flight, FlightKey};
use n210_wire::port;

/// UDP ports that the device has.
pub const PORTS: [u16; 10] = [port::CONTROL, port::UPDATE, port::RX0, port::TX, port::RX1, port::FAST, 49170, 49171, 49172, 49173];

/// A packet that waits for the next one to overtake it waits no longer than this: 10 ms.
const OVERTAKEN_WITHIN: Tick = 1_000_000;

/// Whether packets go to the radio or come from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PacketDirection {
    /// To the radio.
    In,
    /// From the radio.
    Out,
}

/// Which packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PacketChoice {
    /// Each with this probability.
    Probability(f64),
    /// One packet in so many.
    Every(u64),
}

/// How late, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// At least.
    pub ticks: Tick,
    /// At most so much more, at random.
    pub jitter: Tick,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultKind {
    /// Packets are lost.
    Drop(PacketChoice),
    /// Packets are late; with jitter, some overtake others.
    Delay(Lag),
    /// Packets come twice.
    Duplicate(PacketChoice),
    /// Packets are overtaken by the next one.
    Reorder(PacketChoice),
    /// All packets are lost.
    Deaf,
    /// Power fails: all packets are lost, and the radio starts again when it comes back.
    BrownOut,
    /// The firmware needs so long for every packet that it handles, one after another.
    SlowCpu(Lag),
    /// Oscillators and reference are not locked.
    LostLock,
    /// Device time jumps by so many ticks.
    ClockJump(i64),
    /// Receive chains that run overflow.
    Overflow,
}

/// A fault begins, or faults end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultChange {
    /// Whose.
    pub radio: usize,
    /// What goes wrong; none ends all that match.
    pub kind: Option<FaultKind>,
    /// At one UDP port of the device only.
    pub port: Option<u16>,
    /// In one direction only.
    pub direction: Option<PacketDirection>,
    /// For so many ticks; none until it is ended.
    pub lasts: Option<Tick>,
}

/// A fault that lasts.
#[derive(Debug)]
struct Active {
    change: FaultChange,
    kind: FaultKind,
    until: Tick,
    random: StdRng,
    /// Packets that it was asked about.
    seen: u64,
    /// Packets that wait to be overtaken, to the radio and from it.
    overtaken: [Option<FlightKey>; 2],
    /// Until when the firmware is busy.
    busy: Tick,
}

/// The faults of one radio, and the packets on their way.
#[derive(Default)]
pub struct RadioFaults {
    active: Vec<Active>,
    flights: [Flight; 2],
    /// What the radio sends, before the faults have seen it.
    pub raw: Outbox,
}

/// What of a packet the faults look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Where it goes.
    pub direction: PacketDirection,
    /// Port of the device, if it is a datagram.
    pub port: Option<u16>,
    /// The firmware handles it.
    pub firmware: bool,
}

impl RadioFaults {
    /// Begins a fault that lasts, in the place of one of the same kind for the same packets. `seed` is its own.
    pub fn begin(&mut self, change: FaultChange, kind: FaultKind, now: Tick, seed: u64) {
        let until = change.lasts.map_or(Tick::MAX, |lasts| now.saturating_add(lasts));
        let same = |other: &Active| {
            std::mem::discriminant(&other.kind) == std::mem::discriminant(&kind)
                && (other.change.port, other.change.direction) == (change.port, change.direction)
        };
        self.active.retain(|other| !same(other));
        let random = StdRng::seed_from_u64(seed);
        self.active.push(Active { change, kind, until, random, seen: 0, overtaken: [None; 2], busy: now });
    }

    /// Ends the faults at a port or in a direction, or all; says which kinds ended.
    pub fn end(&mut self, port: Option<u16>, direction: Option<PacketDirection>) -> Vec<FaultKind> {
        self.end_those(|fault| {
            (port.is_none() || fault.change.port == port) && (direction.is_none() || fault.change.direction == direction)
        })
    }

    /// Ends the faults whose time is over; says which kinds ended.
    pub fn expire(&mut self, now: Tick) -> Vec<FaultKind> {
        self.end_those(|fault| fault.until <= now)
    }

    fn end_those(&mut self, over: impl Fn(&Active) -> bool) -> Vec<FaultKind> {
        let ended = self.active.iter().filter(|fault| over(fault)).map(|fault| fault.kind).collect();
        self.active.retain(|fault| !over(fault));
        ended
    }

    /// Whether nothing is left to do.
    pub fn is_over(&self) -> bool {
        self.active.is_empty() && self.flights.iter().all(Flight::is_empty)
    }

    /// Tick at which a packet goes on or a fault ends.
    pub fn due(&self) -> Tick {
        let ends = self.active.iter().map(|fault| fault.until);
        self.flights.iter().map(Flight::due).chain(ends).min().unwrap_or(Tick::MAX)
    }

    /// Whether the power is off.
    pub fn is_dark(&self) -> bool {
        self.active.iter().any(|fault| fault.kind == FaultKind::BrownOut)
    }

    /// Whether oscillators and reference are kept from locking.
    pub fn is_unlocked(&self) -> bool {
        self.active.iter().any(|fault| fault.kind == FaultKind::LostLock)
    }

    /// Takes a packet: it is lost, or on its way.
    pub fn admit(&mut self, label: Label, frame: Vec<u8>, now: Tick) {
        let Self { active, flights, .. } = self;
        let flight = &mut flights[label.direction as usize];
        let (mut at, mut copies, mut overtaken_by) = (now, 1, None);
        let mut overtakes = Vec::new();
        for (n, fault) in active.iter_mut().enumerate().filter(|(_, fault)| fault.concerns(&label)) {
            let kind = fault.kind;
            match kind {
                FaultKind::Deaf | FaultKind::BrownOut => return,
                FaultKind::Drop(choice) if fault.chooses(choice) => return,
                FaultKind::Duplicate(choice) if fault.chooses(choice) => copies += 1,
                FaultKind::Delay(lag) => at = at.saturating_add(fault.lag(lag)),
                FaultKind::SlowCpu(lag) if label.firmware && label.direction == PacketDirection::In => {
                    fault.busy = fault.busy.max(at).saturating_add(fault.lag(lag));
                    at = fault.busy;
                }
                FaultKind::Reorder(choice) => {
                    match fault.overtaken[label.direction as usize].take().filter(|key| flight.holds(key)) {
                        Some(key) => overtakes.push(key),
                        None if fault.chooses(choice) => overtaken_by = Some(n),
                        None => {}
                    }
                }
                _ => {}
            }
        }
        let last = if overtaken_by.is_some() { at.saturating_add(OVERTAKEN_WITHIN) } else { at };
        let key = flight.insert(last, copies, frame);
        if let Some(fault) = overtaken_by.and_then(|n| active.get_mut(n)) {
            fault.overtaken[label.direction as usize] = Some(key);
        }
        for key in overtakes {
            flight.postpone(&key, last);
        }
    }

    /// The next packet of a direction that goes on by now.
    pub fn next(&mut self, direction: PacketDirection, now: Tick) -> Option<Vec<u8>> {
        self.flights[direction as usize].next(now)
    }

    /// Forgets the packets on their way to the radio.
    pub fn forget_incoming(&mut self) {
        self.flights[PacketDirection::In as usize] = Flight::default();
    }

    /// What goes wrong, a sentence for each fault.
    pub fn sentences(&self, now: Tick) -> Vec<String> {
        let left = |fault: &Active| (fault.until != Tick::MAX).then(|| fault.until.saturating_sub(now));
        self.active.iter().map(|fault| FaultChange { lasts: left(fault), ..fault.change }.to_string()).collect()
    }
}

impl Active {
    fn concerns(&self, label: &Label) -> bool {
        let FaultChange { port, direction, .. } = self.change;
        direction.is_none_or(|direction| direction == label.direction) && (port.is_none() || port == label.port)
    }

    fn chooses(&mut self, choice: PacketChoice) -> bool {
        self.seen += 1;
        match choice {
            PacketChoice::Every(n) => self.seen.is_multiple_of(n.max(1)),
            PacketChoice::Probability(probability) => self.random.random::<f64>() < probability,
        }
    }

    fn lag(&mut self, lag: Lag) -> Tick {
        lag.ticks.saturating_add(if lag.jitter > 0 { self.random.random_range(0..=lag.jitter) } else { 0 })
    }
}
