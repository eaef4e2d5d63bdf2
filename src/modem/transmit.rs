//! From a transport block to the samples of a subframe.

use std::f32::consts::FRAC_1_SQRT_2;
use std::sync::Arc;

use num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::cell::Cell;
use super::numerology::{Numerology, SYMBOLS};
use super::transport;
use crate::workload::samples::Sample;

/// Samples that a burst leaves out at its beginning: the radio needs a few clocks between the end of a burst and the start of the
/// next, and the first prefix, 10 samples, can spare these.
pub const LEFT_OUT: usize = 4;

/// RMS of a burst relative to full scale: peaks of OFDM reach 4 to 5 times that.
const RMS: f32 = 0.2;

/// Modulates subframes.
pub struct Transmitter {
    numerology: Numerology,
    inverse: Arc<dyn Fft<f32>>,
    scratch: Vec<Complex32>,
    grid: Vec<Complex32>,
    symbol: Vec<Complex32>,
    block: Vec<u8>,
    scale: f32,
}

impl Transmitter {
    /// A transmitter with its buffers.
    pub fn new(numerology: Numerology, planner: &mut FftPlanner<f32>) -> Self {
        let inverse = planner.plan_fft_inverse(numerology.fft);
        Self {
            scratch: vec![Complex32::default(); inverse.get_inplace_scratch_len()],
            inverse,
            grid: vec![Complex32::default(); numerology.elements()],
            symbol: vec![Complex32::default(); numerology.fft],
            block: Vec::new(),
            scale: RMS * f32::from(i16::MAX) / (numerology.subcarriers() as f32).sqrt(),
            numerology,
        }
    }

    /// Replaces `out` by the samples of a subframe 0..10, the first [`LEFT_OUT`] left out. A payload of another length than
    /// [`Cell::payload_bytes`] is cut or filled with zeros.
    pub fn subframe(&mut self, cell: &Cell, subframe: usize, payload: &[u8], out: &mut Vec<Sample>) {
        self.block.clear();
        self.block.extend_from_slice(payload);
        self.block.resize(cell.payload_bytes(subframe), 0);
        let crc = transport::crc(&self.block);
        self.block.extend_from_slice(&crc);
        transport::scramble(&mut self.block, cell.scrambling(subframe));
        self.map(cell, subframe);
        self.modulate(out);
    }

    fn map(&mut self, cell: &Cell, subframe: usize) {
        self.grid.fill(Complex32::default());
        for known in cell.pilots(subframe).iter().chain(cell.sync(subframe)) {
            self.grid[known.element] = known.value;
        }
        let pairs = self.block.iter().flat_map(|byte| [byte >> 6, byte >> 4, byte >> 2, *byte]);
        for (element, pair) in cell.data(subframe).iter().zip(pairs) {
            self.grid[*element] = qpsk(pair & 3);
        }
    }

    fn modulate(&mut self, out: &mut Vec<Sample>) {
        let width = self.numerology.subcarriers();
        out.clear();
        for symbol in 0..SYMBOLS {
            self.symbol.fill(Complex32::default());
            for (k, value) in self.grid[symbol * width..(symbol + 1) * width].iter().enumerate() {
                self.symbol[self.numerology.bin(k)] = value * self.scale;
            }
            self.inverse.process_with_scratch(&mut self.symbol, &mut self.scratch);
            let left_out = if symbol == 0 { LEFT_OUT } else { 0 };
            let prefix = &self.symbol[self.numerology.fft - self.numerology.prefix(symbol) + left_out..];
            // `as` saturates, which is what a transmitter does with a peak beyond full scale.
            out.extend(prefix.iter().chain(&self.symbol).map(|x| Sample::new(x.re as i16, x.im as i16)));
        }
    }
}

/// QPSK (36.211, 7.1.2) of two bits, the first one in bit 1.
fn qpsk(bits: u8) -> Complex32 {
    let sign = |bit: u8| if bit & 1 == 0 { FRAC_1_SQRT_2 } else { -FRAC_1_SQRT_2 };
    Complex32::new(sign(bits >> 1), sign(bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modem::sync_signals::CellId;

    #[test]
    fn a_burst_has_its_length_and_level_and_is_not_clipped() {
        let numerology = Numerology::MHZ_1_4;
        let cell = Cell::new(CellId::new(77).unwrap(), 61, numerology);
        let mut transmitter = Transmitter::new(numerology, &mut FftPlanner::new());
        let mut out = Vec::new();
        for subframe in 0..10 {
            transmitter.subframe(&cell, subframe, &[0xa5; 237], &mut out);
            assert_eq!(out.len(), 1920 - LEFT_OUT);
            let power: f32 = out.iter().map(|s| f32::from(s.re).powi(2) + f32::from(s.im).powi(2)).sum();
            let rms = (power / out.len() as f32).sqrt() / f32::from(i16::MAX);
            assert!((0.18..0.22).contains(&rms), "subframe {subframe}: rms {rms}");
            assert!(out.iter().all(|s| s.re.unsigned_abs() < 32_767 && s.im.unsigned_abs() < 32_767));
        }
    }
}
