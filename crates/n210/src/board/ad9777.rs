//! AD9777: the transmit converter, which can shift what it plays by multiples of 100 MHz. Data sheet AD9777, rev. C.

use super::register_file::exchange;

/// The address is 5 bits.
const SIZE: usize = 32;
const HEADER_BITS: u32 = 8;

/// Register 0: asleep, or powered down.
const OFF: u8 = 0x18;
/// Register 0.
const SOFT_RESET: u8 = 0x20;

/// It makes four samples of each at 100 MHz.
const RATE_HZ: f64 = 400e6;

/// The chip.
#[derive(Debug)]
pub struct Ad9777 {
    registers: [u8; SIZE],
}

impl Ad9777 {
    /// As after power-up.
    pub fn new() -> Self {
        Self { registers: [0; SIZE] }
    }

    /// Shifts bits through; returns what it shifts out.
    pub fn transfer(&mut self, mosi: u128, bits: u32) -> u128 {
        let miso = exchange(&mut self.registers, HEADER_BITS, mosi, bits);
        if self.registers[0] & SOFT_RESET != 0 {
            *self = Self::new();
        }
        miso
    }

    /// Whether it converts.
    pub fn is_on(&self) -> bool {
        self.registers[0] & OFF == 0
    }

    /// By how many Hz it shifts what it plays.
    pub fn shift_hz(&self) -> f64 {
        let mode = self.registers[1];
        let shift = match mode >> 4 & 3 {
            0 => return 0.0,
            n => RATE_HZ / f64::from(1 << n),
        };
        if mode & 2 == 2 { shift } else { -shift }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shifts_by_multiples_of_the_clock_and_sleeps() {
        let mut chip = Ad9777::new();
        // 4x interpolation, then the modulation that UHD chooses beyond 50 MHz: fs/4 or fs/2, up or down.
        for (value, shift) in [(0x80, 0.0), (0xA2, 100e6), (0x92, 200e6), (0xA0, -100e6), (0x90, -200e6)] {
            chip.transfer(0x0100 | value, 16);
            assert_eq!(chip.shift_hz(), shift, "{value:#x}");
        }
        assert_eq!(chip.transfer(0x8100, 16), 0x90, "reads back");
        for (value, on) in [(0x04, true), (0x0C, false), (0x14, false), (0x24, true)] {
            chip.transfer(value, 16);
            assert_eq!(chip.is_on(), on, "{value:#x}");
        }
        assert_eq!(chip.transfer(0x8100, 16), 0, "reset");
    }
}
