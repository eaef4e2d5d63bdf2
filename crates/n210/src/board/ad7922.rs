//! AD7922: measures two voltages of a board; on this bench both are 0. Data sheet AD7922, rev. A.

/// Channel and mode bits of the word.
const CHANNEL: u128 = 0x3000;

/// The chip.
#[derive(Debug, Default)]
pub struct Ad7922 {
    asked: u128,
}

impl Ad7922 {
    /// Takes the channel for the next conversion; returns the present one's, 12 bits, with its channel bits.
    pub fn transfer(&mut self, mosi: u128, bits: u32) -> u128 {
        if bits < 16 {
            return 0;
        }
        std::mem::replace(&mut self.asked, mosi & CHANNEL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_answered_one_transfer_later() {
        let mut chip = Ad7922::default();
        assert_eq!(chip.transfer(0x3000, 16), 0);
        assert_eq!(chip.transfer(0, 16), 0x3000);
    }
}
