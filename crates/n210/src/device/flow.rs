//! When the transmitter says what has reached it: after so many ticks and after so many packets since it last did.

use super::clock::Tick;

/// Least ticks between two updates by time. The device obeys any number, and would fill its wire with updates at small ones.
const LEAST_PERIOD: u64 = 10_000;

/// Ticks from the end of the count to the update, and from there to the start of the next count.
const TRIGGER: u64 = 2;

const ENABLE: u32 = 0x8000_0000;

/// The two counters, which every update zeroes together.
#[derive(Debug, Default)]
pub struct FlowControl {
    ticks: u64,
    packets: u32,
    /// Updates by time are on: the tick at which the count was 0. Off: the count stands still.
    running: Option<Tick>,
    stopped: u64,
    /// Updates by packets are on.
    counting: bool,
    consumed: u32,
}

impl FlowControl {
    /// Sets the period. A count that is already beyond it makes an update at once, even when switched off.
    pub fn set_time(&mut self, value: u32, now: Tick) {
        let count = self.running.map_or(self.stopped, |start| now.saturating_sub(start));
        let on = value & ENABLE != 0;
        self.ticks = u64::from(value & 0x00FF_FFFF).max(if on { LEAST_PERIOD } else { 0 });
        (self.running, self.stopped) = (on.then(|| now.saturating_sub(count)), count);
    }

    /// Sets the number of packets.
    pub fn set_packets(&mut self, value: u32) {
        (self.packets, self.counting) = (value & 0xFFFF, value & ENABLE != 0);
    }

    /// A packet has been consumed.
    pub fn consume(&mut self) {
        self.consumed += u32::from(self.counting);
    }

    /// Tick of the next update as things stand.
    pub fn due(&self, now: Tick) -> Option<Tick> {
        if self.consumed > self.packets {
            return Some(now);
        }
        match self.running {
            Some(start) => Some(start.saturating_add(self.ticks + TRIGGER).max(now)),
            None => (self.stopped > self.ticks).then_some(now),
        }
    }

    /// An update is made at this tick.
    pub fn restart(&mut self, at: Tick) {
        (self.consumed, self.stopped) = (0, 0);
        self.running = self.running.map(|_| at.saturating_add(TRIGGER));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_must_be_exceeded_and_every_update_begins_both_anew() {
        let mut flow = FlowControl::default();
        assert_eq!(flow.due(5), None);
        flow.set_time(ENABLE | 50_000, 100);
        flow.set_packets(ENABLE | 2);
        assert_eq!(flow.due(100), Some(50_102));
        (0..2).for_each(|_| flow.consume());
        assert_eq!(flow.due(200), Some(50_102));
        flow.consume();
        assert_eq!(flow.due(300), Some(300));
        flow.restart(300);
        assert_eq!(flow.due(301), Some(50_304));
        // Switched off with a count beyond 0: one last update.
        flow.set_time(0, 1_000);
        assert_eq!(flow.due(1_000), Some(1_000));
        flow.restart(1_000);
        assert_eq!(flow.due(1_000_000), None);
        flow.set_time(ENABLE | 1, 2_000_000);
        assert_eq!(flow.due(2_000_000), Some(2_000_000 + LEAST_PERIOD + TRIGGER));
    }
}
