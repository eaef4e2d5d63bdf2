//! The modem without its surroundings: samples with their ticks and IP packets in, bursts, IP packets and events out.
//!
//! Time is the device's own, and known only from received blocks: everything happens in [`Modem::receive`].

use std::sync::Arc;

use rustfft::FftPlanner;

use super::acquire::Timing;
use super::phy::broadcast::{Broadcast, FRAMES};
use super::phy::cell::Cell;
use super::phy::duplex::Use;
use super::phy::history::{Continuity, History};
use super::phy::numerology::{FRAME_TICKS, FrameClock, SUBFRAME_TICKS};
use super::phy::parameters::{Parameters, Role};
use super::phy::sync_signals::CellId;
use super::phy::transmit::{Content, LEFT_OUT, Transmitter};
use super::queue::PacketQueue;
use super::receive::{Receiver, Sync};
use super::segment::Segmenter;
use super::settings::Settings;
use super::soft_state::{Carried, MOST_AHEAD, SoftState, check_clock};
use crate::protocol::Link;
use crate::workload::samples::{Block, Kind, Sample};

/// Bytes of packets that wait for transmission, per resource block: with QPSK about 0.2 s of it.
const QUEUE_BYTES: usize = 5 << 10;

/// Samples that are kept: whole subframes for the verification of a find, and what a search looks at.
const HISTORY_SUBFRAMES: usize = 4;

/// A device clock reaches this after some hundred years: a block that claims more is damaged.
const LATEST_TICK: u64 = 1 << 60;

/// A modem that goes on where another was says nothing before a good CRC has proven what it inherited, for at most this long, ticks: until then
/// the other may be called back. Longer than anybody waits for the proof, and then a master has to be heard to be found.
const UNPROVEN: u64 = 100 * SUBFRAME_TICKS;

/// Where the modem's output goes.
pub trait Outlet {
    /// A burst to transmit.
    fn burst(&mut self, burst: &Block);
    /// An IP packet that was received.
    fn packet(&mut self, packet: &[u8]);
    /// The state of synchronisation changed.
    fn sync(&mut self, sync: Sync);
    /// Something is worth a line in the log.
    fn note(&mut self, text: &str);
}

/// Figures since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Report {
    /// Quality of the air link.
    pub link: Link,
    /// Samples received.
    pub rx_samples: u64,
    /// Samples missing between blocks.
    pub rx_lost_samples: u64,
    /// Samples given out for transmission.
    pub tx_samples: u64,
    /// The cell, once known, and how it works.
    pub cell: Option<(CellId, Parameters)>,
    /// Number of the far end's latest frame, once known.
    pub frame: Option<u16>,
    /// Carrier frequency offset, Hz.
    pub cfo_hz: f32,
    /// Packets that waited too long or were too large.
    pub packets_dropped: u64,
    /// Received packets of which a part was missing.
    pub packets_broken: u64,
    /// Nothing is given out.
    pub frozen: bool,
}

/// The modem.
pub struct Modem {
    settings: Settings,
    history: History,
    receiver: Receiver,
    transmitter: Transmitter,
    /// The direction that is transmitted of the cell that is received.
    cell: Option<Arc<Cell>>,
    segmenter: Segmenter,
    queue: Arc<PacketQueue>,
    /// How far ahead of the latest received tick bursts are given out, ticks.
    lead: u64,
    /// Tick before which the next burst can not begin.
    next_free: u64,
    /// Nothing is given out.
    frozen: bool,
    /// Tick of a state that was taken before any sample: whether it is of this clock has yet to be seen.
    inherited: Option<u64>,
    /// Tick up to which nothing is transmitted without a proof of what was inherited.
    unproven: Option<u64>,
    payload: Vec<u8>,
    burst: Block,
    report: Report,
}

impl Modem {
    /// A modem that transmits `lead` subframes ahead of the latest received tick.
    pub fn new(settings: Settings, lead: u32) -> Self {
        let numerology = settings.parameters.numerology;
        let mut planner = FftPlanner::new();
        let queue_bytes = QUEUE_BYTES * numerology.bandwidth.resource_blocks();
        Self {
            history: History::new(HISTORY_SUBFRAMES * numerology.subframe_samples(), numerology.ticks_per_sample()),
            receiver: Receiver::new(&settings, &mut planner),
            transmitter: Transmitter::new(numerology.bandwidth, &mut planner),
            cell: None,
            segmenter: Segmenter::default(),
            queue: Arc::new(PacketQueue::new(queue_bytes)),
            lead: u64::from(lead) * SUBFRAME_TICKS,
            next_free: 0,
            frozen: false,
            inherited: None,
            unproven: None,
            payload: Vec::new(),
            burst: Block { kind: Kind::Tx, tick: 0, samples: Vec::with_capacity(numerology.subframe_samples()) },
            report: Report::default(),
            settings,
        }
    }

    /// Where packets to transmit are put, from any thread.
    pub fn queue(&self) -> Arc<PacketQueue> {
        Arc::clone(&self.queue)
    }

    /// Figures since the start.
    pub fn report(&self) -> Report {
        let (taken, dropped) = self.queue.counts();
        let link = self.receiver.link();
        Report {
            link: Link { packets_out: taken, ..link },
            cell: self.receiver.cell(),
            frame: self.receiver.frame_at(self.history.end()),
            cfo_hz: link.cfo_hz.unwrap_or(0.0),
            packets_dropped: dropped,
            packets_broken: self.receiver.reassembler.broken,
            frozen: self.frozen,
            ..self.report
        }
    }

    /// What a modem elsewhere needs to go on where this one is, on the same device clock; none before this one is in sync. A frozen
    /// modem's state holds the packets that are under way and wait, too: those of a running one will be its own affair.
    pub fn export(&self) -> Option<SoftState> {
        let (cell, parameters) = self.receiver.cell()?;
        let timing = self.receiver.timing()?;
        let now = self.history.end();
        let (_, tick) = timing.clock.next_subframe(now);
        let state = SoftState {
            version: SoftState::VERSION,
            cell: cell.number(),
            parameters: SoftState::words(&parameters),
            origin: timing.clock.origin,
            cfo_hz: timing.cfo,
            tick,
            frame: self.receiver.frame_at(tick),
            decoded: self.receiver.decoded(),
            next_free: self.next_free,
            sent: self.segmenter.sequence(),
            expected: self.receiver.reassembler.expected(),
            link: self.report().link,
            carried: Carried::default(),
        };
        Some(if self.frozen { self.with_packets(state) } else { state })
    }

    fn with_packets(&self, mut state: SoftState) -> SoftState {
        let mut room = state.room();
        let carried = &mut state.carried;
        if let Some(part) = self.receiver.reassembler.part() {
            room.take(part, |text| carried.receiving = Some(text));
        }
        if self.segmenter.under_way() {
            room.take(self.segmenter.rest(), |text| carried.sending = Some(text));
        }
        let waiting = &mut carried.waiting;
        // In their order: behind one that does not fit, none does.
        self.segmenter.carried().iter().for_each(|packet| room.append(packet, waiting));
        self.queue.show(|packet| room.append(packet, waiting));
        carried.left_behind = room.left_behind();
        state
    }

    /// Gives out no bursts and no packets from now on; receives, follows and holds back.
    pub fn freeze(&mut self) {
        self.frozen = true;
        self.receiver.freeze();
    }

    /// Goes on: delivers what was held back, and transmits.
    pub fn resume(&mut self, out: &mut impl Outlet) {
        self.receiver.resume(out);
        self.frozen = false;
        self.transmit(out);
    }

    /// Goes on where another modem on the same device clock was: straight to decoding, without a search. Only a good CRC proves the
    /// state; without one the search begins.
    ///
    /// # Errors
    /// A sentence when the state does not fit; nothing is changed then.
    pub fn inherit(&mut self, state: &SoftState) -> Result<(), String> {
        let (cell, parameters) = state.check(&self.settings)?;
        let packets = state.carried.packets()?;
        // While no samples flow the clock is not known; the next block will tell.
        let flows = self.receiver.has_samples();
        if flows {
            check_clock(state.tick, self.history.end())?;
        }
        self.inherited = (!flows).then_some(state.tick);
        let timing = Timing { clock: FrameClock { origin: state.origin }, cfo: state.cfo_hz };
        let frame = state.frame.map(|number| (timing.clock.frame_start(state.tick), number));
        self.receiver.inherit(cell, parameters, timing, frame, state.decoded);
        self.receiver.quality.resume(state.link);
        self.receiver.reassembler.resume(state.expected, packets.receiving);
        self.segmenter.resume(state.sent, packets.sending, packets.waiting);
        self.next_free = self.next_free.max(state.next_free);
        if let Some(cell) = self.transmitted() {
            cell.complete();
        }
        Ok(())
    }

    /// Takes a block of received samples and does everything that is due.
    pub fn receive(&mut self, tick: u64, samples: &[Sample], out: &mut impl Outlet) {
        if samples.is_empty() || tick > LATEST_TICK {
            return;
        }
        self.report.rx_samples += samples.len() as u64;
        match self.inherited.take().map(|of| check_clock(of, tick)) {
            Some(Ok(())) => self.unproven = Some(tick + UNPROVEN),
            Some(Err(why)) => {
                out.note(&format!("{why}; the modem searches instead"));
                self.receiver.forget();
                self.next_free = 0;
            }
            None => {}
        }
        match self.history.append(tick, samples) {
            Continuity::Seamless => {}
            Continuity::Gap(ticks) => {
                self.report.rx_lost_samples += ticks / self.settings.parameters.numerology.ticks_per_sample();
            }
            Continuity::Back => {
                self.receiver.forget();
                self.next_free = 0;
            }
        }
        self.receiver.work(&self.history, out);
        self.transmit(out);
    }

    /// No samples arrive any more.
    pub fn no_samples(&mut self, out: &mut impl Outlet) {
        self.receiver.no_samples(out);
    }

    /// The frame timing to transmit with, if there is any yet.
    fn timing(&self) -> Option<FrameClock> {
        match self.settings.role {
            // Frames of the device clock itself: a master that starts anew goes on where it was.
            Role::Master | Role::BaseStation => Some(FrameClock { origin: 0 }),
            Role::Slave => self.receiver.clock(),
        }
    }

    /// The cell to transmit for.
    fn transmitted(&mut self) -> Option<Arc<Cell>> {
        let (id, parameters) = self.receiver.cell()?;
        if self.cell.as_ref().is_none_or(|cell| (cell.id, cell.parameters) != (id, parameters)) {
            self.cell = Some(Arc::new(Cell::new(id, parameters, self.settings.role.direction())));
        }
        self.cell.clone()
    }

    /// Whether what was inherited has yet to be proven.
    fn is_unproven(&mut self) -> bool {
        let proven = self.receiver.timing().is_some();
        self.unproven = self.unproven.filter(|until| !proven && self.history.end() < *until);
        self.unproven.is_some()
    }

    /// Gives out every burst that begins within the lead.
    fn transmit(&mut self, out: &mut impl Outlet) {
        if self.frozen || self.history.end() == 0 || self.is_unproven() {
            return;
        }
        let Some(clock) = self.timing() else { return };
        let Some(cell) = self.transmitted() else { return };
        let now = self.history.end();
        loop {
            // A burst begins that much after its subframe, so that the subframe may begin before the one before it is over.
            // Nobody has given out anything beyond that: an inherited tick that says so is of another clock.
            let free = self.next_free.min(now + MOST_AHEAD);
            let earliest = free.max(now + self.lead / 2).saturating_sub(LEFT_OUT);
            let (subframe, tick) = clock.next_subframe(earliest);
            if tick > now + self.lead {
                return;
            }
            self.next_free = tick + SUBFRAME_TICKS;
            self.transmit_subframe(&cell, subframe, tick, out);
        }
    }

    fn transmit_subframe(&mut self, cell: &Cell, number: usize, tick: u64, out: &mut impl Outlet) {
        let subframe = &cell.subframes[number];
        let waiting = self.segmenter.has_work(&self.queue);
        let content = match subframe.usage {
            Use::Silent => return,
            Use::Data if waiting || subframe.always_sent => {
                self.segmenter.fill(&self.queue, subframe.layout.payload_bytes(), &mut self.payload);
                Content::Payload(&self.payload)
            }
            Use::Data if self.settings.role != Role::BaseStation && subframe.sync.is_empty() => return,
            Use::Data | Use::Special => Content::Signals,
        };
        let frame = match self.settings.role {
            Role::Slave => self.receiver.frame_at(tick).unwrap_or(0),
            Role::Master | Role::BaseStation => (tick / FRAME_TICKS % u64::from(FRAMES)) as u16,
        };
        let broadcast = Broadcast { parameters: cell.parameters, role: self.settings.role, frame };
        self.transmitter.subframe(cell, number, content, &broadcast, &mut self.burst.samples);
        self.burst.tick = tick + LEFT_OUT;
        self.report.tx_samples += self.burst.samples.len() as u64;
        out.burst(&self.burst);
    }
}
