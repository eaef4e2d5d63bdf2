//! WBX: 68.75 MHz to 2.2 GHz. Its mixers halve what the synthesizers make.
//!
//! Pins as UHD 4.3.0.0 drives them. UHD's gain of 0 dB, the most attenuation of each direction, counts as gain 1.

use super::ad5623::Ad5623;
use super::adf435x::Power;
use super::gpio::Pins;

/// What the mixers divide the synthesizer's frequency by.
pub const MIXER_DIVIDER: f64 = 2.0;

/// Synthesizer on; on transmit boards of revision 3 and later this pin is one of the attenuator's.
const CHIP_ENABLE: u16 = 1 << 3;
/// Synthesizer's output on; on transmit boards of revision 3 and later the mixer with it.
const OUTPUT: u16 = 1 << 2;
/// Receive: baseband on. Transmit, revision 2: mixer on.
const MIXER: u16 = 1 << 4;
/// 5 V and 3.3 V.
const SUPPLIES: u16 = 1 << 7 | 1 << 6;
/// Transmit: the shared connector is the receiver's. Receive: the second connector is used.
const ANTENNA: u16 = 1 << 15;

const RX_ATTENUATOR: u32 = 8;
const RX_ATTENUATOR_BITS: u16 = 0x3F;
const RX_STEP_DB: f32 = 0.5;

/// Pins of the transmit attenuator of revision 3 and later: a set one takes so many dB away from the attenuation.
const TX_ATTENUATOR: [(u16, f32); 5] = [(1 << 14, 16.0), (1 << 5, 8.0), (1 << 4, 4.0), (1 << 3, 2.0), (1 << 1, 1.0)];

/// Control voltage of revision 2: no gain at the first, the most at the second.
const TX_VOLTS: (f32, f32) = (1.4, 0.5);
const TX_MOST_DB: f32 = 25.0;

/// How the board was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Revision {
    /// Transmit gain by a control voltage.
    V2 = 2,
    /// Transmit gain by an attenuator.
    V3 = 3,
    /// As 3, with ADF4351.
    V4 = 4,
}

impl Revision {
    /// How the receive synthesizer with these pins is powered.
    pub fn rx_power(self, pins: u16) -> Power {
        Power { supplied: pins & SUPPLIES == SUPPLIES, enabled: pins & CHIP_ENABLE != 0 }
    }

    /// How the transmit synthesizer with these pins is powered.
    pub fn tx_power(self, pins: u16) -> Power {
        Power { supplied: pins & SUPPLIES == SUPPLIES, enabled: self > Self::V2 || pins & CHIP_ENABLE != 0 }
    }

    /// Gain in dB from the antenna to the converter; none when the way is cut.
    pub fn receive_db(self, pins: Pins) -> Option<f32> {
        // The shared connector is the transmitter's unless given to the receiver.
        let connected = (pins.rx | pins.tx) & ANTENNA != 0;
        attenuated_receive_db(pins).filter(|_| connected)
    }

    /// Gain in dB from the switch at the shared connector to the converter, if the receiver is at that switch.
    pub fn receive_leak_db(self, pins: Pins) -> Option<f32> {
        attenuated_receive_db(pins).filter(|_| pins.rx & ANTENNA == 0)
    }

    /// Gain in dB from the converter to the antenna, by the pins and the transmit board's voltages; none when the way is cut.
    pub fn transmit_db(self, pins: Pins, voltages: &Ad5623) -> Option<f32> {
        self.transmit_leak_db(pins, voltages).filter(|_| pins.tx & ANTENNA == 0)
    }

    /// Gain in dB from the converter to the switch at the shared connector, wherever it leads.
    pub fn transmit_leak_db(self, pins: Pins, voltages: &Ad5623) -> Option<f32> {
        let on = if self > Self::V2 { OUTPUT } else { OUTPUT | MIXER };
        if pins.tx & on != on {
            return None;
        }
        if self > Self::V2 {
            return Some(TX_ATTENUATOR.iter().filter(|(pin, _)| pins.tx & pin != 0).map(|(_, db)| db).sum());
        }
        let (none, most) = TX_VOLTS;
        Some(((none - voltages.volts(0)) / (none - most) * TX_MOST_DB).clamp(0.0, TX_MOST_DB))
    }
}

fn attenuated_receive_db(pins: Pins) -> Option<f32> {
    let mixes = pins.rx & (OUTPUT | MIXER) == OUTPUT | MIXER;
    mixes.then(|| f32::from(pins.rx >> RX_ATTENUATOR & RX_ATTENUATOR_BITS) * RX_STEP_DB)
}
