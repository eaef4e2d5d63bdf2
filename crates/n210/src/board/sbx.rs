//! SBX: 400 MHz to 4.4 GHz, a synthesizer for each direction, an attenuator of 31.5 dB in each.
//!
//! Pins as UHD 4.3.0.0 drives them. Its gain of 0 dB is the attenuators' 31.5 dB, and counts as gain 1.

use super::adf435x::Power;
use super::gpio::Pins;

/// Synthesizer on.
const CHIP_ENABLE: u16 = 1 << 3;
/// Synthesizer's output on.
const OUTPUT: u16 = 1 << 2;
/// Transmit: the mixer is on. Receive: mixer and baseband are off.
const MIXER: u16 = 1 << 4;
/// The direction is without power.
const NO_POWER: u16 = 1 << 5;
/// Transmit: the shared connector leads out. Receive: the second connector is used, not the shared one.
const ANTENNA: u16 = 1 << 14;

const ATTENUATOR: u32 = 8;
const ATTENUATOR_BITS: u16 = 0x3F;
const STEP_DB: f32 = 0.5;

/// How the synthesizer of a direction with these pins is powered.
pub fn power(pins: u16) -> Power {
    Power { supplied: pins & NO_POWER == 0, enabled: pins & CHIP_ENABLE != 0 }
}

fn attenuator_db(pins: u16) -> f32 {
    f32::from(pins >> ATTENUATOR & ATTENUATOR_BITS) * STEP_DB
}

/// Gain in dB from the antenna to the converter; none when the way is cut.
pub fn receive_db(pins: Pins) -> Option<f32> {
    let mixes = pins.rx & (OUTPUT | MIXER) == OUTPUT;
    // The shared connector is the transmitter's while that leads out: then only its own leakage is received.
    let connected = pins.rx & ANTENNA != 0 || pins.tx & ANTENNA == 0;
    (mixes && connected).then(|| attenuator_db(pins.rx))
}

/// Gain in dB from the converter to the antenna; none when the way is cut.
pub fn transmit_db(pins: Pins) -> Option<f32> {
    let mixes = pins.tx & (OUTPUT | MIXER) == OUTPUT | MIXER;
    (mixes && pins.tx & ANTENNA != 0).then(|| attenuator_db(pins.tx))
}

/// Gain in dB from the switch at the shared connector to the converter, if the receiver is at that switch.
pub fn receive_leak_db(pins: Pins) -> Option<f32> {
    let mixes = pins.rx & (OUTPUT | MIXER) == OUTPUT;
    (mixes && pins.rx & ANTENNA == 0).then(|| attenuator_db(pins.rx))
}

/// Gain in dB from the converter to that switch, wherever it leads.
pub fn transmit_leak_db(pins: Pins) -> Option<f32> {
    (pins.tx & (OUTPUT | MIXER) == OUTPUT | MIXER).then(|| attenuator_db(pins.tx))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_connector_is_the_transmitters_while_it_leads_out() {
        for (pins, gain) in [(0x0000_0004, Some(0.0)), (0x4000_0004, None), (0x4000_4004, Some(0.0)), (0x0000_0014, None)] {
            assert_eq!(receive_db(Pins::from(pins)), gain, "{pins:#010x}");
        }
    }
}
