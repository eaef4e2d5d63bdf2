//! Where a block of samples goes: into a burst of its own, or into the burst that goes on. It is the same for every radio that sends timed bursts.
//!
//! The radio stops its filters with the last sample of a burst: what they still hold, the last 12 to 17 samples, stays in them and comes out at the start
//! of the next burst. So zeros follow a burst's last sample before its end. Where the next block leaves no time for them the burst goes on, and the end waits
//! until it is known that no block continues it.

use workload::samples::{Block, Sample};

/// Zeros that bring a burst's last sample out of the radio's filters. The published logic, in simulation, needs 23 at 4 ticks a sample, 19 at 56, 10 with one
/// half-band filter and fewer without any.
pub const TAIL: usize = 24;

/// Ticks between the end of a burst and the start of the next: 4 are enough in simulation, with 3 the next one is late.
pub const REST: u64 = 8;

/// Up to where samples have been sent, on the radio's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// Nothing has been sent that could be in the way.
    Nothing,
    /// The burst goes on at this tick.
    Open(u64),
    /// The burst has ended at this tick.
    Ended(u64),
}

/// Where a block goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join {
    /// It begins a burst.
    pub starts: bool,
    /// Tick of the first sample sent, of a zero or of the block.
    pub tick: u64,
    /// Zeros before the block.
    pub zeros: usize,
    /// Samples of the block that would come too early, for what has been sent goes on until then.
    pub cut: usize,
}

impl Join {
    /// Of a block as a burst of its own, at that tick.
    pub const fn alone(tick: u64) -> Self {
        Self { starts: true, tick, zeros: 0, cut: 0 }
    }

    /// What is to be sent of a block: the zeros, and of the samples at most `limit`.
    pub fn fill(self, block: &Block, limit: usize, out: &mut Vec<Sample>) {
        out.clear();
        if let Some(samples) = block.samples.get(self.cut..).filter(|samples| !samples.is_empty()) {
            out.resize(self.zeros, Sample::default());
            out.extend(samples.iter().take(limit));
        }
    }
}

/// Up to where a radio has samples, and where the next ones go.
#[derive(Debug)]
pub struct Placement {
    /// Ticks per sample.
    decimation: u64,
    /// Ticks from the time of a sample to its moment on the air.
    delay: u64,
    sent: Sent,
}

impl Placement {
    /// For samples `decimation` ticks apart that are on the air `delay` ticks after the time that they are sent with.
    pub fn new(decimation: u32, delay: u64) -> Self {
        Self { decimation: u64::from(decimation.max(1)), delay, sent: Sent::Nothing }
    }

    /// Ticks per sample.
    pub const fn decimation(&self) -> u64 {
        self.decimation
    }

    /// The last burst, another host's, has ended at that tick of the radio's clock; none: nothing is in the way.
    pub fn begin_after(&mut self, end_tick: Option<u64>) {
        self.sent = end_tick.map_or(Sent::Nothing, Sent::Ended);
    }

    /// When the radio takes a block's first sample, on its clock.
    pub const fn time_of(&self, block: &Block) -> u64 {
        block.tick.saturating_sub(self.delay)
    }

    /// Ticks that so many samples take.
    pub const fn span(&self, samples: usize) -> u64 {
        samples as u64 * self.decimation
    }

    /// Where a block goes; `None` where the burst that goes on has to end first.
    pub fn join(&self, block: &Block) -> Option<Join> {
        let tick = self.time_of(block);
        let alone = Join::alone(tick);
        match self.sent {
            Sent::Nothing => Some(alone),
            Sent::Ended(end) => {
                let cut = end.saturating_add(REST).saturating_sub(tick).div_ceil(self.decimation) as usize;
                // What lies in the past as a whole is the radio's to refuse.
                let cut = if cut < block.samples.len() { cut } else { 0 };
                Some(Join { tick: tick.saturating_add(self.span(cut)), cut, ..alone })
            }
            Sent::Open(end) => {
                // A burst's samples are all in step: the nearest one of its grid.
                let half = self.decimation / 2;
                let zeros = (tick.saturating_add(half).saturating_sub(end) / self.decimation) as usize;
                let cut = end.saturating_sub(tick).saturating_add(half) / self.decimation;
                let goes_on = tick < end.saturating_add(self.span(TAIL)).saturating_add(REST) && cut < block.samples.len() as u64;
                goes_on.then_some(Join { starts: false, tick: end, zeros, cut: cut as usize })
            }
        }
    }

    /// So many samples from that tick on were sent; `ends`: the burst's end was among them.
    pub const fn note(&mut self, tick: u64, samples: usize, ends: bool) {
        let end = tick.saturating_add(self.span(samples));
        self.sent = if ends { Sent::Ended(end) } else { Sent::Open(end) };
    }

    /// Whether a burst goes on.
    pub const fn is_open(&self) -> bool {
        matches!(self.sent, Sent::Open(_))
    }

    /// Ticks from a moment of the radio's clock, to be told in its own ticks, until a burst that goes on has no more samples.
    pub const fn left(&self, now: u64) -> u64 {
        match self.sent {
            Sent::Open(end) => end.saturating_sub(now),
            Sent::Nothing | Sent::Ended(_) => 0,
        }
    }

    /// Tick of the radio's clock behind the last sample that was sent.
    pub const fn end_tick(&self) -> Option<u64> {
        match self.sent {
            Sent::Nothing => None,
            Sent::Open(end) | Sent::Ended(end) => Some(end),
        }
    }

    /// A burst that goes on has ended in some other way.
    pub const fn abandon(&mut self) {
        if let Sent::Open(end) = self.sent {
            self.sent = Sent::Ended(end);
        }
    }
}
