//! The modem without its surroundings: samples with their ticks and IP packets in, bursts, IP packets and events out.
//!
//! Time is the device's own, and known only from received blocks: everything happens in [`Modem::receive`].

use std::sync::Arc;

use rustfft::FftPlanner;

use super::cell::is_sync;
use super::history::{Continuity, History};
use super::numerology::{FrameClock, Numerology};
use super::queue::PacketQueue;
use super::receive::{Receiver, Sync};
use super::search::Target;
use super::segment::Segmenter;
use super::settings::{Settings, WorkMode};
use super::sync_signals::CellId;
use super::transmit::{LEFT_OUT, Transmitter};
use crate::protocol::Link;
use crate::workload::samples::{Block, Kind, Sample};

/// Bytes of packets that wait for transmission: about 0.15 s of it.
const QUEUE_BYTES: usize = 32 << 10;

/// Samples that are kept: whole subframes for the verification of a find, and what a search looks at.
const HISTORY_SUBFRAMES: usize = 3;

/// A device clock reaches this after some hundred years: a block that claims more is damaged.
const LATEST_TICK: u64 = 1 << 60;

/// Where the modem's output goes.
pub trait Outlet {
    /// A burst to transmit.
    fn burst(&mut self, burst: &Block);
    /// An IP packet that was received.
    fn packet(&mut self, packet: &[u8]);
    /// The state of synchronisation changed.
    fn sync(&mut self, sync: Sync);
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
    /// The cell, once known.
    pub cell: Option<CellId>,
    /// Carrier frequency offset, Hz.
    pub cfo_hz: f32,
    /// Packets that waited too long or were too large.
    pub packets_dropped: u64,
    /// Received packets of which a part was missing.
    pub packets_broken: u64,
}

/// The modem.
pub struct Modem {
    settings: Settings,
    numerology: Numerology,
    history: History,
    receiver: Receiver,
    transmitter: Transmitter,
    segmenter: Segmenter,
    queue: Arc<PacketQueue>,
    /// How far ahead of the latest received tick bursts are given out, ticks.
    lead: u64,
    /// Tick before which the next burst can not begin.
    next_free: u64,
    payload: Vec<u8>,
    burst: Block,
    report: Report,
}

impl Modem {
    /// A modem that transmits `lead` subframes ahead of the latest received tick.
    pub fn new(settings: Settings, lead: u32) -> Self {
        let numerology = Numerology::MHZ_1_4;
        let mut planner = FftPlanner::new();
        let target = settings.cell.map_or(Target::Any, Target::Cell);
        Self {
            history: History::new(HISTORY_SUBFRAMES * numerology.subframe_samples(), numerology.ticks_per_sample),
            receiver: Receiver::new(numerology, settings.rnti, target, &mut planner),
            transmitter: Transmitter::new(numerology, &mut planner),
            segmenter: Segmenter::default(),
            queue: Arc::new(PacketQueue::new(QUEUE_BYTES)),
            lead: u64::from(lead) * numerology.subframe_ticks(),
            next_free: 0,
            payload: Vec::new(),
            burst: Block { kind: Kind::Tx, tick: 0, samples: Vec::with_capacity(numerology.subframe_samples()) },
            report: Report::default(),
            settings,
            numerology,
        }
    }

    /// Where packets to transmit are put, from any thread.
    pub fn queue(&self) -> Arc<PacketQueue> {
        Arc::clone(&self.queue)
    }

    /// Figures since the start.
    pub fn report(&self) -> Report {
        let (taken, dropped) = self.queue.counts();
        let received = self.receiver.report();
        Report {
            link: Link { packets_out: taken, ..received.link },
            cell: received.cell,
            cfo_hz: received.cfo * self.numerology.rate() as f32,
            packets_dropped: dropped,
            packets_broken: received.packets_broken,
            ..self.report
        }
    }

    /// Takes a block of received samples and does everything that is due.
    pub fn receive(&mut self, tick: u64, samples: &[Sample], out: &mut impl Outlet) {
        if samples.is_empty() || tick > LATEST_TICK {
            return;
        }
        self.report.rx_samples += samples.len() as u64;
        match self.history.append(tick, samples) {
            Continuity::Seamless => {}
            Continuity::Gap(ticks) => self.report.rx_lost_samples += ticks / self.numerology.ticks_per_sample,
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

    /// The cell and the frame timing to transmit with, if there are any yet.
    fn timing(&self) -> Option<FrameClock> {
        match self.settings.work_mode {
            // Frames of the device clock itself: a master that starts anew goes on where it was.
            WorkMode::Master => Some(FrameClock { origin: 0 }),
            WorkMode::Slave => self.receiver.clock(),
        }
    }

    /// Gives out every burst that begins within the lead.
    fn transmit(&mut self, out: &mut impl Outlet) {
        let Some(clock) = self.timing() else { return };
        let now = self.history.end();
        let left_out = LEFT_OUT as u64 * self.numerology.ticks_per_sample;
        loop {
            // A burst begins that much after its subframe, so that the subframe may begin before the one before it is over.
            let earliest = self.next_free.max(now + self.lead / 2).saturating_sub(left_out);
            let (subframe, tick) = clock.next_subframe(&self.numerology, earliest);
            if tick > now + self.lead {
                return;
            }
            self.next_free = tick + self.numerology.subframe_ticks();
            self.transmit_subframe(subframe, tick + left_out, out);
        }
    }

    fn transmit_subframe(&mut self, subframe: usize, tick: u64, out: &mut impl Outlet) {
        let Some(cell) = self.receiver.cell() else { return };
        if !is_sync(subframe) && !self.segmenter.under_way() && self.queue.is_empty() {
            return;
        }
        self.segmenter.fill(&self.queue, cell.payload_bytes(subframe), &mut self.payload);
        self.transmitter.subframe(&cell, subframe, &self.payload, &mut self.burst.samples);
        self.burst.tick = tick;
        self.report.tx_samples += self.burst.samples.len() as u64;
        out.burst(&self.burst);
    }
}
