//! Subframe after subframe at the timing that is known: what is in them, and what they say of timing and frequency.

use num_complex::Complex32;

use super::{Receiver, SLACK};
use crate::outlet::Outlet;
use crate::phy::cell::Cell;
use crate::phy::demodulate::{Measured, SubframeOutcome};
use crate::phy::duplex::{LinkDirection, Use};
use crate::phy::history::SampleHistory;
use crate::phy::numerology::SUBFRAME_TICKS;

/// Part of a measured error that the timing and the frequency follow at once; the rest is noise until proven otherwise.
const LOOP_GAIN: f32 = 0.25;

impl Receiver {
    /// Decodes every subframe that is complete.
    pub(super) fn decode(&mut self, history: &SampleHistory, out: &mut impl Outlet) {
        let Some(cell) = self.cell.clone() else { return };
        let samples = cell.numerology().subframe_samples();
        while let Some(timing) = self.timing {
            let from = self.decoded.saturating_sub(SLACK).max(history.start());
            let (number, tick) = timing.clock.next_subframe(from);
            let subframe = &cell.subframes[number];
            if subframe.usage != Use::Data && tick < history.end() {
                self.decoded = tick + SUBFRAME_TICKS;
                continue;
            }
            let Some(received) = history.at(tick, samples) else { return };
            self.decoded = tick + SUBFRAME_TICKS;
            let cfo = timing.cfo / self.bandwidth.rate() as f32;
            match self.demodulator.subframe(&cell, number, received, cfo) {
                // The far end always transmits these: an empty one is lost.
                SubframeOutcome::Absent => self.quality.absent(subframe.always_sent && self.proven),
                SubframeOutcome::Signals(_) if !self.proven => {}
                SubframeOutcome::Signals(measured) => self.track(measured, history.nearest(tick), tick),
                SubframeOutcome::Bad(_) => {
                    if self.proven {
                        self.quality.bad();
                    }
                    // The broadcast block tolerates more noise than data does: timing and frequency are right.
                    if self.read_broadcast(&cell, number, tick, received, cfo) {
                        (self.last_good, self.proven) = (self.decoded, true);
                        self.synced(out);
                    }
                }
                SubframeOutcome::Good(measured) => {
                    self.track(measured, history.nearest(tick), tick);
                    self.last_good = self.decoded;
                    self.good(measured, out);
                }
            }
            // The frame number stays valid once known; a terminal's hops change.
            if self.proven && (self.frame.is_none() || matches!(self.direction, LinkDirection::Terminal(_))) {
                self.read_broadcast(&cell, number, tick, received, cfo);
            }
        }
    }

    /// Reads the broadcast block, if it is in this subframe and of this cell.
    fn read_broadcast(&mut self, cell: &Cell, number: usize, tick: u64, received: &[Complex32], cfo: f32) -> bool {
        if !cell.has_broadcast(number) {
            return false;
        }
        let read = self.demodulator.broadcast(cell, received, cfo).map(|read| read.0);
        let read = read.filter(|broadcast| broadcast.parameters == cell.parameters);
        read.iter().for_each(|broadcast| self.note_broadcast(cell, tick, broadcast));
        read.is_some()
    }

    /// Follows timing and frequency; `sampled` is the tick of the subframe's first sample, `predicted` where it should have been.
    fn track(&mut self, measured: Measured, sampled: u64, predicted: u64) {
        let Some(timing) = &mut self.timing else { return };
        let off_grid = sampled as i64 - predicted as i64;
        let error = measured.late * self.bandwidth.ticks_per_sample() as f32 + off_grid as f32;
        timing.clock = timing.clock.moved((LOOP_GAIN * error).round() as i64);
        timing.cfo += LOOP_GAIN * measured.cfo * self.bandwidth.rate() as f32;
        self.quality.measured(measured.snr);
    }
}
