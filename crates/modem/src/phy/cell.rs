//! What a cell fixes: which resource elements are known beforehand, which carry data, and how data is scrambled.

use std::f32::consts::FRAC_1_SQRT_2;
use std::sync::OnceLock;

use num_complex::Complex32;

use super::blocks::BlockLayout;
use super::broadcast;
use super::code::RateMatch;
use super::duplex::{LinkDirection, Use};
use super::gold::Gold;
use super::numerology::{Numerology, Prefix, SUBFRAMES};
use super::parameters::Parameters;
use super::sync_signals::{self, CellId, SecondarySignals};

/// Subcarriers between two reference signals of one symbol.
pub const PILOT_SPACING: usize = 6;
/// Half of it: reference signals of consecutive symbols interleave at this distance.
pub const PILOT_COMB: usize = 3;
/// Symbols of a subframe that hold reference signals of port 0.
pub const PILOT_SYMBOLS: usize = 4;
/// Largest downlink bandwidth, resource blocks: the reference sequence is cut from its middle (36.211, 6.10.1.2).
const MAX_RESOURCE_BLOCKS: usize = 110;

/// A resource element with a known value.
#[derive(Debug, Clone, Copy)]
pub struct KnownElement {
    /// Index into the grid, symbol * subcarriers + subcarrier.
    pub element: u32,
    /// Value, amplitude 1.
    pub value: Complex32,
}

/// What lies where in one subframe of a frame.
#[derive(Debug)]
pub struct Subframe {
    /// What the direction may do in it.
    pub usage: Use,
    /// Transmitted even when nothing waits.
    pub always_sent: bool,
    /// Reference signals, in order of symbol and then frequency.
    pub pilots: Vec<KnownElement>,
    /// Synchronisation signals.
    pub sync: Vec<KnownElement>,
    /// Elements of the broadcast block; none in most.
    pub broadcast: Vec<u32>,
    /// Elements of the data, in the order of its bits.
    pub data: Vec<u32>,
    /// How the data is cut into blocks.
    pub layout: BlockLayout,
    scrambling: OnceLock<Vec<u8>>,
    scrambling_init: u32,
}

impl Subframe {
    /// Scrambling sequence of the data, one bit a byte (36.211, 6.3.1).
    pub fn scrambling(&self) -> &[u8] {
        self.scrambling.get_or_init(|| Gold::new(self.scrambling_init).take(self.layout.coded_bits()).collect())
    }
}

/// One direction of a cell.
#[derive(Debug)]
pub struct Cell {
    /// The cell.
    pub id: CellId,
    /// How it works.
    pub parameters: Parameters,
    /// Whose transmissions these are.
    pub direction: LinkDirection,
    /// By number.
    pub subframes: [Subframe; SUBFRAMES],
    /// Number of the subframe with the broadcast block, if the direction has one.
    pub broadcast_at: usize,
    /// How the broadcast block is coded.
    pub broadcast: RateMatch,
    /// Its scrambling sequence, one bit a byte.
    pub broadcast_scrambling: Vec<u8>,
}

impl Cell {
    /// Computes the tables of a cell, some 100 us at 1.4 MHz and 1 ms at 20 MHz.
    pub fn new(id: CellId, parameters: Parameters, direction: LinkDirection) -> Self {
        let subframes = std::array::from_fn(|n| subframe(id, &parameters, direction, n));
        let broadcast_at = parameters.duplex.sync_plan(direction).broadcast_subframe();
        let broadcast = broadcast::rate_match(subframes[broadcast_at].broadcast.len());
        let broadcast_scrambling = broadcast::scrambling(id, broadcast.coded_bits());
        Self { id, parameters, direction, subframes, broadcast_at, broadcast, broadcast_scrambling }
    }

    /// Whether a subframe carries the broadcast block.
    pub fn has_broadcast(&self, number: usize) -> bool {
        !self.subframes[number].broadcast.is_empty()
    }

    /// Works out now what it otherwise would when it is first needed.
    pub fn complete(&self) {
        for subframe in self.subframes.iter().filter(|subframe| subframe.usage == Use::Data) {
            subframe.scrambling();
        }
    }

    /// Its numerology.
    pub fn numerology(&self) -> &Numerology {
        &self.parameters.numerology
    }
}

/// Symbols of a subframe that hold reference signals: the first and the third from the end of each slot.
pub const fn pilot_symbols(prefix: Prefix) -> [usize; PILOT_SYMBOLS] {
    let slot = prefix.slot_symbols();
    [0, slot - 3, slot, 2 * slot - 3]
}

fn subframe(id: CellId, parameters: &Parameters, direction: LinkDirection, number: usize) -> Subframe {
    let n = &parameters.numerology;
    let duplex = parameters.duplex;
    let usage = duplex.usage(direction, number);
    let data = usage == Use::Data;
    let mut taken = vec![!data; n.elements()];
    let pilots = if data { pilots(id, number, n) } else { Vec::new() };
    pilots.iter().for_each(|p| taken[p.element as usize] = true);
    let sync = if usage == Use::Silent { Vec::new() } else { sync_elements(id, parameters, direction, number, &mut taken) };
    let broadcast = if duplex.broadcast(direction, number) { broadcast_elements(n, &mut taken) } else { Vec::new() };
    let free: Vec<u32> = taken.iter().enumerate().filter(|(_, taken)| !**taken).map(|(n, _)| n as u32).collect();
    Subframe {
        usage,
        always_sent: duplex.always_sent(direction, number),
        pilots,
        sync,
        broadcast,
        layout: BlockLayout::new(free.len(), parameters.modulation),
        data: free,
        scrambling: OnceLock::new(),
        scrambling_init: (u32::from(parameters.rnti) << 14) + ((number as u32) << 9) + u32::from(id.number()),
    }
}

/// Cell-specific reference signals, port 0 (36.211, 6.10.1).
fn pilots(id: CellId, subframe: usize, n: &Numerology) -> Vec<KnownElement> {
    let (width, blocks) = (n.subcarriers(), n.bandwidth.resource_blocks());
    let shift = usize::from(id.number()) % PILOT_SPACING;
    let mut out = Vec::with_capacity(PILOT_SYMBOLS * width / PILOT_SPACING);
    for symbol in pilot_symbols(n.prefix) {
        let (slot, l) = (2 * subframe + symbol / n.slot_symbols(), symbol % n.slot_symbols());
        let n_cell = u32::from(id.number());
        let normal = u32::from(n.prefix == Prefix::Normal);
        let c_init = (1 << 10) * (7 * (slot as u32 + 1) + l as u32 + 1) * (2 * n_cell + 1) + 2 * n_cell + normal;
        let mut bits = Gold::new(c_init).skip(2 * (MAX_RESOURCE_BLOCKS - blocks));
        let v = if l == 0 { 0 } else { PILOT_COMB };
        for m in 0..2 * blocks {
            let k = PILOT_SPACING * m + (v + shift) % PILOT_SPACING;
            let mut sign = || FRAC_1_SQRT_2 * (1.0 - 2.0 * f32::from(bits.next().unwrap_or(0)));
            let re = sign();
            out.push(KnownElement { element: (symbol * width + k) as u32, value: Complex32::new(re, sign()) });
        }
    }
    out
}

/// The six middle resource blocks of a symbol.
fn middle(n: &Numerology, symbol: usize) -> std::ops::Range<usize> {
    let centre = symbol * n.subcarriers() + n.subcarriers() / 2;
    centre - broadcast::SUBCARRIERS / 2..centre + broadcast::SUBCARRIERS / 2
}

fn sync_elements(
    id: CellId,
    parameters: &Parameters,
    direction: LinkDirection,
    number: usize,
    taken: &mut [bool],
) -> Vec<KnownElement> {
    let n = &parameters.numerology;
    let plan = parameters.duplex.sync_plan(direction);
    let first = sync_signals::first_subcarrier(n);
    let mut out = Vec::new();
    let mut place = |symbol: usize, signal: &[Complex32]| {
        let base = symbol * n.subcarriers() + first;
        out.extend(signal.iter().enumerate().map(|(k, value)| KnownElement { element: (base + k) as u32, value: *value }));
        taken[middle(n, symbol)].fill(true);
    };
    if plan.primary_half(number).is_some() {
        place(plan.primary_symbol(n), &sync_signals::pss(id.sector()));
    }
    if let Some(half) = plan.secondary_half(number) {
        let signal = SecondarySignals::default().sss(id, half == 1).map(|x| Complex32::new(f32::from(x), 0.0));
        place(plan.secondary_symbol(n), &signal);
    }
    out
}

/// The middle of the first four symbols of the second slot, without the reference signals.
fn broadcast_elements(n: &Numerology, taken: &mut [bool]) -> Vec<u32> {
    let symbols = (0..broadcast::SYMBOLS).map(|s| n.slot_symbols() + s);
    let free: Vec<usize> = symbols.flat_map(|symbol| middle(n, symbol)).filter(|element| !taken[*element]).collect();
    free.iter().for_each(|element| taken[*element] = true);
    free.into_iter().map(|element| element as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phy::duplex::Duplex;
    use crate::phy::modulation::Modulation;
    use crate::phy::numerology::Bandwidth;

    fn cell(id: u16, bandwidth: Bandwidth, prefix: Prefix, duplex: Duplex, direction: LinkDirection) -> Cell {
        let numerology = Numerology::new(bandwidth, prefix);
        Cell::new(CellId::new(id).unwrap(), Parameters { numerology, duplex, modulation: Modulation::Qpsk, rnti: 61 }, direction)
    }

    #[test]
    fn no_element_is_used_twice_and_none_is_forgotten() {
        for id in [0, 1, 5, 503] {
            for (prefix, duplex) in [(Prefix::Normal, Duplex::Fdd), (Prefix::Extended, Duplex::Tdd { assignment: 4 })] {
                for direction in [LinkDirection::Down, LinkDirection::Up] {
                    let cell = cell(id, Bandwidth::Mhz3, prefix, duplex, direction);
                    for (number, s) in cell.subframes.iter().enumerate() {
                        let known = s.pilots.iter().chain(&s.sync).map(|k| k.element);
                        let mut all: Vec<_> = known.chain(s.data.iter().chain(&s.broadcast).copied()).collect();
                        let count = all.len();
                        all.sort_unstable();
                        all.dedup();
                        assert_eq!(all.len(), count, "cell {id} subframe {number}");
                        if s.usage == Use::Data {
                            // The five subcarriers beside each synchronisation signal stay empty.
                            assert_eq!(count + s.sync.len() / sync_signals::LENGTH * 10, cell.numerology().elements());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_middle_is_the_same_at_every_bandwidth() {
        let of = |bandwidth| {
            let cell = cell(77, bandwidth, Prefix::Normal, Duplex::Fdd, LinkDirection::Down);
            let n = *cell.numerology();
            let at = |e: u32| (e as usize / n.subcarriers(), n.offset(e as usize % n.subcarriers()));
            let first = &cell.subframes[0];
            let known: Vec<_> = first
                .pilots
                .iter()
                .chain(&first.sync)
                .map(|k| (at(k.element), (k.value * 100.0).re as i32))
                .filter(|((_, f), _)| f.abs() <= 36)
                .collect();
            (known, first.broadcast.iter().map(|e| at(*e)).collect::<Vec<_>>())
        };
        for bandwidth in Bandwidth::ALL {
            assert_eq!(of(bandwidth), of(Bandwidth::Mhz1_4), "{bandwidth:?}");
        }
    }

    #[test]
    fn pilots_have_amplitude_one_and_differ_between_subframes_and_cells() {
        let [a, b] = [12, 18].map(|id| cell(id, Bandwidth::Mhz1_4, Prefix::Normal, Duplex::Fdd, LinkDirection::Down));
        assert!(a.subframes[3].pilots.iter().all(|p| (p.value.norm() - 1.0).abs() < 1e-6));
        let same =
            |x: &Subframe, y: &Subframe| x.pilots.iter().zip(&y.pilots).filter(|(p, q)| (p.value - q.value).norm() < 0.1).count();
        assert!(same(&a.subframes[1], &a.subframes[2]) < 24);
        assert!(same(&a.subframes[1], &b.subframes[1]) < 24);
    }
}
