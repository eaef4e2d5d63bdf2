//! How busy the radio's gigabit wire is: what its streams, events and answers share.

use std::collections::VecDeque;

use crate::device::clock::Tick;

/// Nanoseconds in a tick, and of a byte on the wire.
const TICK: u64 = 10;
const BYTE: u64 = 8;

/// Preamble, check sequence and gap of a frame, in bytes.
const OVERHEAD: u64 = 24;

/// Between the chains' buffers and the wire lies memory of 512 words.
const MEMORY: u64 = 2048;

/// The FPGA moves a word a tick.
const BYTES_PER_TICK: u64 = 4;

/// Small frames that are remembered one by one.
const SMALL: usize = 64;

/// The wire.
#[derive(Debug, Default)]
pub struct Wire {
    /// Nanosecond at which all before it has left.
    free: u64,
    /// Frames that go before samples: when they were ready, and how long they take. They may be later than the next samples.
    small: VecDeque<(u64, u64)>,
}

impl Wire {
    /// An event, acknowledgement or answer of `length` bytes, headers included, is ready at a tick.
    pub fn small(&mut self, at: Tick, length: usize) {
        if self.small.len() == SMALL {
            self.take_small(u64::MAX);
        }
        self.small.push_back((at.saturating_mul(TICK), duration(length)));
    }

    /// A packet of samples is ready at a tick. Returns the tick at which the chain's buffer is free again.
    pub fn packet(&mut self, at: Tick, length: usize) -> Tick {
        let ready = at.saturating_mul(TICK);
        self.take_small(ready);
        self.free = self.free.max(ready).saturating_add(duration(length));
        let moved = at.saturating_add(length as u64 / BYTES_PER_TICK);
        self.free.saturating_sub(MEMORY * BYTE).div_ceil(TICK).max(moved)
    }

    fn take_small(&mut self, until: u64) {
        while let Some((ready, time)) = self.small.front().copied().filter(|(ready, _)| *ready <= until) {
            self.free = self.free.max(ready).saturating_add(time);
            self.small.pop_front();
        }
    }
}

fn duration(length: usize) -> u64 {
    (length.max(super::outbox::MIN_FRAME) as u64 + OVERHEAD) * BYTE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_wait_for_one_another_and_for_what_goes_before_them() {
        let mut wire = Wire::default();
        // 1514 bytes take 12.304 us; the memory takes 16.384 us of the backlog.
        assert_eq!(wire.packet(1000, 1514), 1000 + 378);
        assert_eq!(wire.packet(1000, 1514), 1000 + 823);
        wire.small(1000, 58);
        wire.small(9000, 58);
        assert_eq!(wire.packet(1000, 1514), 1000 + (3 * 12_304 + 84 * 8 - 16_384u64).div_ceil(10));
        assert_eq!(wire.packet(9000, 1514), 9000 + 378);
    }
}
