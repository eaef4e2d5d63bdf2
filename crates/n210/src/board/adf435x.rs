//! ADF4350 and ADF4351: fractional-N synthesizers with their oscillator, 2.2 to 4.4 GHz, and a divider behind it. Data sheets ADF4350
//! rev. B and ADF4351 rev. A.

use std::ops::RangeInclusive;

/// Registers; the lowest three bits of a word say which.
const REGISTERS: usize = 6;

/// What the oscillator reaches. UHD rounds to the nearest fraction of the comparison frequency, and so a little below the lower end.
const OSCILLATOR_HZ: RangeInclusive<f64> = 2.1999e9..=4.4001e9;

/// Fastest comparison of phases.
const COMPARISON_MAX_HZ: f64 = 32e6;

/// Least integer part with the prescaler at 4/5 and at 8/9. The data sheets keep 4/5 to 3 GHz (3.6 GHz); UHD goes beyond with a WBX below
/// 115 MHz, and the boards are known to work there.
const LEAST_INTEGER: [u32; 2] = [23, 75];

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Divides by up to 16.
    Adf4350,
    /// Divides by up to 64.
    Adf4351,
}

impl Kind {
    fn largest_divider(self) -> u32 {
        match self {
            Self::Adf4350 => 4,
            Self::Adf4351 => 6,
        }
    }
}

/// How a board powers its synthesizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Power {
    /// It has its supply, and keeps what was written.
    pub supplied: bool,
    /// It is enabled.
    pub enabled: bool,
}

/// The chip.
#[derive(Debug)]
pub struct Synthesizer {
    kind: Kind,
    shift: u32,
    registers: [u32; REGISTERS],
    /// Registers 0 to 2 as they were when register 0 was written last: only then do most of them act.
    acting: Option<[u32; 3]>,
}

/// Bits of a register, `count` from `low` up.
fn field(register: u32, low: u32, count: u32) -> u32 {
    register >> low & ((1 << count) - 1)
}

fn is_set(register: u32, bit: u32) -> bool {
    register >> bit & 1 == 1
}

impl Synthesizer {
    /// As after power-up: nothing programmed.
    pub fn new(kind: Kind) -> Self {
        Self { kind, shift: 0, registers: [0; REGISTERS], acting: None }
    }

    /// Its supply is gone, and with it all that was written.
    pub fn forget(&mut self) {
        *self = Self::new(self.kind);
    }

    /// Shifts bits in; the last 32 are taken when its select line rises. Says whether it locks anew.
    pub fn transfer(&mut self, mosi: u128, bits: u32) -> bool {
        self.shift = if bits >= u32::BITS { mosi as u32 } else { self.shift << bits | mosi as u32 };
        let number = (self.shift & 7) as usize;
        if let Some(register) = self.registers.get_mut(number) {
            *register = self.shift;
        }
        if number == 0 {
            self.acting = self.registers.first_chunk().copied();
        }
        // It calibrates its oscillator whenever register 0 is written.
        number == 0
    }

    /// Frequency at its output in Hz when it is locked, from a reference in Hz.
    pub fn locked_hz(&self, reference: f64) -> Option<f64> {
        let [r0, r1, r2] = self.acting?;
        let (integer, fraction, modulus) = (field(r0, 15, 16), field(r0, 3, 12), field(r1, 3, 12));
        let steps = field(r2, 14, 10) << u32::from(is_set(r2, 24));
        if modulus < 2 || fraction >= modulus || steps == 0 || self.is_held() {
            return None;
        }
        let comparison = reference * f64::from(1 << u32::from(is_set(r2, 25))) / f64::from(steps);
        let compared = comparison * (f64::from(integer) + f64::from(fraction) / f64::from(modulus));
        let divider = f64::from(1 << self.divider()?);
        let fundamental = is_set(self.registers[4], 23);
        let oscillator = if fundamental { compared } else { compared * divider };
        let legal = OSCILLATOR_HZ.contains(&oscillator)
            && comparison <= COMPARISON_MAX_HZ
            && integer >= LEAST_INTEGER[usize::from(is_set(r1, 27))];
        legal.then_some(oscillator / divider)
    }

    /// Powered down by a register, counters held in reset, or the charge pump cut off.
    fn is_held(&self) -> bool {
        self.registers[2] & 0x38 != 0 || is_set(self.registers[4], 11)
    }

    /// Power of two that the output is divided by; none if this kind has no such divider.
    fn divider(&self) -> Option<u32> {
        Some(field(self.registers[4], 20, 3)).filter(|divider| *divider <= self.kind.largest_divider())
    }

    /// Whether its first output is switched on.
    pub fn output_is_on(&self) -> bool {
        is_set(self.registers[4], 5)
    }

    /// Levels of its two pins that can show lock: lock detect, and the one that shows what it is told.
    pub fn pins(&self, locked: bool) -> (bool, bool) {
        let detect = match field(self.registers[5], 22, 2) {
            1 => locked,
            3 => true,
            _ => false,
        };
        let shown = match field(self.registers[2], 26, 3) {
            1 => true,
            5 | 6 => locked,
            _ => false,
        };
        (detect, shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of UHD 4.3.0.0 for 2.45 GHz: 98 times 25 MHz.
    const WORDS: [u128; 6] = [0x0040_0005, 0x000F_A23C, 0x0001_001B, 0x6500_8A42, 0x0000_7FF9, 0x0031_0000];
    /// Register 2 with half the division of the reference: 50 MHz, faster than phases are compared.
    const FAST: u128 = 0x6400_8A42;

    #[test]
    fn registers_act_with_register_0_and_within_their_limits() {
        let mut chip = Synthesizer::new(Kind::Adf4350);
        for word in WORDS {
            assert_eq!(chip.locked_hz(100e6), None);
            chip.transfer(word, 32);
        }
        assert_eq!(chip.locked_hz(100e6), Some(2.45e9));
        chip.transfer(FAST, 32);
        assert_eq!(chip.locked_hz(100e6), Some(2.45e9), "register 0 was not written since");
        chip.transfer(49 << 15, 32);
        assert_eq!(chip.locked_hz(100e6), None);
        assert_eq!(chip.locked_hz(50e6), None, "half of what the oscillator reaches");
    }
}
