//! ADS62P44: the receive converter, with gain in small steps. Data sheet ADS62P44, SLAS561. It has no data line back to the FPGA.

const RESET: usize = 0x00;
const POWER: usize = 0x14;
const FINE_GAIN: usize = 0x17;
const GAIN_CORRECTION: usize = 0x1A;

const FINE_STEP_DB: f32 = 0.5;
const CORRECTION_STEP_DB: f32 = 0.05;

/// The chip.
#[derive(Debug)]
pub struct Ads62p44 {
    registers: [u8; 32],
}

impl Ads62p44 {
    /// As after power-up.
    pub fn new() -> Self {
        Self { registers: [0; 32] }
    }

    /// Takes the last 16 bits that were shifted in: address and value.
    pub fn transfer(&mut self, mosi: u128, bits: u32) {
        if bits < 16 {
            return;
        }
        let [address, value] = (mosi as u16).to_be_bytes();
        if usize::from(address) == RESET && value & 2 == 2 {
            *self = Self::new();
        } else if let Some(register) = self.registers.get_mut(usize::from(address)) {
            *register = value;
        }
    }

    /// Whether both its channels convert.
    pub fn is_on(&self) -> bool {
        // Both channels off, or all of the chip.
        !matches!(self.registers[POWER] & 7, 3 | 4)
    }

    /// Gain over the one without fine gain. The coarse gain of 3.5 dB, always on under UHD, counts as given.
    pub fn gain_db(&self) -> f32 {
        let steps = |register: usize| f32::from(self.registers[register] & 15);
        // The chip knows 13 fine steps and 10 corrections; more than that changes nothing.
        steps(FINE_GAIN).min(12.0) * FINE_STEP_DB + steps(GAIN_CORRECTION).min(10.0) * CORRECTION_STEP_DB
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_and_gain_are_what_uhd_writes() {
        let mut chip = Ads62p44::new();
        for (word, on, gain) in [
            (0x1480, true, 0.0),
            (0x14B0, true, 0.0),
            (0x1706, true, 3.0),
            (0x1A05, true, 3.25),
            (0x14B4, false, 3.25),
            (0x0002, true, 0.0),
        ] {
            chip.transfer(word, 16);
            assert_eq!((chip.is_on(), chip.gain_db()), (on, gain), "{word:#x}");
        }
    }
}
