//! Primary and secondary synchronisation signals (3GPP TS 36.211, 6.11): who sends, and where the frame begins.

use std::f32::consts::PI;

use num_complex::Complex32;

use super::numerology::Numerology;

/// Elements of either signal, on the subcarriers -31..-1 and 1..31.
pub const LENGTH: usize = 62;
/// Number of groups.
pub const GROUPS: u16 = 168;
/// Cells in a group.
pub const SECTORS: u16 = 3;

/// Zadoff-Chu roots by id within the group.
const ROOTS: [u16; SECTORS as usize] = [25, 29, 34];
/// Length of the m-sequences.
const M: usize = 31;

/// A physical-layer cell id, 0..=503.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(u16);

impl CellId {
    /// The cell with that number, if there is one.
    pub fn new(id: u16) -> Option<Self> {
        (id < GROUPS * SECTORS).then_some(Self(id))
    }

    /// The cell with that group and id within the group, if there is one.
    pub fn from_parts(group: u16, sector: u16) -> Option<Self> {
        (group < GROUPS && sector < SECTORS).then(|| Self(SECTORS * group + sector))
    }

    /// Number, 0..=503.
    pub fn number(self) -> u16 {
        self.0
    }

    /// N_ID_1, 0..=167.
    pub fn group(self) -> u16 {
        self.0 / SECTORS
    }

    /// N_ID_2, 0..=2.
    pub fn sector(self) -> u16 {
        self.0 % SECTORS
    }
}

/// First subcarrier (counted from the lowest) of the 62 that carry the signals.
pub const fn first_subcarrier(numerology: &Numerology) -> usize {
    (numerology.subcarriers() - LENGTH) / 2
}

/// The primary signal of a sector 0..3.
pub fn pss(sector: u16) -> [Complex32; LENGTH] {
    let root = f32::from(ROOTS[usize::from(sector % SECTORS)]);
    std::array::from_fn(|n| {
        let product = if n < M { n * (n + 1) } else { (n + 1) * (n + 2) };
        // Modulo the period first: the phase of n = 61 has lost its last digits otherwise.
        Complex32::from_polar(1.0, -PI * (root * (product % 126) as f32) / 63.0)
    })
}

/// An m-sequence as +1 and -1; `taps` are the offsets whose sum gives the element five further on.
fn m_sequence(taps: &[usize]) -> [i8; M] {
    let mut x = [0u8; M + 5];
    x[4] = 1;
    for i in 0..M {
        x[i + 5] = taps.iter().map(|t| x[i + t]).sum::<u8>() % 2;
    }
    std::array::from_fn(|i| 1 - 2 * x[i] as i8)
}

/// The two shifts that stand for a group (36.211, 6.11.2.1).
fn shifts(group: u16) -> (usize, usize) {
    let n = usize::from(group);
    let q_prime = n / (M - 1);
    let q = (n + q_prime * (q_prime + 1) / 2) / (M - 1);
    let m_prime = n + q * (q + 1) / 2;
    let m0 = m_prime % M;
    (m0, (m0 + m_prime / M + 1) % M)
}

/// Makes secondary signals; holds the three m-sequences.
#[derive(Debug, Clone)]
pub struct SecondarySignals {
    s: [i8; M],
    c: [i8; M],
    z: [i8; M],
}

impl Default for SecondarySignals {
    fn default() -> Self {
        Self { s: m_sequence(&[0, 2]), c: m_sequence(&[0, 3]), z: m_sequence(&[0, 1, 2, 4]) }
    }
}

impl SecondarySignals {
    /// The secondary signal of a cell in the first (subframe 0) or second (subframe 5) half of the frame, +1 and -1.
    pub fn sss(&self, cell: CellId, second_half: bool) -> [i8; LENGTH] {
        let (m0, m1) = shifts(cell.group());
        let sector = usize::from(cell.sector());
        let (even, odd) = if second_half { (m1, m0) } else { (m0, m1) };
        std::array::from_fn(|i| {
            let n = i / 2;
            if i % 2 == 0 {
                self.s[(n + even) % M] * self.c[(n + sector) % M]
            } else {
                self.s[(n + odd) % M] * self.c[(n + sector + 3) % M] * self.z[(n + even % 8) % M]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correlation(a: &[Complex32], b: &[Complex32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y.conj()).sum::<Complex32>().norm() / a.len() as f32
    }

    #[test]
    fn pss_has_constant_amplitude_and_tells_the_sectors_apart() {
        for a in 0..3 {
            assert!(pss(a).iter().all(|x| (x.norm() - 1.0).abs() < 1e-5));
            for b in 0..3 {
                let c = correlation(&pss(a), &pss(b));
                // Roots 25 and 34 differ by 9, which divides 63: sqrt(9 / 63) = 0.378, the others near sqrt(1 / 63).
                assert!(if a == b { c > 0.999 } else { c < 0.4 }, "sectors {a}, {b}: {c}");
            }
        }
    }

    #[test]
    fn pss_of_roots_29_and_34_are_conjugates_and_each_is_symmetric() {
        assert!(correlation(&pss(1).map(|x| x.conj()), &pss(2)) > 0.999);
        let p = pss(0);
        assert!((0..LENGTH).all(|n| (p[n] - p[LENGTH - 1 - n]).norm() < 1e-4));
    }

    #[test]
    fn shifts_of_known_groups() {
        // 36.211, table 6.11.2.1-1.
        for (group, expected) in [(0, (0, 1)), (29, (29, 30)), (30, (0, 2)), (59, (0, 3)), (100, (13, 17)), (167, (2, 9))] {
            assert_eq!(shifts(group), expected, "group {group}");
        }
    }

    #[test]
    fn every_cell_and_half_frame_has_its_own_secondary_signal() {
        let signals = SecondarySignals::default();
        for sector in 0..SECTORS {
            let all: Vec<_> = (0..GROUPS)
                .flat_map(|group| [false, true].map(|half| signals.sss(CellId::from_parts(group, sector).unwrap(), half)))
                .collect();
            for (i, a) in all.iter().enumerate() {
                for b in &all[..i] {
                    let c: i32 = a.iter().zip(b).map(|(x, y)| i32::from(x * y)).sum();
                    assert!(c.abs() < 50, "sector {sector}: two signals correlate with {c} of {LENGTH}");
                }
            }
        }
    }

    #[test]
    fn ids_beyond_the_table_are_none() {
        assert_eq!(CellId::new(504), None);
        assert_eq!(CellId::from_parts(168, 0), None);
        assert_eq!(CellId::from_parts(0, 3), None);
        assert_eq!(CellId::from_parts(167, 2), CellId::new(503));
    }
}
