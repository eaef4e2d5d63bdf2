//! Why nothing is found: when a search has had no success for a while, a look at what else is on the frequency.

use super::phy::duplex::LinkDirection;
use super::phy::history::SampleHistory;
use super::phy::numerology::{SUBFRAME_TICKS, TICK_RATE};
use super::phy::search::{CFO_RANGE, Identified, Searcher, every_hypothesis};
use super::phy::sync_signals::CellId;

/// Time without success after which the first survey is made, s.
const FIRST: f64 = 0.2;
/// Time between surveys, s.
const AGAIN: f64 = 2.0;
/// Frequency offsets that are tried, subcarriers either way.
const SHIFTS: i32 = 2;
/// Agreement of the secondary signal from which a cell is there for certain: noise reaches 0.5.
const CERTAIN: f32 = 0.65;

/// A survey in progress, or the wait for the next.
#[derive(Debug, Default)]
pub struct Survey {
    /// Tick at which the present one ends.
    until: Option<u64>,
    /// Tick before which there is no other.
    next: u64,
    best: Option<(Identified, f32)>,
    told: Option<String>,
}

impl Survey {
    /// Called during a search, at tick `now`, after so many seconds without success.
    pub fn want(&mut self, now: u64, in_vain: f64) {
        if in_vain >= FIRST && self.until.is_none() && now >= self.next {
            // Half a frame holds every signal once.
            self.until = Some(now + 6 * SUBFRAME_TICKS);
            self.next = now + (AGAIN * TICK_RATE) as u64;
        }
    }

    /// Looks at the searcher's window, which begins at tick `at`. Returns what there is to tell, each thing once.
    pub fn look(
        &mut self,
        searcher: &mut Searcher,
        history: &SampleHistory,
        at: u64,
        expected: Option<CellId>,
        direction: LinkDirection,
    ) -> Option<String> {
        let until = self.until?;
        for shift in -SHIFTS..=SHIFTS {
            let Some(peak) = searcher.peak(None, shift) else { continue };
            let Some(found) = searcher.identify(history, at + peak.offset, &peak, None, &every_hypothesis(direction)) else {
                continue;
            };
            if found.score > self.best.map_or(CERTAIN, |(best, _)| best.score) {
                self.best = Some((found, peak.cfo));
            }
        }
        if at < until {
            return None;
        }
        self.until = None;
        let text = self.best.take().and_then(|(found, cfo)| sentence(&found, cfo, expected))?;
        if self.told.as_ref() == Some(&text) {
            return None;
        }
        self.told = Some(text.clone());
        Some(text)
    }
}

fn sentence(found: &Identified, cfo: f32, expected: Option<CellId>) -> Option<String> {
    let cell = found.cell.number();
    if cfo.abs() > CFO_RANGE {
        let (off, most) = (cfo / 1000.0, CFO_RANGE / 1000.0);
        return Some(format!(
            "a signal is there (cell {cell}), but its frequency is off by about {off:.0} kHz, more than the {most:.1} kHz that the modem follows"
        ));
    }
    let expected = expected.filter(|e| *e != found.cell)?.number();
    Some(format!("cell {cell} transmits on this frequency; cell {expected} is the one expected"))
}
