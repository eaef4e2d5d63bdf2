//! What the FPGA does to I and Q between converters and chains: registers 24 to 28 of the receive side, 128 to 132 of the transmit side.
//!
//! Receive: exchange, DC offset, balance. Transmit: balance, DC offset, multiplexer. A balance multiplies I by 1 + magnitude / 2 and adds
//! phase / 2 of what I was to Q, with both registers as fractions of their 18 bits.

use num_complex::Complex;

use crate::air::iq::IqMatrix;
use crate::air::offset::{self, Offset};
use crate::device::clock::Tick;
use n210_wire::register::sr;

/// Converters have 16 bits in the FPGA.
const STEPS: f64 = 32_768.0;

/// Register of an offset: it is not followed any more; the value is to be loaded.
const FIXED: u32 = 1 << 31;
const LOAD: u32 = 1 << 30;

/// A signed fraction in the lowest `bits` of a register.
fn fraction(word: u32, bits: u32) -> f64 {
    let aligned = (word << (u32::BITS - bits)).cast_signed() >> (u32::BITS - bits);
    f64::from(aligned) / f64::from(1_u32 << (bits - 1))
}

fn balance(magnitude: f64, phase: f64) -> IqMatrix {
    IqMatrix([[1.0 + magnitude / 2.0, 0.0], [phase / 2.0, 1.0]])
}

/// The loop that removes the DC offset of I or of Q.
#[derive(Debug, Clone, Copy, Default)]
struct OffsetLoop {
    fixed: bool,
    /// What it took away at a tick.
    removed: f64,
    since: Tick,
}

impl OffsetLoop {
    /// What it takes away, where there is an offset of `there`.
    fn removes(&self, there: f64, now: Tick) -> f64 {
        if self.fixed { self.removed } else { there - (there - self.removed) * offset::left(self.since, now) }
    }

    /// The offset is about to change.
    fn settle(&mut self, there: f64, now: Tick) {
        (self.removed, self.since) = (self.removes(there, now), now);
    }
}

/// Receive side.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReceiveCorrections {
    swaps: bool,
    magnitude: f64,
    phase: f64,
    loops: [OffsetLoop; 2],
}

impl ReceiveCorrections {
    /// Whether a register is one of its own.
    pub fn own(register: u8) -> bool {
        (sr::RX_SWAP..=sr::RX_OFFSET_Q).contains(&register)
    }

    /// Writes a register, while the converters have this offset.
    pub fn write(&mut self, register: u8, value: u32, there: Complex<f64>, now: Tick) {
        self.settle(there, now);
        match register {
            sr::RX_SWAP => self.swaps = value & 1 == 1,
            sr::RX_MAGNITUDE => self.magnitude = fraction(value, 18),
            sr::RX_PHASE => self.phase = fraction(value, 18),
            sr::RX_OFFSET_I | sr::RX_OFFSET_Q => {
                let offset_loop = &mut self.loops[usize::from(register - sr::RX_OFFSET_I)];
                offset_loop.fixed = value & FIXED != 0;
                if value & LOAD != 0 {
                    offset_loop.removed = fraction(value, 30) * STEPS;
                }
            }
            _ => {}
        }
    }

    fn exchange(&self) -> IqMatrix {
        if self.swaps { IqMatrix::SWAP } else { IqMatrix::IDENTITY }
    }

    /// The offset of the converters, until now this one, is about to change.
    pub fn settle(&mut self, there: Complex<f64>, now: Tick) {
        let there = self.exchange().apply(there);
        self.loops.iter_mut().zip([there.re, there.im]).for_each(|(offset_loop, there)| offset_loop.settle(there, now));
    }

    /// What is done to I and Q.
    pub fn matrix(&self) -> IqMatrix {
        self.exchange().then(balance(self.magnitude, self.phase))
    }

    /// What is left of the converters' offset from a tick on.
    pub fn offset(&self, there: Complex<f64>, now: Tick) -> Offset {
        let there = self.exchange().apply(there);
        let [i, q] = [(0, there.re), (1, there.im)].map(|(rail, there)| {
            let left = there - self.loops[rail].removes(there, now);
            if self.loops[rail].fixed { (left, 0.0) } else { (0.0, left) }
        });
        let parts = Offset { fixed: Complex::new(i.0, q.0), decaying: Complex::new(i.1, q.1), since: now };
        parts.map(|value| balance(self.magnitude, self.phase).apply(value))
    }
}

/// Transmit side.
#[derive(Debug, Clone, Copy)]
pub struct TransmitCorrections {
    offset: [f64; 2],
    magnitude: f64,
    phase: f64,
    multiplexer: u32,
}

impl TransmitCorrections {
    /// With a multiplexer as programs leave it that have no wish of their own; the device itself powers up with I at both converters.
    pub fn new(multiplexer: u32) -> Self {
        Self { offset: [0.0; 2], magnitude: 0.0, phase: 0.0, multiplexer }
    }

    /// Whether a register is one of its own.
    pub fn own(register: u8) -> bool {
        (sr::TX_OFFSET_I..=sr::TX_MUX).contains(&register)
    }

    /// Writes a register.
    pub fn write(&mut self, register: u8, value: u32) {
        match register {
            sr::TX_OFFSET_I => self.offset[0] = fraction(value, 24) * STEPS,
            sr::TX_OFFSET_Q => self.offset[1] = fraction(value, 24) * STEPS,
            sr::TX_MAGNITUDE => self.magnitude = fraction(value, 18),
            sr::TX_PHASE => self.phase = fraction(value, 18),
            sr::TX_MUX => self.multiplexer = value & 0xFF,
            _ => {}
        }
    }

    /// What the two converters take of I and Q.
    fn multiplexer(&self) -> IqMatrix {
        let takes = |nibble: u32| match nibble & 15 {
            0 => [1.0, 0.0],
            1 => [0.0, 1.0],
            _ => [0.0, 0.0],
        };
        IqMatrix([takes(self.multiplexer), takes(self.multiplexer >> 4)])
    }

    /// What is done to I and Q.
    pub fn matrix(&self) -> IqMatrix {
        balance(self.magnitude, self.phase).then(self.multiplexer())
    }

    /// What is added at the converters.
    pub fn offset(&self) -> Complex<f64> {
        self.multiplexer().apply(Complex::new(self.offset[0], self.offset[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of the device's published logic in a Verilog simulator, in 24 bits: converters at 10000 and -4000.
    #[test]
    fn the_receive_side_does_what_the_logic_does() {
        let converters = Complex::new(10_000.0, -4_000.0);
        let mut side = ReceiveCorrections::default();
        let shows = |side: &ReceiveCorrections, now: Tick, i: f64, q: f64| {
            // Its converters see nothing but an offset.
            let offset = side.offset(converters, now);
            let all = (offset.fixed + offset.decaying) * 256.0;
            assert!((all - Complex::new(i, q)).norm() < 200.0, "{all} instead of {i} {q}");
        };
        for register in [sr::RX_OFFSET_I, sr::RX_OFFSET_Q] {
            side.write(register, FIXED | LOAD, converters, 0);
        }
        shows(&side, 100, 2_560_000.0, -1_024_000.0);
        side.write(sr::RX_MAGNITUDE, 65_536, converters, 100);
        side.write(sr::RX_PHASE, 32_768, converters, 100);
        shows(&side, 100, 3_200_000.0, -704_000.0);
        assert!((side.matrix().apply(converters) * 256.0 - Complex::new(3_200_000.0, -704_000.0)).norm() < 1.0);
        side.write(sr::RX_SWAP, 1, converters, 200);
        shows(&side, 200, -1_280_000.0, 2_432_000.0);
        for register in [sr::RX_SWAP, sr::RX_MAGNITUDE, sr::RX_PHASE] {
            side.write(register, 0, converters, 300);
        }
        side.write(sr::RX_OFFSET_I, FIXED | LOAD | 53_687_091, converters, 300);
        shows(&side, 300, 1_721_152.0, -1_024_000.0);
        // The loop takes out all but 1/e in 2^20 ticks, and stands still when it is told to.
        side.write(sr::RX_OFFSET_I, FIXED | LOAD, converters, 1_000);
        side.write(sr::RX_OFFSET_I, 0, converters, 1_000);
        shows(&side, 1_000 + (1 << 20), 941_824.0, -1_024_000.0);
        side.write(sr::RX_OFFSET_I, FIXED, converters, 1_000 + (1 << 20));
        shows(&side, 1 << 40, 941_824.0, -1_024_000.0);
    }

    #[test]
    fn the_transmit_side_does_what_the_logic_does() {
        let mut side = TransmitCorrections::new(0);
        let shows = |side: &TransmitCorrections, i: f64, q: f64| {
            let all = side.matrix().apply(Complex::new(10_000.0, -4_000.0)) + side.offset();
            assert!((all - Complex::new(i, q)).norm() < 2.0, "{all} instead of {i} {q}");
        };
        side.write(sr::TX_MUX, 0);
        shows(&side, 10_000.0, 10_000.0);
        side.write(sr::TX_MUX, 0x10);
        shows(&side, 10_000.0, -4_000.0);
        side.write(sr::TX_MAGNITUDE, 65_536);
        side.write(sr::TX_PHASE, 32_768);
        shows(&side, 12_500.0, -2_750.0);
        side.write(sr::TX_MAGNITUDE, 0);
        side.write(sr::TX_PHASE, 0);
        side.write(sr::TX_OFFSET_I, 838_861);
        for (word, i, q) in [(0x10, 13_277.0, -4_000.0), (0x01, -4_000.0, 13_277.0), (0xF0, 13_277.0, 0.0), (0x0F, 0.0, 13_277.0)] {
            side.write(sr::TX_MUX, word);
            shows(&side, i, q);
        }
    }
}
