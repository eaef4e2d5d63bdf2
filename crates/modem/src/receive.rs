//! The receiving half: acquires, tracks, decodes, and says how sure it is.

mod decode;
mod held;

use std::sync::Arc;

use rustfft::FftPlanner;

use super::acquire::{Acquired, Acquisition, Target, Timing};
use super::hold::Hold;
use super::outlet::{Outlet, Sync};
use super::phy::broadcast::{Broadcast, FRAMES};
use super::phy::cell::Cell;
use super::phy::demodulate::{Demodulator, Measured};
use super::phy::duplex::{Duplex, LinkDirection};
use super::phy::history::SampleHistory;
use super::phy::numerology::{Bandwidth, FRAME_TICKS, FrameClock, Numerology, SUBFRAME_TICKS, TICK_RATE};
use super::phy::parameters::Parameters;
use super::phy::sync_signals::CellId;
use super::quality::Quality;
use super::segment::Reassembler;
use super::settings::ModemSettings;
use protocol::Link;

/// Without a good block for this long the link counts as lost, s: twenty blocks in a row.
const LOST_AFTER: f64 = 0.1;

/// The search begins when an inherited timing has not been proven for this long, s.
const INHERITED: f64 = 0.02;

/// A slave that does not find the cell it was told searches for any after this long, s.
const PATIENCE: f64 = 0.5;

/// Ticks by which the next subframe may begin before its predecessor's nominal end: timing moves back now and then.
const SLACK: u64 = 448;

/// How hard a receiver that is not in sync tries to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Searches, and surveys the frequency when nothing is found.
    Full,
    /// Searches for what it was told.
    Search,
    /// Only decodes, where it has a timing.
    Rest,
}

/// The receiving half of the modem.
pub struct Receiver {
    bandwidth: Bandwidth,
    direction: LinkDirection,
    acquisition: Acquisition,
    demodulator: Demodulator,
    /// Puts packets together.
    pub reassembler: Reassembler,
    cell: Option<Arc<Cell>>,
    timing: Option<Timing>,
    /// The timing has been proven by a CRC.
    proven: bool,
    sync: Sync,
    /// Tick of the end of the last good block.
    last_good: u64,
    /// Tick since which it searches.
    since: Option<u64>,
    /// Tick up to which subframes have been decoded.
    decoded: u64,
    /// Some frame's first tick and its number.
    frame: Option<(u64, u16)>,
    /// What the latest broadcast block said of the way of the timing.
    hops: Option<u8>,
    /// What was last said of a cell that cannot be followed.
    complaint: Option<String>,
    /// While frozen: what has been received and is not delivered.
    hold: Option<Hold>,
    /// While frozen, of a terminal in a group: puts together what is held back, too, for its hellos.
    overheard: Option<Reassembler>,
    /// Figures of the link.
    pub quality: Quality,
}

impl Receiver {
    /// A receiver for the far end of a modem with these settings.
    pub fn new(settings: &ModemSettings, planner: &mut FftPlanner<f32>) -> Self {
        let direction = match settings.role.direction() {
            LinkDirection::Down => LinkDirection::Up,
            LinkDirection::Up | LinkDirection::Terminal(_) => LinkDirection::Down,
        };
        let cell = settings.cell.map(|id| Arc::new(Cell::new(id, settings.parameters, direction)));
        Self::for_direction(settings.parameters.numerology.bandwidth, direction, cell, planner)
    }

    /// A receiver for what is transmitted in a direction, of a cell if that is known, from samples at the rate of a bandwidth.
    pub fn for_direction(
        bandwidth: Bandwidth,
        direction: LinkDirection,
        cell: Option<Arc<Cell>>,
        planner: &mut FftPlanner<f32>,
    ) -> Self {
        let target = cell.clone().map_or(Target::Any, Target::Known);
        Self {
            acquisition: Acquisition::new(bandwidth, direction, target, planner),
            demodulator: Demodulator::new(bandwidth, planner),
            reassembler: Reassembler::default(),
            bandwidth,
            direction,
            cell,
            timing: None,
            proven: false,
            sync: Sync::NoSamples,
            last_good: 0,
            since: None,
            decoded: 0,
            frame: None,
            hops: None,
            complaint: None,
            hold: None,
            overheard: None,
            quality: Quality::default(),
        }
    }

    /// Where the far end's frames are, once proven.
    pub fn clock(&self) -> Option<FrameClock> {
        self.timing.filter(|_| self.proven).map(|t| t.clock)
    }

    /// Timing and frequency as they are tracked now.
    pub fn timing(&self) -> Option<Timing> {
        self.timing.filter(|_| self.proven)
    }

    /// The cell, once known, and how it works.
    pub fn cell(&self) -> Option<(CellId, Parameters)> {
        self.cell.as_ref().map(|c| (c.id, c.parameters))
    }

    /// Over how many hops its frame timing comes from the master, if it has told.
    pub const fn hops(&self) -> Option<u8> {
        self.hops
    }

    /// Time since which it searches, s.
    pub fn in_vain(&self, now: u64) -> f64 {
        self.since.map_or(0.0, |since| now.saturating_sub(since) as f64 / TICK_RATE)
    }

    /// Time since the end of the last good block, s.
    pub fn silence(&self, now: u64) -> f64 {
        now.saturating_sub(self.last_good) as f64 / TICK_RATE
    }

    /// Searches for another cell than before from now on, or for any.
    pub fn aim(&mut self, cell: Option<Arc<Cell>>) {
        self.acquisition.aim(cell.clone().map_or(Target::Any, Target::Known));
        if let Some(cell) = cell
            && self.cell() != Some((cell.id, cell.parameters))
        {
            (self.cell, self.timing, self.proven, self.frame, self.hops) = (Some(cell), None, false, None, None);
        }
    }

    /// Number of the far end's frame at a tick, if it has told.
    pub fn frame_at(&self, tick: u64) -> Option<u16> {
        let (at, number) = self.frame?;
        let frames = (tick as i64 - at as i64 + SLACK as i64).div_euclid(FRAME_TICKS as i64);
        Some((i64::from(number) + frames).rem_euclid(i64::from(FRAMES)) as u16)
    }

    /// Its part of the link's figures.
    pub fn link(&self) -> Link {
        let cfo = self.timing().map(|t| t.cfo);
        self.quality.link(cfo)
    }

    /// Whether samples arrive.
    pub fn has_samples(&self) -> bool {
        self.sync != Sync::NoSamples
    }

    /// Tick up to which subframes have been decoded.
    pub const fn decoded(&self) -> u64 {
        self.decoded
    }

    /// A cell with all its tables. One that is known is not computed again, which would take a ms: a state that comes within a cut finds the cell
    /// of an earlier state.
    pub fn cell_for(&self, id: CellId, parameters: Parameters) -> Arc<Cell> {
        let known = self.cell.as_ref().filter(|cell| (cell.id, cell.parameters) == (id, parameters));
        let cell = known.map_or_else(|| Arc::new(Cell::new(id, parameters, self.direction)), Arc::clone);
        cell.complete();
        cell
    }

    /// Goes straight to decoding with a timing that another receiver on the same device clock had, from the tick up to which that one has
    /// decoded. A receiver that is in sync there keeps its own timing, which is younger.
    pub fn inherit(&mut self, cell: Arc<Cell>, timing: Timing, frame: Option<(u64, u16)>, decoded: u64) {
        self.decoded = self.decoded.max(decoded);
        if self.cell() == Some((cell.id, cell.parameters)) && self.clock().is_some_and(|own| own.is_near(timing.clock, SLACK)) {
            self.frame = self.frame.or(frame);
            return;
        }
        self.acquisition.aim(Target::Known(Arc::clone(&cell)));
        (self.cell, self.timing, self.frame) = (Some(cell), Some(timing), frame);
        (self.proven, self.since) = (false, None);
    }

    /// The device clock was set back: no timing holds any more.
    pub fn forget(&mut self) {
        (self.timing, self.proven, self.frame, self.hops, self.since) = (None, false, None, None, None);
        (self.last_good, self.decoded) = (0, 0);
        self.acquisition.forget();
        self.demodulator.forget();
    }

    /// No samples arrive any more.
    pub fn no_samples(&mut self, out: &mut impl Outlet) {
        self.since = None;
        self.turn(Sync::NoSamples, out);
    }

    /// Does what the latest samples allow.
    pub fn work(&mut self, history: &SampleHistory, effort: Effort, out: &mut impl Outlet) {
        self.decode(history, out);
        match (self.proven, self.sync) {
            (false, _) => self.turn(Sync::Searching, out),
            (true, Sync::Synced) if self.silence(history.end()) <= LOST_AFTER => return,
            (true, _) => self.turn(Sync::Lost, out),
        }
        let since = *self.since.get_or_insert(history.end());
        let in_vain = self.in_vain(history.end());
        if self.timing.is_some() && !self.proven && in_vain < INHERITED {
            return;
        }
        if effort == Effort::Full {
            self.widen(in_vain, out);
            self.acquisition.want_survey(history.end(), since);
        }
        match effort {
            Effort::Full | Effort::Search => self.acquisition.search(history, |text| out.note(text)),
            Effort::Rest => self.acquisition.pass_over(history),
        }
        if let Some(acquired) = self.acquisition.verify(history, &mut self.demodulator) {
            self.acquired(acquired, out);
            self.decode(history, out);
        }
    }

    fn turn(&mut self, sync: Sync, out: &mut impl Outlet) {
        if self.sync != sync {
            if sync != Sync::Synced {
                // What comes next may be much weaker than what was lost.
                self.demodulator.forget();
            }
            self.sync = sync;
            out.sync(sync);
        }
    }

    /// After a while without success, what was carried over may be wrong: a slave then searches for any cell.
    fn widen(&mut self, in_vain: f64, out: &mut impl Outlet) {
        let Target::Known(cell) = self.acquisition.target() else { return };
        if self.direction != LinkDirection::Down || in_vain < PATIENCE {
            return;
        }
        let (id, ms) = (cell.id.number(), PATIENCE * 1000.0);
        out.note(&format!("cell {id} has not been found within {ms:.0} ms: the modem now searches for any cell"));
        self.acquisition.aim(Target::Any);
    }

    /// Takes what the acquisition has proven.
    fn acquired(&mut self, acquired: Acquired, out: &mut impl Outlet) {
        let Acquired { cell, timing, measured, subframe: (_, tick), broadcast } = acquired;
        let cell = match broadcast {
            None => cell,
            Some(broadcast) => {
                let Some(told) = self.told(&cell, &broadcast, out) else { return };
                self.note_broadcast(&told, tick, &broadcast);
                told
            }
        };
        self.acquisition.aim(Target::Known(Arc::clone(&cell)));
        (self.cell, self.timing, self.proven) = (Some(cell), Some(timing), true);
        self.last_good = tick + SUBFRAME_TICKS;
        if broadcast.is_some() {
            // The subframe's data has yet to be decoded.
            self.decoded = tick;
            self.synced(out);
        } else {
            self.decoded = self.last_good;
            self.good(measured, out);
        }
    }

    /// Notes what a broadcast block says of the moment; its subframe begins at a tick.
    fn note_broadcast(&mut self, cell: &Cell, tick: u64, broadcast: &Broadcast) {
        let start = tick.saturating_sub(cell.broadcast_at as u64 * SUBFRAME_TICKS);
        (self.frame, self.hops) = (Some((start, broadcast.frame)), Some(broadcast.hops));
    }

    /// The cell as its broadcast block describes it, unless that cannot be followed.
    fn told(&mut self, cell: &Cell, broadcast: &Broadcast, out: &mut impl Outlet) -> Option<Arc<Cell>> {
        let mut parameters = broadcast.parameters;
        let wanted = parameters.numerology.bandwidth;
        let (theirs, ours) =
            (matches!(parameters.duplex, Duplex::Group { .. }), matches!(self.direction, LinkDirection::Terminal(_)));
        if theirs != ours {
            let (id, is) = (cell.id.number(), if theirs { "is a terminal of a group" } else { "has no group" });
            let want = if ours { "this terminal has one" } else { "this modem has no terminals to relay between" };
            self.complain(format!("cell {id} {is}, and {want}"), out);
            return None;
        }
        if wanted.ticks_per_sample() != self.bandwidth.ticks_per_sample() {
            let (id, mhz, rate, ours) = (cell.id.number(), wanted.mhz(), wanted.rate(), self.bandwidth.rate());
            let text = format!(
                "cell {id} has a bandwidth of {mhz} MHz, for which the radio's rate must be {rate:.1} samples per second; it is {ours:.1}"
            );
            self.complain(text, out);
            return None;
        }
        parameters.numerology = Numerology::new(wanted, parameters.numerology.prefix);
        let known = self.cell.as_ref().filter(|known| known.id == cell.id && known.parameters == parameters);
        Some(known.cloned().unwrap_or_else(|| Arc::new(Cell::new(cell.id, parameters, self.direction))))
    }

    /// Notes why a cell cannot be followed, once: it would recur in every frame.
    fn complain(&mut self, text: String, out: &mut impl Outlet) {
        if self.complaint.as_ref() != Some(&text) {
            out.note(&text);
            self.complaint = Some(text);
        }
    }

    /// Takes the block that the demodulator has just found good.
    fn good(&mut self, measured: Measured, out: &mut impl Outlet) {
        let mut delivered = 0;
        match &mut self.hold {
            Some(hold) => {
                hold.push(self.demodulator.payload());
                let overheard = self.overheard.iter_mut();
                overheard.for_each(|overheard| overheard.accept(self.demodulator.payload(), |packet| out.packet(packet)));
            }
            None => self.reassembler.accept(self.demodulator.payload(), |packet| {
                delivered += 1;
                out.packet(packet);
            }),
        }
        self.quality.good(measured, delivered);
        self.proven = true;
        self.synced(out);
    }

    fn synced(&mut self, out: &mut impl Outlet) {
        self.since = None;
        self.acquisition.settle();
        self.turn(Sync::Synced, out);
    }
}
