//! How many ticks of the 100 MHz clock the FPGA's signal chains take.
//!
//! The figures are those of the device's published logic in a Verilog simulator; the converters beside it are not in them. A chain has
//! registers that every tick moves on, and others that a filter moves on with each of its samples, which are `cic` ticks long at the CIC
//! filter and twice that beyond a half-band filter: hence a constant and a multiple of `cic`.
//!
//! The air counts ticks of its own, which are [`HEAD_START`] ahead of the clock's: a receiver that starts at power-up hands out what was on
//! the air before.

use crate::air::response::FilterChain;
use n210_wire::dsp::Direction;

/// Ticks that the air is ahead of the clock: more than any receive chain takes.
const HEAD_START: u64 = 2048;

/// Whose timing a radio has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// The device's.
    #[default]
    Device,
    /// No delay but that of the filters' mathematics, and bursts are sent whole.
    Ideal,
}

impl Timing {
    /// What a receive chain takes when its rate register holds `word`.
    pub fn receive(self, word: u32) -> ReceivePipeline {
        match self {
            Self::Ideal => ReceivePipeline::default(),
            Self::Device => ReceivePipeline::of(FilterChain::new(Direction::Receive, word)),
        }
    }

    /// What the transmit chain takes when its rate register holds `word`.
    pub fn transmit(self, word: u32) -> TransmitPipeline {
        match self {
            Self::Ideal => TransmitPipeline::default(),
            Self::Device => TransmitPipeline::of(FilterChain::new(Direction::Transmit, word)),
        }
    }

    /// From the write of a command's last register to its earliest start.
    pub fn command(self) -> u64 {
        self.ticks(4)
    }

    /// From the end of a burst's last sample to the earliest start of the next burst.
    pub fn next_burst(self) -> u64 {
        self.ticks(4)
    }

    /// From the end of a sample to the tick of the event which says that it ended a burst, or that none followed in time.
    pub fn event(self) -> u64 {
        self.ticks(3)
    }

    /// From the last sample of a command to the earliest start of the next.
    pub fn next_command(self) -> u64 {
        self.ticks(3)
    }

    fn ticks(self, device: u64) -> u64 {
        if self == Self::Device { device } else { 0 }
    }
}

/// What a receive chain takes, in ticks to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceivePipeline {
    /// To the start of a stream, for the tick at which its first sample begins.
    pub start: u64,
    /// Sample lengths, to the tick at which a sample begins, for its time stamp: the device stamps it when it is complete.
    pub stamp_samples: u64,
    /// To a time stamp, for the tick of the air up to which the sample has heard.
    pub heard: u64,
    /// To the start of a stream, for the tick of the air from which on its filters take anything in.
    pub intake: u64,
    /// To a tick at which a register is written or a stream starts, for the tick of the air that meets the oscillator then.
    pub oscillator: u64,
    /// To a tick, for the same tick of the air.
    pub air: u64,
}

impl ReceivePipeline {
    fn of(chain: FilterChain) -> Self {
        let (cic, small, large) = (chain.cic as u64, u64::from(chain.small), u64::from(chain.large));
        let registers = 7 * small + 10 * large;
        // A half-band filter waits for the second of two samples. At its full rate the CIC filter has no tick to spare.
        let samples = cic * (6 + small + large * (1 + small)) + u64::from(cic == 1);
        Self {
            start: 5 + registers,
            stamp_samples: 1,
            heard: HEAD_START - (35 + registers + samples),
            intake: HEAD_START - 26,
            oscillator: HEAD_START - 3,
            air: HEAD_START,
        }
    }
}

/// What the transmit chain takes, in ticks to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransmitPipeline {
    /// To the tick at which a sample ends, for the one at which the filters take it.
    pub strobe: u64,
    /// To the tick at which a sample begins, for the tick of the air at which it begins to act.
    pub sent: u64,
    /// To a tick at which a register is written or a burst starts, for the tick of the air that meets the oscillator then.
    pub oscillator: u64,
    /// With five samples of the CIC filter to the start of a burst, for the tick of the air at which what half-band filters held begins to act.
    pub remains: u64,
    /// To the end of a burst, for the tick of the air from which on nothing is sent.
    pub cut: u64,
}

impl TransmitPipeline {
    fn of(chain: FilterChain) -> Self {
        let FilterChain { cic, small, large, .. } = chain;
        let mut samples = 6 * cic;
        if small {
            samples += (4 + 2 * small_behind(cic)) * cic;
        }
        if large {
            samples += (4 + 2 * large_behind(chain.large_spacing())) * chain.large_spacing();
        }
        // Without a half-band filter two registers lie where a sample of one tick cannot pass both in time.
        let bypass = if cic == 1 && !small && !large { 2 } else { 0 };
        Self {
            strobe: 2,
            sent: HEAD_START + (34 + samples + bypass) as u64,
            oscillator: HEAD_START + 29,
            remains: HEAD_START + 34,
            cut: HEAD_START + 32,
        }
    }
}

/// By how many of its input samples the small half-band filter of the transmit chain is behind, with so many ticks between its outputs:
/// its sums take longer than that.
pub fn small_behind(ticks: usize) -> usize {
    match ticks {
        ..=1 => 4,
        2 => 2,
        3..=7 => 1,
        _ => 0,
    }
}

/// The same of the large half-band filter.
pub fn large_behind(ticks: usize) -> usize {
    match ticks {
        ..=2 => 2,
        3..=8 => 1,
        _ => 0,
    }
}
