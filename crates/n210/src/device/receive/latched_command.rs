//! A stream command, as the registers of a receive chain latch it.

use n210_wire::register::StreamCommand;

/// A stream command as its registers say it.
#[derive(Debug, Clone, Copy)]
pub(super) struct LatchedCommand {
    /// Device time to start at; none is at once.
    pub(super) at: Option<u64>,
    pub(super) chain: bool,
    pub(super) reload: bool,
    pub(super) stop: bool,
    /// Samples: the counter of 28 bits goes around once if it is told to count from 0.
    pub(super) samples: u64,
}

impl LatchedCommand {
    pub(super) fn new([word, high, low]: [u32; 3]) -> Self {
        let has = |bit| word & bit != 0;
        let samples = match word & StreamCommand::MAX_SAMPLES {
            0 => u64::from(StreamCommand::MAX_SAMPLES) + 1,
            n => u64::from(n),
        };
        Self {
            at: (!has(StreamCommand::NOW)).then_some((u64::from(high) << 32) | u64::from(low)),
            chain: has(StreamCommand::CHAIN),
            reload: has(StreamCommand::RELOAD),
            stop: has(StreamCommand::STOP),
            samples,
        }
    }
}
