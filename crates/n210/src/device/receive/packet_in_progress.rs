//! A packet that a receive chain fills.

use super::latched_command::LatchedCommand;
use crate::device::clock::Tick;

/// Samples that find room before the packet memory: 16 as they come, and 12 beside the header of their packet.
const IN_HAND: u64 = 28;

/// A packet that is being filled, and the command it is filled for.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketInProgress {
    pub(super) command: LatchedCommand,
    /// Tick at which the packet's first sample begins, and the one that its time stamp means.
    pub(super) start: Tick,
    pub(super) stamp: Tick,
    /// That time stamp.
    pub(super) time: u64,
    /// Tick of the air up to which that sample has heard.
    pub(super) heard: Tick,
    /// Ticks per sample, and most samples, as they were at its start.
    pub(super) step: u64,
    pub(super) full: u64,
    /// Samples of the command, as often as it was started again, before this packet.
    pub(super) done: u64,
    /// Samples of the command from the packet's start on; none while it starts again of itself.
    pub(super) left: Option<u64>,
    /// There is no room for this packet before this tick.
    pub(super) room: Tick,
}

impl PacketInProgress {
    /// Samples until something happens.
    pub(super) fn samples(&self) -> u64 {
        let samples = self.left.map_or(self.full, |left| left.min(self.full));
        if self.overruns(samples) { IN_HAND } else { samples }
    }

    /// Whether more samples come than find room before the packet memory is free.
    pub(super) fn overruns(&self, samples: u64) -> bool {
        samples > IN_HAND && self.start.saturating_add(IN_HAND * self.step) < self.room
    }

    pub(super) fn end(&self) -> Tick {
        self.start.saturating_add(self.samples().saturating_mul(self.step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_eight_samples_find_room_before_the_packet_memory() {
        let command = LatchedCommand::new([n210_wire::register::StreamCommand::NOW | 1_000, 0, 0]);
        let run = |room| PacketInProgress {
            command,
            start: 1_000,
            stamp: 0,
            time: 0,
            heard: 0,
            step: 52,
            full: 363,
            done: 0,
            left: None,
            room,
        };
        let full = 1_000 + 28 * 52;
        assert_eq!((run(full).samples(), run(full + 1).samples()), (363, 28));
        assert!(!run(full + 1).overruns(28), "what is in hand is not lost");
    }
}
