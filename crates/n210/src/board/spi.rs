//! The FPGA's SPI core: a shift register each way and one select line per slave.

use crate::device::clock::Tick;

/// Longest transfer: a bit count of 0 wraps the 7-bit counter around once.
const WRAPPED: u32 = 128;

/// What is shifted out, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// One bit per slave.
    pub slaves: u32,
    /// Bits shifted.
    pub bits: u32,
    /// The bits, the last one lowest.
    pub mosi: u128,
}

/// The core.
#[derive(Debug, Default)]
pub struct Core {
    divider: u32,
    control: u32,
    received: u32,
    busy_until: Tick,
}

impl Core {
    /// Sets the clock divider.
    pub fn set_divider(&mut self, value: u32) {
        self.divider = value & 0xFFFF;
    }

    /// Sets slaves, bit count and edges. The edges suit the slaves and do not matter here.
    pub fn set_control(&mut self, value: u32) {
        self.control = value;
    }

    /// Begins a transfer of the data, whose first bit is the highest; one under way ends before.
    pub fn start(&mut self, data: u32, now: Tick) -> Transfer {
        let bits = match self.control >> 24 & 0x3F {
            0 => WRAPPED,
            bits => bits,
        };
        // Half a clock is divider + 1 ticks; one each before the first and after the last bit, one more with the slave idle.
        let half = u64::from(self.divider) + 1;
        self.busy_until = self.busy_until.max(now).saturating_add((2 * u64::from(bits) + 3) * half);
        let mosi = (u128::from(data) << (WRAPPED - u32::BITS)) >> (WRAPPED - bits);
        Transfer { slaves: self.control & 0x00FF_FFFF, bits, mosi }
    }

    /// Ends it with what came back. The register is not cleared in between: older bits stand above.
    pub fn finish(&mut self, transfer: &Transfer, miso: u128) {
        self.received = if transfer.bits >= u32::BITS { miso as u32 } else { self.received << transfer.bits | miso as u32 };
    }

    /// What was received.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Whether no transfer is under way.
    pub fn is_ready(&self, now: Tick) -> bool {
        now >= self.busy_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_left_justified_out_and_right_justified_in() {
        let mut core = Core::default();
        core.set_divider(4);
        // The control word and data that UHD writes for register 9 of the clock chip.
        core.set_control(0x5800_0001);
        let transfer = core.start(0x0009_4000, 100);
        assert_eq!(transfer, Transfer { slaves: 1, bits: 24, mosi: 0x0000_0940 });
        assert!(!core.is_ready(100 + 51 * 5 - 1) && core.is_ready(100 + 51 * 5));
        core.finish(&transfer, 0xAB);
        core.set_control(0x1000_0002);
        let transfer = core.start(0x8100_0000, 1_000);
        core.finish(&transfer, 0xCD);
        assert_eq!((transfer.mosi, core.received()), (0x8100, 0x00AB_00CD));
        for (count, bits, mosi) in [(0, 128, 0x8100_0000_u128 << 96), (63, 63, 0x8100_0000 << 31), (32, 32, 0x8100_0000)] {
            core.set_control(count << 24);
            let transfer = core.start(0x8100_0000, 2_000);
            assert_eq!((transfer.bits, transfer.mosi), (bits, mosi));
            core.finish(&transfer, u128::MAX >> (128 - bits));
        }
    }
}
