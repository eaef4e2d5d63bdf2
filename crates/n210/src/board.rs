//! What is plugged into the FPGA: EEPROMs, converters, daughterboards, GPSDO. One file for each chip and each kind of board.

mod ad5623;
mod ad7922;
mod ad9510;
mod ad9777;
mod adf435x;
mod ads62p44;
mod corrections;
pub mod eeprom;
pub mod flash;
pub mod given_identity;
pub mod gpio;
pub mod gpsdo;
pub mod impairments;
mod register_file;
mod sbx;
pub mod slots;
mod spi;
mod wbx;

use crate::device::pipeline::Timing;

/// The pair of daughterboards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Board {
    /// LFRX and LFTX.
    #[default]
    Lf,
    /// BasicRX and BasicTX.
    Basic,
    /// SBX, revision 3.
    Sbx,
    /// SBX, revision 4.
    SbxV4,
    /// WBX, revision 3.
    Wbx,
    /// WBX, revision 2.
    WbxV2,
    /// WBX, revision 4.
    WbxV4,
    /// Empty slots.
    None,
}

/// State of the EEPROMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Programming {
    /// As shipped.
    #[default]
    Programmed,
    /// All bytes 0xFF.
    Unprogrammed,
    /// The receive and the transmit board are of different kinds.
    Mismatched,
}

/// What a radio is fitted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Equipment {
    /// Its daughterboards.
    pub board: Board,
    /// Its EEPROMs.
    pub eeprom: Programming,
    /// A GPS disciplined oscillator answers on its serial line.
    pub gpsdo: bool,
    /// Whose timing it has.
    pub timing: Timing,
}
