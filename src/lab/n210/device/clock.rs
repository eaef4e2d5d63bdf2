//! The device's clock: 64 bits of 10 ns ticks, settable, over the ticks of the process that never jump.

use crate::radio::wire::TICKS_PER_SECOND;

/// Ticks since the radios were powered up; all radios of a process share them, and no register changes them.
pub type Tick = u64;

/// One radio's idea of the time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Device time less process ticks, modulo 2^64.
    offset: u64,
    /// Device time at the last PPS.
    pub last_pps: u64,
    /// Time to load at the next PPS.
    armed: Option<u64>,
}

impl Clock {
    /// Device time at a tick.
    pub fn device(&self, tick: Tick) -> u64 {
        tick.wrapping_add(self.offset)
    }

    /// The tick at which the device shows `time`; none if that was before `now`.
    pub fn tick_of(&self, time: u64, now: Tick) -> Option<Tick> {
        time.checked_sub(self.device(now)).map(|ahead| now.saturating_add(ahead))
    }

    /// Sets the time at this tick.
    pub fn load(&mut self, time: u64, now: Tick) {
        self.offset = time.wrapping_sub(now);
        self.armed = None;
    }

    /// Sets the time off by so many ticks, as a glitch would.
    pub fn jump(&mut self, ticks: i64) {
        self.offset = self.offset.wrapping_add_signed(ticks);
    }

    /// Sets the time at the next PPS.
    pub fn arm(&mut self, time: u64) {
        self.armed = Some(time);
    }

    /// Tick of the first PPS after `now`: the lab's pulse comes once a second from power-up.
    pub fn next_pps(now: Tick) -> Tick {
        (now / TICKS_PER_SECOND + 1).saturating_mul(TICKS_PER_SECOND)
    }

    /// A PPS at this tick.
    pub fn pulse(&mut self, tick: Tick) {
        if let Some(time) = self.armed {
            self.load(time, tick);
        }
        self.last_pps = self.device(tick);
    }
}
