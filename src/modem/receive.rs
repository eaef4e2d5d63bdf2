//! The receiving half: acquires, tracks, decodes, and says how sure it is.

use std::sync::Arc;

use num_complex::Complex32;
use rustfft::FftPlanner;

use super::cell::{Cell, is_sync};
use super::core::Outlet;
use super::demodulate::{Demodulator, Measured, Outcome};
use super::history::History;
use super::numerology::{FrameClock, Numerology, SUBFRAMES, TICK_RATE};
use super::search::{Searcher, Target};
use super::segment::Reassembler;
use super::sync_signals::{CellId, PSS_SYMBOL};
use crate::protocol::Link;

/// Without a good block for this long the link counts as lost, s: twenty blocks in a row.
const LOST_AFTER: f64 = 0.1;

/// Part of a measured error that the timing and the frequency follow at once; the rest is noise until proven otherwise.
const LOOP_GAIN: f32 = 0.25;

/// Weight of a new block in the mean signal to noise ratio.
const SNR_GAIN: f32 = 0.1;

/// Samples by which the next subframe may begin before its predecessor's nominal end: timing moves back now and then.
const SLACK: u64 = 8;

/// Finds that wait for the rest of their subframe; there are two a window at most, unless someone plays tricks.
const MAX_FINDS: usize = 4;

/// State of synchronisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// No samples arrive.
    NoSamples,
    /// Looking for the far end.
    Searching,
    /// Decoding, with a good CRC to prove it.
    Synced,
    /// Was in sync; nothing good has been decoded lately.
    Lost,
}

/// What the receiver has to report.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Received {
    /// Its part of the link's figures.
    pub link: Link,
    /// The cell, once known.
    pub cell: Option<CellId>,
    /// Carrier frequency offset, cycles per sample.
    pub cfo: f32,
    /// Packets of which a part was missing.
    pub packets_broken: u64,
}

/// Where the far end's frames are.
#[derive(Debug, Clone, Copy)]
struct Timing {
    clock: FrameClock,
    /// Carrier frequency offset, cycles per sample.
    cfo: f32,
}

/// A primary signal that awaits verification.
#[derive(Debug, Clone, Copy)]
struct Find {
    /// Tick at which its subframe begins.
    start: u64,
    sector: u16,
}

/// The receiving half of the modem.
pub struct Receiver {
    numerology: Numerology,
    rnti: u16,
    searcher: Searcher,
    demodulator: Demodulator,
    reassembler: Reassembler,
    cell: Option<Arc<Cell>>,
    timing: Option<Timing>,
    sync: Sync,
    /// Tick of the end of the last good block.
    last_good: u64,
    /// Tick up to which subframes have been decoded.
    decoded: u64,
    /// Tick from which the search goes on.
    searched: u64,
    finds: Vec<Find>,
    link: Link,
    snr: f32,
}

impl Receiver {
    /// A receiver that searches for `target`.
    pub fn new(numerology: Numerology, rnti: u16, target: Target, planner: &mut FftPlanner<f32>) -> Self {
        let cell = match target {
            Target::Any => None,
            Target::Cell(id) => Some(Arc::new(Cell::new(id, rnti, numerology))),
        };
        Self {
            searcher: Searcher::new(numerology, target, planner),
            demodulator: Demodulator::new(numerology, planner),
            reassembler: Reassembler::default(),
            numerology,
            rnti,
            cell,
            timing: None,
            sync: Sync::NoSamples,
            last_good: 0,
            decoded: 0,
            searched: 0,
            finds: Vec::with_capacity(MAX_FINDS),
            link: Link::default(),
            snr: 0.0,
        }
    }

    /// The cell, once known.
    pub fn cell(&self) -> Option<Arc<Cell>> {
        self.cell.clone()
    }

    /// The far end's frames, once found.
    pub fn clock(&self) -> Option<FrameClock> {
        self.timing.map(|t| t.clock)
    }

    /// Figures since the start.
    pub fn report(&self) -> Received {
        let snr_db = (self.snr > 0.0).then(|| 10.0 * self.snr.log10());
        Received {
            link: Link { snr_db, ..self.link },
            cell: self.cell.as_ref().map(|c| c.id),
            cfo: self.timing.map_or(0.0, |t| t.cfo),
            packets_broken: self.reassembler.broken,
        }
    }

    /// The device clock was set anew: what is known of times is void.
    pub fn forget(&mut self) {
        self.timing = None;
        self.finds.clear();
        (self.last_good, self.decoded, self.searched) = (0, 0, 0);
    }

    /// No samples arrive any more.
    pub fn no_samples(&mut self, out: &mut impl Outlet) {
        self.turn(Sync::NoSamples, out);
    }

    /// Does what the latest samples allow.
    pub fn work(&mut self, history: &History, out: &mut impl Outlet) {
        self.decode(history, out);
        let silence = history.end().saturating_sub(self.last_good) as f64 / TICK_RATE;
        match (self.timing, self.sync) {
            (None, _) => self.turn(Sync::Searching, out),
            (Some(_), Sync::Synced) if silence <= LOST_AFTER => return,
            (Some(_), _) => self.turn(Sync::Lost, out),
        }
        self.search(history);
        self.verify(history, out);
    }

    fn turn(&mut self, sync: Sync, out: &mut impl Outlet) {
        if self.sync != sync {
            self.sync = sync;
            out.sync(sync);
        }
    }

    /// Decodes every subframe that is complete.
    fn decode(&mut self, history: &History, out: &mut impl Outlet) {
        let Some(cell) = self.cell.clone() else { return };
        let samples = self.numerology.subframe_samples();
        while let Some(timing) = self.timing {
            let from = self.decoded.saturating_sub(SLACK * self.numerology.ticks_per_sample).max(history.start());
            let (subframe, tick) = timing.clock.next_subframe(&self.numerology, from);
            let Some(received) = history.at(tick, samples) else { return };
            self.decoded = tick + self.numerology.subframe_ticks();
            match self.demodulator.subframe(&cell, subframe, received, timing.cfo) {
                // The far end always transmits these two: nothing there is a loss, too.
                Outcome::Absent if is_sync(subframe) => self.link.blocks_bad += 1,
                Outcome::Absent => {}
                Outcome::Bad => self.link.blocks_bad += 1,
                Outcome::Good(measured) => {
                    self.track(measured, history.nearest(tick), tick);
                    self.good(measured, out);
                }
            }
        }
    }

    /// Follows timing and frequency; `sampled` is the tick of the subframe's first sample, `predicted` where it should have been.
    fn track(&mut self, measured: Measured, sampled: u64, predicted: u64) {
        let Some(timing) = &mut self.timing else { return };
        let off_grid = sampled as i64 - predicted as i64;
        let error = measured.late * self.numerology.ticks_per_sample as f32 + off_grid as f32;
        timing.clock = timing.clock.moved(&self.numerology, (LOOP_GAIN * error).round() as i64);
        timing.cfo += LOOP_GAIN * measured.cfo;
    }

    /// Takes the block that the demodulator has just found good.
    fn good(&mut self, measured: Measured, out: &mut impl Outlet) {
        self.link.blocks_good += 1;
        self.snr = if self.snr > 0.0 { self.snr + SNR_GAIN * (measured.snr - self.snr) } else { measured.snr };
        self.last_good = self.decoded;
        let mut delivered = 0;
        self.reassembler.take(self.demodulator.payload(), |packet| {
            delivered += 1;
            out.packet(packet);
        });
        self.link.packets_in += delivered;
        self.finds.clear();
        self.turn(Sync::Synced, out);
    }

    /// Looks for primary signals in what has arrived since the last time.
    fn search(&mut self, history: &History) {
        let ticks = self.numerology.ticks_per_sample;
        self.searched = self.searched.max(history.start());
        while let Some(window) = history.at(self.searched, self.searcher.window()) {
            let peak = self.searcher.peak(window);
            let at = self.searched;
            self.searched += self.searcher.hop() as u64 * ticks;
            let Some(peak) = peak else { continue };
            // What has no beginning can not be verified; the next one comes in half a frame.
            let before = self.numerology.useful_start(PSS_SYMBOL) as u64 * ticks;
            let Some(start) = (at + peak.offset as u64 * ticks).checked_sub(before) else { continue };
            if self.finds.len() < MAX_FINDS {
                self.finds.push(Find { start, sector: peak.sector });
            }
        }
    }

    /// Decodes the subframes of finds: only a good CRC counts.
    fn verify(&mut self, history: &History, out: &mut impl Outlet) {
        let samples = self.numerology.subframe_samples();
        let mut n = 0;
        while let Some(&find) = self.finds.get(n) {
            match history.at(find.start, samples) {
                None if find.start >= history.start() => n += 1,
                received => {
                    self.finds.remove(n);
                    if received.is_some_and(|received| self.verified(find, received, out)) {
                        return self.decode(history, out);
                    }
                }
            }
        }
    }

    fn verified(&mut self, find: Find, received: &[Complex32], out: &mut impl Outlet) -> bool {
        let cfo = self.searcher.cfo(received);
        let Some((id, second_half)) = self.searcher.identify(received, find.sector, cfo) else { return false };
        let cell = match &self.cell {
            Some(cell) if cell.id == id => Arc::clone(cell),
            _ => Arc::new(Cell::new(id, self.rnti, self.numerology)),
        };
        let subframe = if second_half { SUBFRAMES / 2 } else { 0 };
        let Outcome::Good(measured) = self.demodulator.subframe(&cell, subframe, received, cfo) else { return false };
        let late = (measured.late * self.numerology.ticks_per_sample as f32).round() as i64;
        let begin = late - subframe as i64 * self.numerology.subframe_ticks() as i64;
        let clock = FrameClock { origin: find.start }.moved(&self.numerology, begin);
        self.timing = Some(Timing { clock, cfo: cfo + measured.cfo });
        self.cell = Some(cell);
        self.decoded = find.start + self.numerology.subframe_ticks();
        self.good(measured, out);
        true
    }
}
