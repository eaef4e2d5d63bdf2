//! The device's clock: 64 bits of 10 ns ticks, settable, over the ticks of the process that never jump.

use n210_wire::TICKS_PER_SECOND;
use n210_wire::register::sr;

/// Ticks since the radios were powered up; all radios of a process share them, and no register changes them.
pub type Tick = u64;

/// One radio's idea of the time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Device time less process ticks, modulo 2^64.
    offset: u64,
    /// Device time at the last PPS, by the clock as it ran until then.
    pub last_pps: u64,
    /// What the time registers hold, high and low.
    preset: [u32; 2],
    /// The registers are to be loaded: at once, or at the next PPS.
    armed: bool,
    at_once: bool,
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

    /// Writes one of the time registers. The high word arms the load; "at once" also loads what was armed for a PPS.
    pub fn write(&mut self, register: u8, value: u32, now: Tick) {
        match register {
            sr::TIME_LOW => self.preset[1] = value,
            sr::TIME_NOW => self.at_once = value & 1 == 1,
            sr::TIME_HIGH => (self.preset[0], self.armed) = (value, true),
            _ => return,
        }
        if self.at_once {
            self.load_armed(now);
        }
    }

    fn load_armed(&mut self, now: Tick) {
        if self.armed {
            let [high, low] = self.preset.map(u64::from);
            self.load((high << 32) | low, now);
        }
    }

    /// Sets the time at this tick.
    pub fn load(&mut self, time: u64, now: Tick) {
        self.offset = time.wrapping_sub(now);
        self.armed = false;
    }

    /// Sets the time off by so many ticks, as a glitch would.
    pub fn jump(&mut self, ticks: i64) {
        self.offset = self.offset.wrapping_add_signed(ticks);
    }

    /// Tick of the first PPS after `now`: the lab's pulse comes once a second from power-up.
    pub fn next_pps(now: Tick) -> Tick {
        (now / TICKS_PER_SECOND + 1).saturating_mul(TICKS_PER_SECOND)
    }

    /// A PPS at this tick.
    pub fn pulse(&mut self, tick: Tick) {
        self.last_pps = self.device(tick);
        self.load_armed(tick);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_is_noted_by_the_clock_as_it_ran_until_then() {
        let mut clock = Clock::default();
        for (register, value) in [(sr::TIME_LOW, 7), (sr::TIME_NOW, 0), (sr::TIME_HIGH, 0)] {
            clock.write(register, value, 1_000);
        }
        clock.pulse(TICKS_PER_SECOND);
        assert_eq!((clock.last_pps, clock.device(TICKS_PER_SECOND + 5)), (TICKS_PER_SECOND, 12));
        assert_eq!(
            (clock.tick_of(12, TICKS_PER_SECOND + 5), clock.tick_of(11, TICKS_PER_SECOND + 5)),
            (Some(TICKS_PER_SECOND + 5), None)
        );
    }
}
