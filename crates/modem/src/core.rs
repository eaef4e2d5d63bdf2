//! The modem without sockets and tun: samples with their ticks and IP packets in, bursts, IP packets and events out.
//!
//! Time is the device's own, and known only from received blocks: everything happens in [`Modem::receive`].

mod handover;
mod standby;

use std::sync::Arc;

use rustfft::FftPlanner;

use super::group::GroupReceiver;
use super::outlet::Outlet;
use super::phy::broadcast::{Broadcast, FRAMES};
use super::phy::cell::Cell;
use super::phy::duplex::Use;
use super::phy::history::{Continuity, SampleHistory};
use super::phy::numerology::{FRAME_TICKS, FrameClock, SUBFRAME_TICKS};
use super::phy::parameters::{Parameters, TerminalRole};
use super::phy::sync_signals::CellId;
use super::phy::transmit::{LEFT_OUT, SubframeContent, Transmitter};
use super::queue::PacketQueue;
use super::receive_side::ReceiveSide;
use super::relay::LONGEST;
use super::relay::hello::PerTerminal;
use super::segment::Segmenter;
use super::settings::ModemSettings;
use super::soft_state::{MOST_AHEAD, check_clock};
use protocol::{Link, Route};
use workload::contract::Resumed;
use workload::samples::{Block, Kind, Sample};

/// Bytes of packets that wait for transmission, per resource block: with QPSK about 0.2 s of it.
const QUEUE_BYTES: usize = 5 << 10;

/// Samples that are kept: whole subframes for the verification of a find, and what a search looks at.
const HISTORY_SUBFRAMES: usize = 4;

/// A device clock reaches this after some hundred years: a block that claims more is damaged.
const LATEST_TICK: u64 = 1 << 60;

/// A modem that continues for another one transmits nothing before a good CRC has proven what it inherited, for at most this long, ticks: until
/// then the other one may be called back. Nobody waits longer for the proof, and afterwards a master has to transmit to be found.
const UNPROVEN: u64 = 100 * SUBFRAME_TICKS;

/// Figures since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ModemReport {
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
    /// In a group: the terminal to send to, by destination.
    pub routes: Option<PerTerminal<Option<u8>>>,
}

/// The modem.
pub struct Modem {
    settings: ModemSettings,
    history: SampleHistory,
    receive_side: ReceiveSide,
    transmitter: Transmitter,
    /// The direction that is transmitted of the cell that is received.
    cell: Option<Arc<Cell>>,
    segmenter: Segmenter,
    /// Packets from tun.
    queue: Arc<PacketQueue>,
    /// Packets for the air: the same, or in a group those that have been routed.
    outgoing: Arc<PacketQueue>,
    /// How far ahead of the latest received tick bursts are given out, ticks.
    lead: u64,
    /// Tick before which the next burst cannot begin.
    next_free: u64,
    /// Nothing is given out.
    frozen: bool,
    /// Packets for which there was no room in the state that was taken last.
    left_behind: u64,
    /// Tick of a state that was taken before any sample: whether it is of this clock has yet to be seen.
    inherited: Option<u64>,
    /// Tick up to which nothing is transmitted without a proof of what was inherited.
    unproven: Option<u64>,
    payload: Vec<u8>,
    burst: Block,
    report: ModemReport,
}

impl Modem {
    /// A modem that transmits `lead` subframes ahead of the latest received tick.
    pub fn new(settings: ModemSettings, lead: u32) -> Self {
        let numerology = settings.parameters.numerology;
        let mut planner = FftPlanner::new();
        let queue_bytes = QUEUE_BYTES * numerology.bandwidth.resource_blocks();
        let queue = Arc::new(PacketQueue::new(queue_bytes));
        let (receive_side, outgoing) = match &settings.group {
            None => (ReceiveSide::for_link(&settings, &mut planner), Arc::clone(&queue)),
            Some(membership) => {
                let outgoing = Arc::new(PacketQueue::with_longest(queue_bytes, LONGEST));
                (
                    ReceiveSide::Group(Box::new(GroupReceiver::new(&settings, membership, Arc::clone(&outgoing), &mut planner))),
                    outgoing,
                )
            }
        };
        Self {
            history: SampleHistory::new(HISTORY_SUBFRAMES * numerology.subframe_samples(), numerology.ticks_per_sample()),
            receive_side,
            transmitter: Transmitter::new(numerology.bandwidth, &mut planner),
            cell: None,
            segmenter: Segmenter::default(),
            queue,
            outgoing,
            lead: u64::from(lead) * SUBFRAME_TICKS,
            next_free: 0,
            frozen: false,
            left_behind: 0,
            inherited: None,
            unproven: None,
            payload: Vec::new(),
            burst: Block { kind: Kind::Tx, tick: 0, samples: Vec::with_capacity(numerology.subframe_samples()) },
            report: ModemReport::default(),
            settings,
        }
    }

    /// Where packets to transmit are put, from any thread.
    pub fn queue(&self) -> Arc<PacketQueue> {
        Arc::clone(&self.queue)
    }

    /// Figures since the start.
    pub fn report(&self) -> ModemReport {
        let (taken, mut dropped) = self.queue.counts();
        if let ReceiveSide::Group(_) = self.receive_side {
            dropped += self.outgoing.counts().1;
        }
        let link = self.receive_side.link();
        ModemReport {
            link: Link { packets_out: taken, packets_resent: self.segmenter.resent(), ..link },
            cell: self.receive_side.cell(),
            frame: self.receive_side.frame_at(self.history.end()),
            cfo_hz: link.cfo_hz.unwrap_or(0.0),
            packets_dropped: dropped,
            packets_broken: self.receive_side.broken(),
            routes: self.routes(),
            frozen: self.frozen,
            ..self.report
        }
    }

    fn routes(&self) -> Option<PerTerminal<Option<u8>>> {
        let ReceiveSide::Group(group) = &self.receive_side else { return None };
        Some(group.relay.routes.next_hops())
    }

    /// Takes a route table that another modem had at this place in the group.
    ///
    /// # Errors
    /// A sentence when there is no group, or for a route that cannot be; nothing is changed then.
    pub fn set_routes(&mut self, routes: &[Route], out: &mut impl Outlet) -> Result<(), String> {
        let ReceiveSide::Group(group) = &mut self.receive_side else {
            return Err("this modem is no terminal of a group: it has no route table".into());
        };
        let note = group.relay.routes.install(routes)?;
        note.iter().for_each(|text| out.note(text));
        Ok(())
    }

    /// Gives out no bursts and no packets from now on; receives, follows and holds back.
    pub fn freeze(&mut self) {
        self.frozen = true;
        self.queue.mark(true);
        self.receive_side.freeze();
    }

    /// Goes on: delivers what was held back, and transmits.
    pub fn resume(&mut self, out: &mut impl Outlet) -> Resumed {
        let resumed = self.receive_side.resume(self.history.end(), out);
        self.frozen = false;
        self.queue.mark(false);
        self.transmit(out);
        Resumed { left_behind: std::mem::take(&mut self.left_behind), ..resumed }
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
                self.receive_side.forget();
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
                self.receive_side.forget();
                self.next_free = 0;
            }
        }
        self.receive_side.work(&self.history, out);
        self.transmit(out);
    }

    /// No samples arrive any more.
    pub fn no_samples(&mut self, out: &mut impl Outlet) {
        self.receive_side.no_samples(out);
    }

    /// The frame timing to transmit with, if there is any yet.
    fn timing(&self) -> Option<FrameClock> {
        match self.settings.role {
            // Frames follow the device clock itself: a master that is restarted keeps its timing.
            TerminalRole::Master | TerminalRole::BaseStation => Some(FrameClock { origin: 0 }),
            TerminalRole::Slave => self.receive_side.clock(),
        }
    }

    /// The cell to transmit for.
    fn transmitted(&mut self) -> Option<Arc<Cell>> {
        let (id, parameters) = self.receive_side.cell()?;
        if self.cell.as_ref().is_none_or(|cell| (cell.id, cell.parameters) != (id, parameters)) {
            self.cell = Some(Arc::new(Cell::new(id, parameters, self.receive_side.direction(&self.settings))));
        }
        self.cell.clone()
    }

    /// Whether what was inherited has yet to be proven.
    fn is_unproven(&mut self) -> bool {
        let proven = self.receive_side.clock().is_some();
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
        match &mut self.receive_side {
            ReceiveSide::Link(receiver) => {
                receiver.reassembler.missing().for_each(|missing| self.segmenter.report(missing));
                receiver.reassembler.reports().for_each(|missing| self.segmenter.send_again(missing));
            }
            // On the air of a group a report does not say whose payloads it means.
            ReceiveSide::Group(group) => {
                group.relay.route_from_tun(&self.queue);
                group.relay.hello(now).into_iter().for_each(|hello| self.segmenter.put_first(hello));
            }
        }
        loop {
            // A burst begins LEFT_OUT after its subframe, so that the subframe may begin before the previous burst has ended.
            // No modem sends further ahead than MOST_AHEAD: an inherited tick beyond that is of another clock.
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
        let waiting = self.segmenter.has_work(&self.outgoing);
        let content = match subframe.usage {
            Use::Silent => return,
            Use::Data if waiting || subframe.always_sent => {
                self.segmenter.fill(&self.outgoing, subframe.layout.payload_bytes(), &mut self.payload);
                SubframeContent::Payload(&self.payload)
            }
            Use::Data if self.settings.role != TerminalRole::BaseStation && subframe.sync.is_empty() => return,
            Use::Data | Use::Special => SubframeContent::Signals,
        };
        let frame = match self.settings.role {
            TerminalRole::Slave => self.receive_side.frame_at(tick).unwrap_or(0),
            TerminalRole::Master | TerminalRole::BaseStation => (tick / FRAME_TICKS % u64::from(FRAMES)) as u16,
        };
        let broadcast = Broadcast { parameters: cell.parameters, role: self.settings.role, frame, hops: self.receive_side.hops() };
        self.transmitter.subframe(cell, number, content, &broadcast, &mut self.burst.samples);
        self.burst.tick = tick + LEFT_OUT;
        self.report.tx_samples += self.burst.samples.len() as u64;
        out.burst(&self.burst);
    }
}
