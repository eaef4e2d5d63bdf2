//! From blocks of samples to the packets of timed bursts, so that the radio puts every sample on the air at the tick of its block.
//!
//! The radio stops its filters with the last sample of a burst: what they still hold, the last 12 to 17 samples, stays in them and comes out at the start
//! of the next burst. So zeros follow a burst's last sample before its end. Where the next block leaves no time for them the burst goes on, and the end waits
//! until it is known that no block continues it.

use n210_wire::stream_tx::{TxHeader, WINDOW};
use n210_wire::{FRAME, SAMPLES_PER_PACKET};
use workload::samples::{Block, MAX_SAMPLES, Sample};

/// Zeros that bring a burst's last sample out of the radio's filters. The published logic, in simulation, needs 23 at 4 ticks a sample, 19 at 56, 10 with one
/// half-band filter and fewer without any.
pub const TAIL: usize = 24;

/// Ticks between the end of a burst and the start of the next: 4 are enough in simulation, with 3 the next one is late.
const REST: u64 = 8;

/// Most packets of a block, with the zeros before it.
pub const MAX_PACKETS: usize = (MAX_SAMPLES + 2 * TAIL).div_ceil(SAMPLES_PER_PACKET);

/// Packets whose burst is remembered: more than may be under way.
const REMEMBERED: usize = (WINDOW as usize).next_power_of_two();

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
struct Join {
    /// It begins a burst.
    starts: bool,
    /// Tick of the first sample sent, of a zero or of the block.
    tick: u64,
    /// Zeros before the block.
    zeros: usize,
    /// Samples of the block that would come too early, for what has been sent goes on until then.
    cut: usize,
}

/// What has been laid out last.
#[derive(Debug, Clone, Copy)]
struct LaidOut {
    tick: u64,
    samples: usize,
    zeros: usize,
    ends: bool,
}

/// Room for one block, and the sequence that goes through all bursts.
#[derive(Debug)]
pub struct Bursts {
    frames: Box<[[u8; FRAME]; MAX_PACKETS]>,
    lengths: [usize; MAX_PACKETS],
    samples: Vec<Sample>,
    sequence: u32,
    /// Packet count of the next packet: its low four bits.
    count: u8,
    /// Ticks per sample.
    decimation: u64,
    /// Ticks from the time of a sample to its moment on the air.
    delay: u64,
    sent: Sent,
    laid_out: LaidOut,
    /// Number of the block of each recent packet.
    numbers: Box<[u64; REMEMBERED]>,
    number: u64,
}

/// Packets that a block of so many samples takes at most, its burst's end among them.
pub fn packets(samples: usize) -> usize {
    (samples + 2 * TAIL).div_ceil(SAMPLES_PER_PACKET) + 1
}

impl Bursts {
    /// For samples `decimation` ticks apart that are on the air `delay` ticks after the time that they are sent with.
    pub fn new(decimation: u32, delay: u64) -> Self {
        Self {
            frames: Box::new([[0; FRAME]; MAX_PACKETS]),
            lengths: [0; MAX_PACKETS],
            samples: Vec::with_capacity(MAX_SAMPLES + 2 * TAIL),
            sequence: 0,
            count: 0,
            decimation: u64::from(decimation.max(1)),
            delay,
            sent: Sent::Nothing,
            laid_out: LaidOut { tick: 0, samples: 0, zeros: 0, ends: false },
            numbers: Box::new([0; REMEMBERED]),
            number: 0,
        }
    }

    /// The next packet has this sequence and this packet count: 0 and 0 after the radio's sequence register was written, or what another host
    /// has come to, whose last burst ends at `end_tick` of the radio's clock.
    pub fn begin_at(&mut self, sequence: u32, count: u8, end_tick: Option<u64>) {
        (self.sequence, self.count) = (sequence, count);
        self.sent = end_tick.map_or(Sent::Nothing, Sent::Ended);
    }

    /// When the radio takes a block's first sample, on its clock.
    pub const fn time_of(&self, block: &Block) -> u64 {
        block.tick.saturating_sub(self.delay)
    }

    /// Ticks that so many samples take.
    const fn span(&self, samples: usize) -> u64 {
        samples as u64 * self.decimation
    }

    fn join(&self, block: &Block) -> Option<Join> {
        let tick = self.time_of(block);
        let alone = Join { starts: true, tick, zeros: 0, cut: 0 };
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

    /// Whether the burst that goes on has to end before a block can be sent.
    pub fn ends_before(&self, block: &Block) -> bool {
        self.join(block).is_none()
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

    /// Lays out a block: as the begin of a burst, or where the burst goes on, which [`Self::ends_before`] allows. Tell with [`Self::sent`] how
    /// many packets went out. An empty block takes no packets; samples beyond [`MAX_SAMPLES`] are left out.
    ///
    /// Every packet carries its time, though the radio looks at it only while idle: when it drops the first packet as too late, a
    /// packet without a time would go out at once, at the wrong moment, and hold up the burst after it.
    pub fn lay_out(&mut self, block: &Block) -> impl ExactSizeIterator<Item = &[u8]> {
        let join = self.join(block).unwrap_or(Join { starts: true, tick: self.time_of(block), zeros: 0, cut: 0 });
        self.samples.clear();
        if join.cut < block.samples.len() {
            self.samples.resize(join.zeros, Sample::default());
            self.samples.extend(block.samples[join.cut..].iter().take(MAX_SAMPLES));
        }
        self.number += 1;
        self.frame(join, false)
    }

    /// Lays out the zeros with which a burst that goes on ends; nothing where none does.
    pub fn lay_out_end(&mut self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.samples.clear();
        let tick = self.end_tick().unwrap_or(0);
        if self.is_open() {
            self.samples.resize(TAIL, Sample::default());
        }
        self.frame(Join { starts: false, tick, zeros: TAIL, cut: 0 }, true)
    }

    fn frame(&mut self, join: Join, ends: bool) -> impl ExactSizeIterator<Item = &[u8]> {
        let chunks = self.samples.chunks(SAMPLES_PER_PACKET).take(MAX_PACKETS);
        let last = chunks.len().saturating_sub(1);
        let mut count = 0;
        for (at, samples) in chunks.enumerate() {
            let header = TxHeader {
                sequence: self.sequence.wrapping_add(at as u32),
                count: self.count.wrapping_add(at as u8) & 15,
                start_of_burst: join.starts && at == 0,
                end_of_burst: ends && at == last,
                tick: Some(join.tick.wrapping_add((at * SAMPLES_PER_PACKET) as u64 * self.decimation)),
            };
            // A frame holds SAMPLES_PER_PACKET samples with a time by its definition.
            self.lengths[at] = header.encode(samples, &mut self.frames[at]).unwrap_or(0);
            count = at + 1;
        }
        self.laid_out = LaidOut { tick: join.tick, samples: self.samples.len(), zeros: join.zeros, ends };
        self.frames.iter().zip(self.lengths).take(count).map(|(frame, length)| &frame[..length])
    }

    /// Counts packets of what was laid out last as sent: what comes next goes on after them. How many samples of the block were in them.
    pub fn sent(&mut self, packets: usize) -> usize {
        for _ in 0..packets {
            self.numbers[self.sequence as usize % REMEMBERED] = self.number;
            self.sequence = self.sequence.wrapping_add(1);
            self.count = self.count.wrapping_add(1) & 15;
        }
        let LaidOut { tick, samples, zeros, ends } = self.laid_out;
        let sent = samples.min(packets * SAMPLES_PER_PACKET);
        if sent > 0 {
            let end = tick.saturating_add(self.span(sent));
            self.sent = if ends { Sent::Ended(end) } else { Sent::Open(end) };
        }
        sent.saturating_sub(zeros)
    }

    /// Sequence and packet count of the next packet.
    pub const fn next(&self) -> (u32, u8) {
        (self.sequence, self.count)
    }

    /// Number of the block that a recent packet belonged to.
    pub fn number_of(&self, sequence: u32) -> u64 {
        self.numbers[sequence as usize % REMEMBERED]
    }
}

#[cfg(test)]
mod tests;
