//! What is plugged into the FPGA: EEPROMs and daughterboards.

pub mod eeprom;

/// The pair of daughterboards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Board {
    /// LFRX and LFTX.
    #[default]
    Lf,
    /// BasicRX and BasicTX.
    Basic,
    /// SBX.
    Sbx,
    /// WBX.
    Wbx,
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
}
