//! Which of the radio's two receive chains a process uses.

use n210_wire::{port, sr, stream_rx};

/// A receive chain of the radio: equal, and independent of the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RxChain {
    /// DSP 0, the first choice.
    #[default]
    Zero,
    /// DSP 1.
    One,
}

impl RxChain {
    /// The chain of a number.
    ///
    /// # Errors
    /// A sentence for a number that no chain has.
    pub fn new(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Self::Zero),
            1 => Ok(Self::One),
            _ => Err(format!("the radio has receive chains 0 and 1, and no chain {number}")),
        }
    }

    /// 0 or 1.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Zero => Self::One,
            Self::One => Self::Zero,
        }
    }

    /// The radio's port of its stream.
    pub const fn port(self) -> u16 {
        match self {
            Self::Zero => port::RX0,
            Self::One => port::RX1,
        }
    }

    /// Its register, by the number that this has for chain 0.
    pub const fn register(self, of_zero: u8) -> u8 {
        of_zero + self.number() * sr::RX1_OFFSET
    }

    /// Its stream id.
    pub const fn stream_id(self) -> u32 {
        stream_rx::STREAM_ID + self.number() as u32
    }
}
