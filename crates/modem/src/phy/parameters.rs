//! What both ends of the air have to agree on, beside the cell id.

use super::duplex::{Duplex, LinkDirection};
use super::modulation::Modulation;
use super::numerology::Numerology;

/// Who a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TerminalRole {
    /// Its own frame timing.
    Master = 0,
    /// Frame timing from the received signal.
    Slave = 1,
    /// As a master, with reference signals in every downlink subframe.
    BaseStation = 2,
}

impl TerminalRole {
    /// The role of a number as workmode has it.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Master),
            1 => Some(Self::Slave),
            2 => Some(Self::BaseStation),
            _ => None,
        }
    }

    /// The direction in which it transmits.
    pub const fn direction(self) -> LinkDirection {
        match self {
            Self::Master | Self::BaseStation => LinkDirection::Down,
            Self::Slave => LinkDirection::Up,
        }
    }
}

/// How a cell works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// Bandwidth and prefix.
    pub numerology: Numerology,
    /// Who transmits when.
    pub duplex: Duplex,
    /// Of the data.
    pub modulation: Modulation,
    /// Part of the scrambling.
    pub rnti: u16,
}
