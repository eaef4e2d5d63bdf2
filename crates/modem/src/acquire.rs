//! From samples to a frame timing: candidates from the search, verified by a CRC. Nothing less than a good CRC counts.

use std::sync::Arc;

use rustfft::FftPlanner;

use super::phy::broadcast::Broadcast;
use super::phy::cell::Cell;
use super::phy::demodulate::{Demodulator, Measured, SubframeOutcome};
use super::phy::duplex::{Duplex, LinkDirection, SyncPlan};
use super::phy::history::SampleHistory;
use super::phy::modulation::Modulation;
use super::phy::numerology::{Bandwidth, FrameClock, Numerology, Prefix, SUBFRAME_TICKS, SUBFRAMES, TICK_RATE};
use super::phy::parameters::Parameters;
use super::phy::search::{Hypothesis, Identified, Searcher, every_hypothesis};
use super::survey::Survey;

/// Candidates that wait for the subframe that proves them. An ordinary window has at most two.
const MAX_CANDIDATES: usize = 6;

/// Where the far end's frames are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// On the device clock.
    pub clock: FrameClock,
    /// Carrier frequency offset, Hz.
    pub cfo: f32,
}

/// A primary signal that awaits verification.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    found: Identified,
    timing: Timing,
    /// The subframe that proves it.
    number: usize,
    /// Where that begins.
    tick: u64,
}

/// What acquisition has found.
pub struct Acquired {
    /// The cell, in the direction that is received.
    pub cell: Arc<Cell>,
    /// Where its frames are.
    pub timing: Timing,
    /// What the proof said of the channel.
    pub measured: Measured,
    /// The subframe that proved it, and where it begins.
    pub subframe: (usize, u64),
    /// What the broadcast block said, if that was the proof; the demodulator holds a payload otherwise.
    pub broadcast: Option<Broadcast>,
}

/// What is searched for.
#[derive(Debug, Clone)]
pub enum Target {
    /// Any cell: all that is not the rate has to be learned.
    Any,
    /// A cell of which everything but the timing is known.
    Known(Arc<Cell>),
}

/// Searches and verifies.
pub struct Acquisition {
    bandwidth: Bandwidth,
    direction: LinkDirection,
    target: Target,
    searcher: Searcher,
    /// Tick from which the search goes on.
    searched: u64,
    candidates: Vec<Candidate>,
    survey: Survey,
}

impl Acquisition {
    /// For samples at the rate of a bandwidth, and what is transmitted in a direction.
    pub fn new(bandwidth: Bandwidth, direction: LinkDirection, target: Target, planner: &mut FftPlanner<f32>) -> Self {
        let searcher = Searcher::new(bandwidth, planner);
        Self { bandwidth, direction, target, searcher, searched: 0, candidates: Vec::new(), survey: Survey::default() }
    }

    /// What is searched for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Searches for something else from now on.
    pub fn aim(&mut self, target: Target) {
        self.target = target;
        self.candidates.clear();
    }

    /// Forgets what it has looked at.
    pub fn forget(&mut self) {
        self.searched = 0;
        self.survey = Survey::default();
        self.candidates.clear();
    }

    /// Drops what it had found: something else has been proven.
    pub fn settle(&mut self) {
        self.survey = Survey::default();
        self.candidates.clear();
    }

    /// Everything that the frame may look like. What the synchronisation signals cannot tell apart is in different lists.
    fn hypotheses(&self) -> Vec<Vec<Hypothesis>> {
        match &self.target {
            Target::Known(cell) => {
                let plan = cell.parameters.duplex.sync_plan(cell.direction);
                vec![vec![Hypothesis { prefix: cell.numerology().prefix, plan }]]
            }
            Target::Any => match self.direction {
                LinkDirection::Terminal(_) => {
                    every_hypothesis(self.direction).chunks(Prefix::ALL.len()).map(<[_]>::to_vec).collect()
                }
                LinkDirection::Down | LinkDirection::Up => vec![every_hypothesis(self.direction)],
            },
        }
    }

    /// Cell id within the group, as far as it is known.
    fn sector(&self) -> Option<u16> {
        match (&self.target, self.direction) {
            (Target::Known(cell), _) => Some(cell.id.sector()),
            (Target::Any, LinkDirection::Terminal(index)) => Some(u16::from(index)),
            (Target::Any, _) => None,
        }
    }

    /// Leaves out what has arrived since the last time.
    pub fn pass_over(&mut self, history: &SampleHistory) {
        self.searched = self.searched.max(history.end());
    }

    /// Looks for primary signals in what has arrived since the last time. What a survey has found is told to `note`.
    pub fn search(&mut self, history: &SampleHistory, note: impl FnMut(&str)) {
        let known = match &self.target {
            Target::Known(cell) => Some(cell.id),
            Target::Any => None,
        };
        let (sector, hypotheses) = (self.sector(), self.hypotheses());
        let mut note = note;
        self.searched = self.searched.max(history.start());
        while let Some(window) = history.at(self.searched, self.searcher.window()) {
            let at = self.searched;
            self.searched += self.searcher.hop();
            if !self.searcher.look(window) {
                break;
            }
            if let Some(text) = self.survey.look(&mut self.searcher, history, at, known, self.direction) {
                note(&text);
            }
            let Some(peak) = self.searcher.peak(sector, 0) else { continue };
            for hypotheses in &hypotheses {
                let Some(found) = self.searcher.identify(history, at + peak.offset, &peak, known, hypotheses) else { continue };
                self.propose(found, at + peak.offset, peak.cfo, history.start());
            }
        }
    }

    /// Adds a candidate, whose primary signal begins at a tick, to those that wait for their proof.
    fn propose(&mut self, found: Identified, tick: u64, cfo: f32, start: u64) {
        // A clock that began lately may put the beginning of the frame before its zero: any later frame is as good.
        let into = found.hypothesis.primary_tick(found.half) as i64;
        let timing = Timing { clock: FrameClock { origin: tick }.moved(-into), cfo };
        let from = tick.saturating_sub(2 * SUBFRAME_TICKS).max(start);
        if let Some((number, tick)) = self.proof(&found, timing.clock, from)
            && self.candidates.len() < MAX_CANDIDATES
        {
            self.candidates.push(Candidate { found, timing, number, tick });
        }
    }

    /// The first subframe from a tick on that can prove a candidate: one that is always sent, or the one with the broadcast block.
    fn proof(&self, found: &Identified, clock: FrameClock, from: u64) -> Option<(usize, u64)> {
        let fits = |number: usize| match self.target {
            Target::Any => number == found.hypothesis.plan.broadcast_subframe(),
            Target::Known(_) => found.hypothesis.plan.secondary_half(number).is_some(),
        };
        let (mut number, mut tick) = clock.next_subframe(from);
        for _ in 0..SUBFRAMES {
            if fits(number) {
                return Some((number, tick));
            }
            (number, tick) = ((number + 1) % SUBFRAMES, tick + SUBFRAME_TICKS);
        }
        None
    }

    /// Verifies the candidates whose proof has arrived; the first good one is returned.
    pub fn verify(&mut self, history: &SampleHistory, demodulator: &mut Demodulator) -> Option<Acquired> {
        let samples = Numerology::new(self.bandwidth, Prefix::Normal).subframe_samples();
        let mut n = 0;
        while let Some(&candidate) = self.candidates.get(n) {
            match history.at(candidate.tick, samples) {
                None if candidate.tick >= history.start() => n += 1,
                received => {
                    self.candidates.remove(n);
                    let acquired = received.and_then(|received| self.verified(candidate, received, demodulator));
                    if acquired.is_some() {
                        return acquired;
                    }
                }
            }
        }
        None
    }

    fn verified(
        &self,
        candidate: Candidate,
        received: &[num_complex::Complex32],
        demodulator: &mut Demodulator,
    ) -> Option<Acquired> {
        let Candidate { found, timing, number, tick } = candidate;
        let numerology = Numerology::middle(self.bandwidth, found.hypothesis.prefix);
        let cfo = self.searcher.cfo(&numerology, received, timing.cfo);
        let rate = self.bandwidth.rate() as f32;
        let (cell, broadcast, measured) = match &self.target {
            Target::Known(cell) => match demodulator.subframe(cell, number, received, cfo / rate) {
                SubframeOutcome::Good(measured) => (Arc::clone(cell), None, measured),
                // The broadcast block tolerates more noise than data does.
                _ if cell.has_broadcast(number) => {
                    let (broadcast, measured) = demodulator.broadcast(cell, received, cfo / rate)?;
                    if broadcast.parameters != cell.parameters {
                        return None;
                    }
                    (Arc::clone(cell), Some(broadcast), measured)
                }
                _ => return None,
            },
            Target::Any => {
                let unknown =
                    Arc::new(Cell::new(found.cell, provisional(numerology, found.hypothesis.plan, self.direction), self.direction));
                let (broadcast, measured) = demodulator.broadcast(&unknown, received, cfo / rate)?;
                (unknown, Some(broadcast), measured)
            }
        };
        let late = (measured.late * self.bandwidth.ticks_per_sample() as f32).round() as i64;
        let timing = Timing { clock: timing.clock.moved(late), cfo: cfo + measured.cfo * rate };
        Some(Acquired { cell, timing, measured, subframe: (number, tick.saturating_add_signed(late)), broadcast })
    }

    /// Time in s since which a survey is wanted, and what is known to be there: see [`Survey`].
    pub fn want_survey(&mut self, now: u64, since: u64) {
        self.survey.want(now, now.saturating_sub(since) as f64 / TICK_RATE);
    }
}

/// What is enough to read the broadcast block.
fn provisional(numerology: Numerology, plan: SyncPlan, direction: LinkDirection) -> Parameters {
    let looks = Duplex::every_look(direction);
    let duplex = looks.into_iter().find(|look| look.sync_plan(direction) == plan).unwrap_or(Duplex::Fdd);
    Parameters { numerology, duplex, modulation: Modulation::Qpsk, rnti: 0 }
}
