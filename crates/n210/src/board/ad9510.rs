//! AD9510: distributes the 100 MHz clock, and locks it to a reference of 10 MHz. Data sheet AD9510, rev. B.

use super::register_file::exchange;

/// Registers up to 0x5A; the address is 7 bits.
const SIZE: usize = 128;
const HEADER_BITS: u32 = 16;

const PLL_CONTROL: usize = 0x08;
const PLL_PRESCALER: usize = 0x0A;
const FIRST_LVPECL: usize = 0x3C;
/// Two registers for each output's divider: cycles low and high, less 1 each; and whether to bypass it.
const FIRST_DIVIDER: usize = 0x48;
const BYPASS: u8 = 0x80;
const UPDATE: usize = 0x5A;
const SOFT_RESET: u8 = 0x20;

/// `PLL_CONTROL`: the status pin shows digital lock, active high.
const MUX_DIGITAL_LOCK: u8 = 1;
/// `PLL_CONTROL`: the charge pump works.
const PUMP_NORMAL: u8 = 3;

/// Prescaler by its register field: what B counts, and whether A counts as well.
const PRESCALERS: [(u32, bool); 8] = [(1, false), (2, false), (2, true), (4, true), (8, true), (16, true), (32, true), (3, false)];

const REFERENCE_HZ: u64 = 10_000_000;
const OSCILLATOR_HZ: u64 = 100_000_000;

/// Outputs that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// To the receive converter.
    Adc = 2,
    /// To the transmit converter.
    Dac = 3,
    /// To the transmit board.
    TxBoard = 5,
    /// To the receive board.
    RxBoard = 7,
}

/// The chip.
#[derive(Debug)]
pub struct Ad9510 {
    buffer: [u8; SIZE],
    active: [u8; SIZE],
}

impl Ad9510 {
    /// As the firmware leaves it after power-up: the FPGA has its clock, the phase-locked loop is down.
    pub fn new() -> Self {
        let mut buffer = [0; SIZE];
        for (address, value) in [
            (0x00, 0x10),
            (PLL_PRESCALER, 0x01),
            (0x3C, 0x08),
            (0x3D, 0x08),
            (0x3E, 0x08),
            (0x3F, 0x08),
            (0x40, 0x02),
            (0x41, 0x02),
            (0x42, 0x03),
            (0x43, 0x03),
            (0x45, 0x01),
            (0x4B, 0x80),
        ] {
            buffer[address] = value;
        }
        Self { buffer, active: buffer }
    }

    /// Shifts bits through; returns what it shifts out.
    pub fn transfer(&mut self, mosi: u128, bits: u32) -> u128 {
        let miso = exchange(&mut self.buffer, HEADER_BITS, mosi, bits);
        if self.buffer[0] & SOFT_RESET != 0 {
            *self = Self::new();
        }
        // Written values act when this bit is written.
        if self.buffer[UPDATE] & 1 == 1 {
            self.buffer[UPDATE] = 0;
            self.active = self.buffer;
        }
        miso
    }

    /// Whether an output is on. Bit 1 powers the first four down, bit 0 the others.
    pub fn is_on(&self, output: Output) -> bool {
        let register = self.active[FIRST_LVPECL + output as usize];
        register & (if (output as usize) < 4 { 0x02 } else { 0x01 }) == 0
    }

    /// Frequency at an output in Hz; 0 when it is off.
    pub fn output_hz(&self, output: Output) -> f64 {
        let [cycles, mode] = [0, 1].map(|n| self.active[FIRST_DIVIDER + 2 * output as usize + n]);
        let divider = if mode & BYPASS != 0 { 1 } else { (cycles >> 4) + (cycles & 15) + 2 };
        if self.is_on(output) { OSCILLATOR_HZ as f64 / f64::from(divider) } else { 0.0 }
    }

    /// Level of the status pin: the oscillator is locked to a reference that is there.
    pub fn shows_lock(&self, reference: bool) -> bool {
        let control = self.active[PLL_CONTROL];
        reference
            && control >> 2 & 15 == MUX_DIGITAL_LOCK
            && control & 3 == PUMP_NORMAL
            && self.active[PLL_PRESCALER] & 3 == 0
            && u64::from(self.feedback()) * REFERENCE_HZ == u64::from(self.divider()) * OSCILLATOR_HZ
    }

    fn feedback(&self) -> u32 {
        let [a, high, low] = [0x04, 0x05, 0x06].map(|at| u32::from(self.active[at]));
        let (prescaler, swallows) = PRESCALERS[usize::from(self.active[PLL_PRESCALER] >> 2 & 7)];
        prescaler * ((high & 0x1F) << 8 | low) + if swallows { a & 0x3F } else { 0 }
    }

    fn divider(&self) -> u32 {
        u32::from(self.active[0x0B] & 0x3F) << 8 | u32::from(self.active[0x0C])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(chip: &mut Ad9510, address: u128, value: u128) {
        chip.transfer(address << 8 | value, 24);
    }

    /// What UHD 4.3 writes to lock to the reference.
    const LOCK: [(u128, u128); 9] = [(9, 0x40), (10, 4), (4, 0), (5, 0), (6, 5), (11, 0), (12, 1), (8, 0x47), (0x5A, 1)];

    #[test]
    fn it_locks_as_uhd_programs_it_and_to_a_reference_only() {
        let mut chip = Ad9510::new();
        assert!(!chip.shows_lock(true));
        for (n, (address, value)) in LOCK.iter().enumerate() {
            assert!(!chip.shows_lock(true), "before write {n}");
            write(&mut chip, *address, *value);
        }
        assert!(chip.shows_lock(true) && !chip.shows_lock(false));
        // At UHD's exit the charge pump is switched off.
        write(&mut chip, 8, 0x44);
        assert!(chip.shows_lock(true), "not before the update");
        write(&mut chip, 0x5A, 1);
        assert!(!chip.shows_lock(true));
    }

    #[test]
    fn outputs_go_off_at_uhds_exit() {
        let mut chip = Ad9510::new();
        for (address, value) in [(0x43, 0), (0x41, 0), (0x3F, 8), (0x3E, 0), (0x5A, 1)] {
            write(&mut chip, address, value);
        }
        let on = |chip: &Ad9510| [Output::Adc, Output::Dac, Output::TxBoard, Output::RxBoard].map(|output| chip.is_on(output));
        assert_eq!(on(&chip), [true; 4]);
        for (mode, cycles, hz) in [(0x80, 0, 100e6), (0, 0, 50e6), (0, 0x21, 20e6)] {
            for (address, value) in [(0x57, mode), (0x56, cycles), (0x5A, 1)] {
                write(&mut chip, address, value);
            }
            assert_eq!(chip.output_hz(Output::RxBoard), hz);
        }
        for (address, value) in [(0x43, 1), (0x41, 1), (0x3F, 0x0A), (0x3E, 2), (0x5A, 1)] {
            write(&mut chip, address, value);
        }
        assert_eq!((on(&chip), chip.output_hz(Output::RxBoard)), ([false; 4], 0.0));
        assert_eq!(chip.transfer(0x80_3F00, 24), 0x0A, "reads back");
        write(&mut chip, 0, 0x30);
        assert_eq!(chip.transfer(0x80_3F00, 24), 0x08, "reset");
    }
}
