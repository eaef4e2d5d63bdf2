//! From a payload to the samples of a subframe.

use std::sync::Arc;

use num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::broadcast::Broadcast;
use super::cell::{Cell, Subframe};
use super::duplex::Use;
use super::modulation::Modulation;
use super::numerology::{Bandwidth, Numerology, Prefix, SUBFRAMES};
use workload::samples::Sample;

/// Ticks that a burst leaves out at its beginning: a subframe may so begin before the previous burst has ended, and the radio's driver needs room to end one. The
/// first prefix, 672 ticks or more, can spare these.
pub const LEFT_OUT: u64 = 224;

/// RMS of a burst relative to full scale: peaks of OFDM reach 4 to 5 times that.
pub const RMS: f32 = 0.2;

/// What a subframe carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubframeContent<'a> {
    /// Data.
    Payload(&'a [u8]),
    /// Nothing but reference and synchronisation signals.
    Signals,
}

/// Modulates subframes.
pub struct Transmitter {
    fft: usize,
    inverse: Arc<dyn Fft<f32>>,
    scratch: Vec<Complex32>,
    grid: Vec<Complex32>,
    symbol: Vec<Complex32>,
    bits: Vec<u8>,
}

impl Transmitter {
    /// A transmitter at the rate of a bandwidth.
    pub fn new(bandwidth: Bandwidth, planner: &mut FftPlanner<f32>) -> Self {
        let fft = Numerology::new(bandwidth, Prefix::Normal).fft();
        let inverse = planner.plan_fft_inverse(fft);
        Self {
            scratch: vec![Complex32::default(); inverse.get_inplace_scratch_len()],
            inverse,
            grid: Vec::new(),
            symbol: vec![Complex32::default(); fft],
            bits: Vec::new(),
            fft,
        }
    }

    /// Replaces `out` by the samples of a subframe 0..10, the first [`LEFT_OUT`] ticks left out. A payload that is too long is cut. The
    /// broadcast block goes into the subframes that have room for it.
    pub fn subframe(
        &mut self,
        cell: &Cell,
        number: usize,
        content: SubframeContent<'_>,
        broadcast: &Broadcast,
        out: &mut Vec<Sample>,
    ) {
        out.clear();
        let subframe = &cell.subframes[number % SUBFRAMES];
        if cell.numerology().fft() != self.fft || subframe.usage == Use::Silent {
            return;
        }
        self.grid.clear();
        self.grid.resize(cell.numerology().elements(), Complex32::default());
        for known in subframe.pilots.iter().chain(&subframe.sync) {
            self.grid[known.element as usize] = known.value;
        }
        self.map_broadcast(cell, subframe, broadcast);
        if let SubframeContent::Payload(payload) = content {
            subframe.layout.encode(payload, &mut self.bits);
            self.map(subframe.layout.modulation, subframe.scrambling(), &subframe.data);
        }
        self.modulate(cell.numerology(), out);
    }

    fn map_broadcast(&mut self, cell: &Cell, subframe: &Subframe, broadcast: &Broadcast) {
        if subframe.broadcast.is_empty() {
            return;
        }
        self.bits.clear();
        cell.broadcast.encode(&broadcast.bytes(), &mut self.bits);
        self.map(Modulation::Qpsk, &cell.broadcast_scrambling, &subframe.broadcast);
    }

    /// Scrambles and modulates the bits into the elements.
    fn map(&mut self, modulation: Modulation, scrambling: &[u8], elements: &[u32]) {
        self.bits.iter_mut().zip(scrambling).for_each(|(bit, mask)| *bit ^= mask);
        for (bits, element) in self.bits.chunks(modulation.bits()).zip(elements) {
            self.grid[*element as usize] = modulation.map(bits);
        }
    }

    fn modulate(&mut self, n: &Numerology, out: &mut Vec<Sample>) {
        let width = n.subcarriers();
        let half = width / 2;
        let scale = RMS * f32::from(i16::MAX) / (width as f32).sqrt();
        let mut left_out = (LEFT_OUT / n.ticks_per_sample()) as usize;
        for symbol in 0..n.symbols() {
            let row = &self.grid[symbol * width..(symbol + 1) * width];
            if row.iter().all(|x| *x == Complex32::default()) {
                let count = n.prefix(symbol) + n.fft() - std::mem::take(&mut left_out);
                out.resize(out.len() + count, Sample::default());
                continue;
            }
            self.symbol.fill(Complex32::default());
            self.symbol[1..=half].copy_from_slice(&row[half..]);
            self.symbol[n.fft() - half..].copy_from_slice(&row[..half]);
            self.symbol.iter_mut().for_each(|x| *x *= scale);
            self.inverse.process_with_scratch(&mut self.symbol, &mut self.scratch);
            let prefix = &self.symbol[n.fft() - n.prefix(symbol) + std::mem::take(&mut left_out)..];
            // `as` saturates, which is what a transmitter does with a peak beyond full scale.
            let sample = |x: &Complex32| Sample::new(x.re as i16, x.im as i16);
            out.extend(prefix.iter().map(sample));
            out.extend(self.symbol.iter().map(sample));
        }
    }
}
