//! The pins to the boards: what they carry depends on which chains run.

/// First of the registers: idle, receiving, transmitting, both, direction.
pub const FIRST_REGISTER: u8 = 184;

/// Last of them: 1 makes a pin an output.
pub const DIRECTION: u8 = 188;

/// Levels of the 16 pins to each board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pins {
    /// To the receive board.
    pub rx: u16,
    /// To the transmit board.
    pub tx: u16,
}

impl From<u32> for Pins {
    fn from(word: u32) -> Self {
        Self { rx: word as u16, tx: (word >> 16) as u16 }
    }
}

/// Which chains run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunningChains {
    /// One of the receive chains, or both.
    pub rx: bool,
    /// The transmit chain.
    pub tx: bool,
}

/// The registers.
#[derive(Debug, Default)]
pub struct Gpio {
    levels: [u32; 4],
    direction: u32,
}

impl Gpio {
    /// Writes a register, by its number; others are not its own.
    pub fn write(&mut self, register: u8, value: u32) {
        match register.checked_sub(FIRST_REGISTER).map(usize::from) {
            Some(state @ 0..4) => self.levels[state] = value,
            Some(4) => self.direction = value,
            _ => {}
        }
    }

    /// What the device drives, and 0 on the pins that are inputs: the boards pull them down.
    pub fn driven(&self, running: RunningChains) -> u32 {
        self.levels[usize::from(running.rx) | usize::from(running.tx) << 1] & self.direction
    }

    /// All pins as they read, with what the boards drive on the inputs.
    pub fn read(&self, running: RunningChains, inputs: u32) -> u32 {
        self.driven(running) | inputs & !self.direction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_the_chains_has_its_register() {
        let mut gpio = Gpio::default();
        for (register, value) in (FIRST_REGISTER..).zip([0x1111_0001, 0x2222_0002, 0x4444_0004, 0x8888_0008, 0xFFFF_000F]) {
            gpio.write(register, value);
        }
        let running = |rx, tx| RunningChains { rx, tx };
        for (running, value) in [
            (running(false, false), 0x1111_0001),
            (running(true, false), 0x2222_0002),
            (running(false, true), 0x4444_0004),
            (running(true, true), 0x8888_0008),
        ] {
            assert_eq!(gpio.driven(running), value);
            assert_eq!(gpio.read(running, 0xFFFF_FFFF), value | 0xFFF0);
        }
        assert_eq!(Pins::from(0x1234_5678), Pins { rx: 0x5678, tx: 0x1234 });
    }
}
