//! From blocks of samples to the packets of timed bursts, so that the radio puts every sample on the air at the tick of its block; `placement` says which
//! burst each goes to.

use n210_wire::stream_tx::{TxHeader, WINDOW};
use n210_wire::{FRAME, SAMPLES_PER_PACKET};
use workload::samples::{Block, MAX_SAMPLES, Sample};

use super::placement::{Join, Placement, TAIL};

/// Most packets of a block, with the zeros before it.
pub const MAX_PACKETS: usize = (MAX_SAMPLES + 2 * TAIL).div_ceil(SAMPLES_PER_PACKET);

/// Packets whose burst is remembered: more than may be under way.
const REMEMBERED: usize = (WINDOW as usize).next_power_of_two();

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
    placement: Placement,
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
            placement: Placement::new(decimation, delay),
            laid_out: LaidOut { tick: 0, samples: 0, zeros: 0, ends: false },
            numbers: Box::new([0; REMEMBERED]),
            number: 0,
        }
    }

    /// The next packet has this sequence and this packet count: 0 and 0 after the radio's sequence register was written, or what another host
    /// has come to, whose last burst ends at `end_tick` of the radio's clock.
    pub fn begin_at(&mut self, sequence: u32, count: u8, end_tick: Option<u64>) {
        (self.sequence, self.count) = (sequence, count);
        self.placement.begin_after(end_tick);
    }

    /// When the radio takes a block's first sample, on its clock.
    pub const fn time_of(&self, block: &Block) -> u64 {
        self.placement.time_of(block)
    }

    /// Whether the radio's clock has passed all of a block: it would throw it away.
    pub const fn is_over(&self, block: &Block, now: u64) -> bool {
        self.placement.time_of(block).saturating_add(self.placement.span(block.samples.len())) <= now
    }

    /// Whether the burst that goes on has to end before a block can be sent.
    pub fn ends_before(&self, block: &Block) -> bool {
        self.placement.join(block).is_none()
    }

    /// Whether a burst goes on.
    pub const fn is_open(&self) -> bool {
        self.placement.is_open()
    }

    /// Ticks from a moment of the radio's clock, to be told in its own ticks, until a burst that goes on has no more samples.
    pub const fn left(&self, now: u64) -> u64 {
        self.placement.left(now)
    }

    /// Tick of the radio's clock behind the last sample that was sent.
    pub const fn end_tick(&self) -> Option<u64> {
        self.placement.end_tick()
    }

    /// A burst that goes on has ended in some other way.
    pub const fn abandon(&mut self) {
        self.placement.abandon();
    }

    /// Lays out a block: as the begin of a burst, or where the burst goes on, which [`Self::ends_before`] allows. Tell with [`Self::sent`] how
    /// many packets went out. An empty block takes no packets; samples beyond [`MAX_SAMPLES`] are left out.
    ///
    /// Every packet carries its time, though the radio looks at it only while idle: when it drops the first packet as too late, a
    /// packet without a time would go out at once, at the wrong moment, and hold up the burst after it.
    pub fn lay_out(&mut self, block: &Block) -> impl ExactSizeIterator<Item = &[u8]> {
        let join = self.placement.join(block).unwrap_or(Join::alone(self.time_of(block)));
        join.fill(block, MAX_SAMPLES, &mut self.samples);
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

    /// Lays out a packet that the radio drops as long over, and takes its sequence from: the next one is then the next in sequence, whatever
    /// was before. To be told with [`Self::resequenced`].
    pub fn lay_out_resequencing(&mut self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.samples.clear();
        self.samples.push(Sample::default());
        self.frame(Join { starts: true, tick: 0, zeros: 1, cut: 0 }, true)
    }

    /// It was sent.
    pub const fn resequenced(&mut self) {
        (self.sequence, self.count) = (self.sequence.wrapping_add(1), self.count.wrapping_add(1) & 15);
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
                tick: Some(join.tick.wrapping_add(self.placement.span(at * SAMPLES_PER_PACKET))),
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
            self.placement.note(tick, sent, ends);
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
