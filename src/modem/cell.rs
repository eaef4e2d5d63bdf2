//! What a cell id fixes: which resource elements are known beforehand, which carry data, and how data is scrambled.

use std::f32::consts::FRAC_1_SQRT_2;

use num_complex::Complex32;

use super::gold::Gold;
use super::numerology::{Numerology, SLOT_SYMBOLS, SUBFRAMES, SYMBOLS};
use super::sync_signals::{self, CellId, PSS_SYMBOL, SSS_SYMBOL, SecondarySignals};
use super::transport;

/// Symbols of a subframe that hold reference signals of port 0, normal prefix.
pub const PILOT_SYMBOLS: [usize; 4] = [0, 4, 7, 11];
/// Subcarriers between two reference signals of one symbol.
pub const PILOT_SPACING: usize = 6;
/// Half of it: reference signals of consecutive symbols interleave at this distance.
pub const PILOT_COMB: usize = 3;
/// Largest downlink bandwidth, resource blocks: the reference sequence is cut from its middle (36.211, 6.10.1.2).
const MAX_RESOURCE_BLOCKS: usize = 110;
/// Bits of a QPSK symbol.
const BITS: usize = 2;

/// Whether a subframe (0..10) carries the synchronisation signals.
pub const fn is_sync(subframe: usize) -> bool {
    subframe.is_multiple_of(SUBFRAMES / 2)
}

/// A resource element with a known value.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Index into the grid, symbol * subcarriers + subcarrier.
    pub element: usize,
    /// Value, amplitude 1.
    pub value: Complex32,
}

/// Everything that a cell id and an RNTI fix.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The cell.
    pub id: CellId,
    numerology: Numerology,
    /// By subframe, in order of symbol and then frequency.
    pilots: Vec<Vec<Known>>,
    /// By half frame.
    sync: [Vec<Known>; 2],
    /// Elements that carry data: without and with synchronisation signals.
    data: [Vec<usize>; 2],
    /// By subframe.
    scrambling: Vec<Vec<u8>>,
}

impl Cell {
    /// Computes the tables of a cell, about 100 us.
    pub fn new(id: CellId, rnti: u16, numerology: Numerology) -> Self {
        let pilots: Vec<_> = (0..SUBFRAMES).map(|subframe| pilots(id, subframe, &numerology)).collect();
        let sync = [false, true].map(|second| sync_elements(id, second, &numerology));
        let data = [false, true].map(|sync| data_elements(&pilots[0], sync, &numerology));
        let bytes = |subframe: usize| data[usize::from(is_sync(subframe))].len() * BITS / 8;
        let scrambling = (0..SUBFRAMES).map(|n| transport::scrambling(rnti, id, n, bytes(n))).collect();
        Self { id, numerology, pilots, sync, data, scrambling }
    }

    /// Its numerology.
    pub fn numerology(&self) -> &Numerology {
        &self.numerology
    }

    /// Reference signals of a subframe 0..10, in order of symbol and then frequency.
    pub fn pilots(&self, subframe: usize) -> &[Known] {
        &self.pilots[subframe % SUBFRAMES]
    }

    /// Synchronisation signals of a subframe 0..10; none in most.
    pub fn sync(&self, subframe: usize) -> &[Known] {
        if is_sync(subframe) { &self.sync[usize::from(!subframe.is_multiple_of(SUBFRAMES))] } else { &[] }
    }

    /// Elements that carry data in a subframe 0..10, in the order of the bits.
    pub fn data(&self, subframe: usize) -> &[usize] {
        &self.data[usize::from(is_sync(subframe))]
    }

    /// Scrambling sequence of a subframe 0..10, as long as its transport block.
    pub fn scrambling(&self, subframe: usize) -> &[u8] {
        &self.scrambling[subframe % SUBFRAMES]
    }

    /// Bytes of a subframe's transport block, CRC included.
    pub fn block_bytes(&self, subframe: usize) -> usize {
        self.data(subframe).len() * BITS / 8
    }

    /// Bytes of payload of a subframe's transport block.
    pub fn payload_bytes(&self, subframe: usize) -> usize {
        self.block_bytes(subframe) - transport::CRC_BYTES
    }
}

/// Cell-specific reference signals, port 0 (36.211, 6.10.1).
fn pilots(id: CellId, subframe: usize, numerology: &Numerology) -> Vec<Known> {
    let width = numerology.subcarriers();
    let shift = usize::from(id.number()) % PILOT_SPACING;
    let mut out = Vec::with_capacity(PILOT_SYMBOLS.len() * width / PILOT_SPACING);
    for symbol in PILOT_SYMBOLS {
        let (slot, l) = (2 * subframe + symbol / SLOT_SYMBOLS, symbol % SLOT_SYMBOLS);
        let n_cell = u32::from(id.number());
        // The last 1 stands for the normal prefix.
        let c_init = (1 << 10) * (7 * (slot as u32 + 1) + l as u32 + 1) * (2 * n_cell + 1) + 2 * n_cell + 1;
        let skipped = 2 * (MAX_RESOURCE_BLOCKS - numerology.resource_blocks);
        let mut bits = Gold::new(c_init).skip(skipped);
        let v = if l == 0 { 0 } else { PILOT_COMB };
        for m in 0..2 * numerology.resource_blocks {
            let k = PILOT_SPACING * m + (v + shift) % PILOT_SPACING;
            let mut sign = || FRAC_1_SQRT_2 * (1.0 - 2.0 * f32::from(bits.next().unwrap_or(0)));
            let re = sign();
            out.push(Known { element: symbol * width + k, value: Complex32::new(re, sign()) });
        }
    }
    out
}

fn sync_elements(id: CellId, second_half: bool, numerology: &Numerology) -> Vec<Known> {
    let width = numerology.subcarriers();
    let first = sync_signals::first_subcarrier(numerology);
    let sss = SecondarySignals::default().sss(id, second_half);
    let primary = sync_signals::pss(id.sector()).into_iter().enumerate();
    let secondary = sss.into_iter().map(|x| Complex32::new(f32::from(x), 0.0)).enumerate();
    let place = |symbol: usize| move |(n, value)| Known { element: symbol * width + first + n, value };
    primary.map(place(PSS_SYMBOL)).chain(secondary.map(place(SSS_SYMBOL))).collect()
}

/// All elements but the reference signals and, in subframes 0 and 5, the six middle resource blocks of the synchronisation symbols.
fn data_elements(pilots: &[Known], sync: bool, numerology: &Numerology) -> Vec<usize> {
    let width = numerology.subcarriers();
    let reserved = width / 2 - 36..width / 2 + 36;
    let is_data = |element: &usize| {
        let (symbol, k) = (element / width, element % width);
        let taken = sync && [PSS_SYMBOL, SSS_SYMBOL].contains(&symbol) && reserved.contains(&k);
        !taken && pilots.iter().all(|p| p.element != *element)
    };
    (0..SYMBOLS * width).filter(is_data).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(id: u16) -> Cell {
        Cell::new(CellId::new(id).unwrap(), 61, Numerology::MHZ_1_4)
    }

    #[test]
    fn blocks_have_the_documented_sizes() {
        let cell = cell(301);
        assert_eq!((cell.data(0).len(), cell.data(1).len()), (816, 960));
        assert_eq!((cell.payload_bytes(0), cell.payload_bytes(5), cell.payload_bytes(3)), (201, 201, 237));
        assert_eq!(cell.scrambling(1).len(), 240);
    }

    #[test]
    fn no_element_is_used_twice() {
        for id in [0, 1, 5, 503] {
            let cell = cell(id);
            for subframe in 0..SUBFRAMES {
                let known = cell.pilots(subframe).iter().chain(cell.sync(subframe)).map(|k| k.element);
                let mut all: Vec<_> = known.chain(cell.data(subframe).iter().copied()).collect();
                let count = all.len();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), count, "cell {id} subframe {subframe}");
            }
        }
    }

    #[test]
    fn pilots_have_amplitude_one_and_differ_between_subframes_and_cells() {
        let (a, b) = (cell(12), cell(18));
        assert!(a.pilots(3).iter().all(|p| (p.value.norm() - 1.0).abs() < 1e-6));
        let same = |x: &[Known], y: &[Known]| x.iter().zip(y).filter(|(p, q)| (p.value - q.value).norm() < 0.1).count();
        assert!(same(a.pilots(1), a.pilots(2)) < 24);
        assert!(same(a.pilots(1), b.pilots(1)) < 24);
    }
}
