//! The broadcast block (after 3GPP TS 36.211, 6.6): what a terminal that knows nothing has to learn before it can decode data.

use super::code::{Code, RateMatch};
use super::duplex::{ASSIGNMENT_COUNT, Duplex, shares_with_all};
use super::gold::Gold;
use super::modulation::Modulation;
use super::numerology::{Bandwidth, Numerology, Prefix};
use super::parameters::{Parameters, TerminalRole};
use super::sync_signals::CellId;

/// Version of the block's layout.
const VERSION: u8 = 1;

/// Bytes of the block without its CRC.
const PAYLOAD: usize = 13;
/// Frames after which their numbers start again.
pub const FRAMES: u16 = 1024;

/// Symbols of the block: the first of the second slot.
pub const SYMBOLS: usize = 4;
/// Subcarriers of the block: the six middle resource blocks.
pub const SUBCARRIERS: usize = 72;

/// What the block says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broadcast {
    /// How the cell works.
    pub parameters: Parameters,
    /// Who sends it.
    pub role: TerminalRole,
    /// Number of the frame, modulo 1024.
    pub frame: u16,
    /// In a group: over how many hops its frame timing comes from the master; 255 without one. 0 otherwise.
    pub hops: u8,
}

impl Broadcast {
    /// The block's bytes.
    pub fn bytes(&self) -> [u8; PAYLOAD] {
        let p = &self.parameters;
        let (duplex, assignment) = match p.duplex {
            Duplex::Fdd => (1, 0),
            Duplex::Tdd { assignment } => (0, assignment),
            Duplex::Group { assignment } => (2, assignment),
        };
        let ([rnti_high, rnti_low], [frame_high, frame_low]) = (p.rnti.to_be_bytes(), (self.frame % FRAMES).to_be_bytes());
        let prefix = u8::from(p.numerology.prefix == Prefix::Extended);
        let (blocks, modulation) = (p.numerology.bandwidth.resource_blocks() as u8, p.modulation.bits() as u8);
        let role = self.role as u8;
        [VERSION, blocks, prefix, duplex, assignment, modulation, role, rnti_high, rnti_low, frame_high, frame_low, self.hops, 0]
    }

    /// What the bytes say; `None` when they are of another version or hold a value that has no meaning.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let &[VERSION, blocks, prefix, duplex, assignment, bits, role, rnti_high, rnti_low, frame_high, frame_low, hops, ..] =
            bytes
        else {
            return None;
        };
        let bandwidth = Bandwidth::ALL.into_iter().find(|b| b.resource_blocks() == usize::from(blocks))?;
        let prefix = *Prefix::ALL.get(usize::from(prefix))?;
        let duplex = match duplex {
            1 => Duplex::Fdd,
            0 if assignment < ASSIGNMENT_COUNT => Duplex::Tdd { assignment },
            2 if assignment < ASSIGNMENT_COUNT && shares_with_all(assignment) => Duplex::Group { assignment },
            _ => return None,
        };
        let modulation = Modulation::ALL.into_iter().find(|m| m.bits() == usize::from(bits))?;
        let rnti = u16::from_be_bytes([rnti_high, rnti_low]);
        let parameters = Parameters { numerology: Numerology::new(bandwidth, prefix), duplex, modulation, rnti };
        let frame = u16::from_be_bytes([frame_high, frame_low]);
        (frame < FRAMES).then_some(Self { parameters, role: TerminalRole::from_number(role)?, frame, hops })
    }
}

/// How the block lies in `elements` resource elements of QPSK.
pub fn rate_match(elements: usize) -> RateMatch {
    RateMatch::new(Code::Broadcast, Code::Broadcast.info_bytes(), elements * Modulation::Qpsk.bits())
}

/// The block's scrambling (6.6.1): from the cell id alone, since its reader knows no more. Unlike LTE's it starts again in every frame.
pub fn scrambling(cell: CellId, bits: usize) -> Vec<u8> {
    Gold::new(u32::from(cell.number())).take(bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_said_is_understood(bandwidth in prop::sample::select(&Bandwidth::ALL), prefix in prop::sample::select(&Prefix::ALL),
            modulation in prop::sample::select(&Modulation::ALL), assignment in prop::option::of(0..ASSIGNMENT_COUNT), rnti: u16,
            role in 0u8..3, frame in 0..FRAMES, hops: u8, group: bool) {
            let duplex = match assignment {
                None => Duplex::Fdd,
                Some(assignment) if group && shares_with_all(assignment) => Duplex::Group { assignment },
                Some(assignment) => Duplex::Tdd { assignment },
            };
            let parameters = Parameters { numerology: Numerology::new(bandwidth, prefix), duplex, modulation, rnti };
            let said = Broadcast { parameters, role: TerminalRole::from_number(role).unwrap(), frame, hops };
            prop_assert_eq!(Broadcast::read(&said.bytes()), Some(said));
        }

        #[test]
        fn arbitrary_bytes_are_understood_as_they_would_be_said_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Some(read) = Broadcast::read(&bytes) {
                prop_assert_eq!(Broadcast::read(&read.bytes()), Some(read));
            }
        }
    }

    #[test]
    fn the_block_fits_the_elements_of_both_prefixes_with_repetition() {
        for elements in [276, 264] {
            let matching = rate_match(elements);
            assert_eq!((matching.payload_bytes(), matching.coded_bits()), (PAYLOAD, 2 * elements));
        }
    }
}
