//! Samples on their way from the queue into the air.

use super::burst_edges::Correction;
use super::{HOLD, State, TxChain};
use crate::device::clock::Tick;
use crate::device::deframer::Packet;
use crate::device::receive::Surroundings;

impl TxChain {
    pub(super) fn play(&mut self, packet: Packet, start: Tick, around: &mut Surroundings) {
        self.hold(start, around);
        let pipeline = self.pipeline();
        let start = match self.held.filter(|_| self.edges.is_some()) {
            // The filters run on after a burst without an end: a sample waits for the next strobe.
            Some((next, _)) => next,
            None => start,
        };
        if !self.is_on(start) {
            let oscillator = start + pipeline.oscillator;
            self.tuning.start(oscillator, oscillator);
            if let Some(remains) = self.edges.as_mut().and_then(|edges| edges.begin(&self.tuning, start, &pipeline)) {
                put(remains, around);
            }
        }
        self.held = None;
        let count = packet.samples.min(self.samples.len());
        around.air.transmit(around.radio, self.tuning, start + pipeline.sent, self.samples.range(..count).copied());
        if let Some(edges) = &mut self.edges {
            edges.sent(self.samples.range(..count).copied());
        }
        self.played += count as u64;
        self.last_sample = count.checked_sub(1).and_then(|last| self.samples.get(last)).copied().unwrap_or_default();
        self.samples.drain(..count);
        self.take_front();
        let end = start.saturating_add(count as u64 * self.step());
        self.state = State::Playing { end, last: packet.header.end_of_burst };
    }

    /// The burst does not go on for now: what stands in front of the filters stays on the air.
    pub(super) fn stay_on(&mut self, end: Tick) {
        self.held = Some((end, end.saturating_add(HOLD)));
    }

    /// Sends what stands in front of the filters of a burst without an end, up to a tick: the next sample of the queue, or the last one.
    pub(super) fn hold(&mut self, to: Tick, around: &mut Surroundings) {
        let Some((from, until)) = self.held else { return };
        let (pipeline, step) = (self.pipeline(), self.step());
        let count = to.min(until).saturating_sub(pipeline.strobe).saturating_sub(from) / step;
        // A packet may still go on where the last one ended.
        if count > 0 && !matches!(self.state, State::Gap(_)) {
            let next = if self.edges.is_some() && !self.packets.is_empty() { self.samples.front().copied() } else { None };
            let repeated = std::iter::repeat_n(next.unwrap_or(self.last_sample), count as usize);
            around.air.transmit(around.radio, self.tuning, from + pipeline.sent, repeated.clone());
            if let Some(edges) = &mut self.edges {
                edges.sent(repeated);
            }
            self.held = Some((from + count * step, until));
        }
        if to >= until {
            let last = self.held.take().map_or(from, |(next, _)| next).saturating_sub(step);
            self.cut((until + u64::from(self.edges.is_some()), last), around);
        }
    }

    /// The transmitter is off from the end of a burst on; its last sample began at the second tick.
    pub(super) fn cut(&mut self, ends: (Tick, Tick), around: &mut Surroundings) {
        let pipeline = self.pipeline();
        if let Some(rest) = self.edges.as_mut().and_then(|edges| edges.end(&self.tuning, ends, &pipeline)) {
            put(&rest, around);
        }
    }
}

fn put(correction: &Correction, around: &mut Surroundings) {
    around.air.transmit(around.radio, correction.tuning, correction.start, correction.samples.iter().copied());
}
