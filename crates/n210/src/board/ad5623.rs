//! AD5623: two slow converters that set voltages on a board. Data sheet AD5623R, rev. D.

/// Volts at full scale.
const REFERENCE_VOLTS: f32 = 3.3;
const FULL_SCALE: f32 = 4095.0;

/// The chip.
#[derive(Debug, Default)]
pub struct Ad5623 {
    input: [u16; 2],
    output: [u16; 2],
}

impl Ad5623 {
    /// Takes 24 bits: command, channel, 12 bits of value and 4 that do not count.
    pub fn transfer(&mut self, mosi: u128, bits: u32) {
        if bits < 24 {
            return;
        }
        let word = mosi as u32;
        let value = (word >> 4) as u16 & 0x0FFF;
        let channels = match word >> 16 & 7 {
            0 => 0..1,
            1 => 1..2,
            7 => 0..2,
            _ => 0..0,
        };
        let command = word >> 19 & 7;
        // 0 write, 1 update, 2 write one and update both, 3 write and update, 5 reset.
        match command {
            0 | 2 | 3 => self.input[channels.clone()].fill(value),
            5 => *self = Self::default(),
            _ => {}
        }
        match command {
            1 | 3 => self.output[channels.clone()].copy_from_slice(&self.input[channels]),
            2 => self.output = self.input,
            _ => {}
        }
    }

    /// Volts at an output, 0 or 1.
    pub fn volts(&self, channel: usize) -> f32 {
        self.output.get(channel).map_or(0.0, |code| f32::from(*code) / FULL_SCALE * REFERENCE_VOLTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_set_together_or_one_by_one() {
        let mut chip = Ad5623::default();
        // Written, updated, and as UHD does it: both in one.
        for (word, volts) in [
            (0x00_FFF0, [0.0, 0.0]),
            (0x08_0000, [3.3, 0.0]),
            (0x19_7FF0, [3.3, 1.649_597]),
            (0x2F_0010, [0.0, 0.0]),
            (0x1F_0010, [0.000_806, 0.000_806]),
        ] {
            chip.transfer(word, 24);
            for (channel, volts) in volts.into_iter().enumerate() {
                assert!((chip.volts(channel) - volts).abs() < 1e-5, "{word:#x}: {}", chip.volts(channel));
            }
        }
    }
}
