//! Wakes converters up that a program's clean exit has put to sleep: a UHD program takes the power from them when it ends, and the
//! radio then streams zeros (docs/n210.md, "Boards").
//!
//! Boards with an oscillator of their own lose more than this gives back (its words, clocks and pins): they need an initialisation.

use std::time::Instant;

use super::control::{ControlPort, Write};
use n210_wire::sr;

/// Where the EEPROM has the hardware code, and the codes of revision 4 (N200, N210): the receive converter's interface differs.
const HARDWARE_CODE: u8 = 0;
const REVISION_4: [u16; 2] = [0x0A10, 0x0A11];

/// What SPI is told about a chip: mask, bits, edges; bits of a word.
struct Chip {
    control: u32,
    bits: u32,
}

const CLOCK: Chip = Chip { control: 0x5800_0001, bits: 24 };
const TRANSMIT_CONVERTER: Chip = Chip { control: 0x5000_0002, bits: 16 };
const RECEIVE_CONVERTER: Chip = Chip { control: 0x9000_0100, bits: 16 };

/// AD9510: reference pump, outputs to both converters, and "take these over".
const CLOCK_WORDS: [u32; 4] = [0x00_0847, 0x00_3F08, 0x00_3E00, 0x00_5A01];
/// AD9777: both channels on.
const TRANSMIT_WORDS: [u32; 1] = [0x0004];
/// ADS62P44: on, by revision.
const RECEIVE_WORD: u32 = 0x1410;
const RECEIVE_WORD_REVISION_4: u32 = 0x14B0;

/// Gives the converters power and clocks; nothing changes where they have them.
///
/// # Errors
/// A sentence when the radio does not answer before `deadline`.
pub fn wake(control: &mut ControlPort, deadline: Instant) -> Result<(), String> {
    let code = control.read_eeprom(HARDWARE_CODE, deadline)?;
    for write in writes(code) {
        // One at a time: a word must not come while the last is still on its way to its chip.
        control.write(&[write], deadline)?;
    }
    Ok(())
}

fn writes(hardware_code: u16) -> Vec<Write> {
    let receive = if REVISION_4.contains(&hardware_code) { RECEIVE_WORD_REVISION_4 } else { RECEIVE_WORD };
    let chips = [(CLOCK, &CLOCK_WORDS[..]), (TRANSMIT_CONVERTER, &TRANSMIT_WORDS[..]), (RECEIVE_CONVERTER, &[receive])];
    let words = chips.iter().flat_map(|(chip, words)| {
        let data = words.iter().map(|word| (sr::SPI_DATA, word << (32 - chip.bits)));
        std::iter::once((sr::SPI_CONTROL, chip.control)).chain(data)
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_to_their_chips() {
        let words = writes(0x0A11);
        assert_eq!(words[..2], [(21, 0x5800_0001), (22, 0x0008_4700)]);
        assert_eq!(words[5..], [(21, 0x5000_0002), (22, 0x0004_0000), (21, 0x9000_0100), (22, 0x14B0_0000)]);
        assert_eq!(writes(0x0A01).last(), Some(&(22, 0x1410_0000)));
    }
}
