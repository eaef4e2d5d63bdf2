//! The VITA-49 framing that data, event and fast-control packets share.

use super::{WireError, double, word};

/// Header bits; packet count and length are fields of [`Header`].
pub mod bits {
    /// Packet type, four bits.
    pub const TYPE: u32 = 0xF000_0000;
    /// Type: data with a stream id.
    pub const DATA_WITH_ID: u32 = 0x1000_0000;
    /// Type: the N210's events, errors and acknowledgements.
    pub const EXTENSION: u32 = 0x5000_0000;
    /// A class id (two words) follows the stream id.
    pub const CLASS_ID: u32 = 0x0800_0000;
    /// A trailer word ends the packet.
    pub const TRAILER: u32 = 0x0400_0000;
    /// First packet of a burst (transmit).
    pub const START_OF_BURST: u32 = 0x0200_0000;
    /// Last packet of a burst (transmit).
    pub const END_OF_BURST: u32 = 0x0100_0000;
    /// Any kind of integer time (one word).
    pub const INTEGER_TIME: u32 = 0x00C0_0000;
    /// The fractional time (two words) is a tick count.
    pub const TICKS: u32 = 0x0010_0000;
    /// Any kind of fractional time.
    pub const FRACTIONAL_TIME: u32 = 0x0030_0000;
}

/// Length in words is the low half of the header.
const LENGTH: u32 = 0xFFFF;

/// A parsed prologue: where the payload lies, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The header word as received.
    pub raw: u32,
    /// Stream id, if the type carries one.
    pub stream: Option<u32>,
    /// Tick count, if there is one.
    pub tick: Option<u64>,
    /// Byte offset of the payload from the header word.
    pub payload: usize,
    /// Byte offset of the end of the payload from the header word, before any trailer.
    pub end: usize,
}

impl Header {
    /// Reads the prologue of the packet that starts at the first byte of `bytes`; bytes beyond its length are ignored.
    ///
    /// # Errors
    /// The datagram is shorter than the packet says, or the packet shorter than its own prologue.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let raw = word(bytes, 0)?;
        let length = (raw & LENGTH) as usize * 4;
        if bytes.len() < length {
            return Err(WireError::Short { got: bytes.len(), need: length });
        }
        let mut at = 4;
        // Odd types (0001, 0011, ...) and every type from 0100 on carry a stream id; 0000 and 0010 do not.
        let stream = if raw & bits::TYPE == 0 || raw & bits::TYPE == 0x2000_0000 {
            None
        } else {
            at += 4;
            Some(word(bytes, at - 4)?)
        };
        at += if raw & bits::CLASS_ID == 0 { 0 } else { 8 };
        at += if raw & bits::INTEGER_TIME == 0 { 0 } else { 4 };
        let tick = if raw & bits::FRACTIONAL_TIME == 0 {
            None
        } else {
            at += 8;
            Some(double(bytes, at - 8)?)
        };
        let trailer = if raw & bits::TRAILER == 0 { 0 } else { 4 };
        if length < at + trailer {
            return Err(WireError::Short { got: length, need: at + trailer });
        }
        Ok(Self { raw, stream, tick, payload: at, end: length - trailer })
    }

    /// Packet count, 0..=15.
    pub fn count(&self) -> u8 {
        count(self.raw)
    }

    /// Whether all of `mask` is set in the header word.
    pub fn has(&self, mask: u32) -> bool {
        self.raw & mask == mask
    }

    /// Packet type, masked but not shifted.
    pub fn kind(&self) -> u32 {
        self.raw & bits::TYPE
    }
}

/// Packet count of a header word.
pub fn count(raw: u32) -> u8 {
    ((raw >> 16) & 15) as u8
}

/// A header word: flags, packet count (its low four bits), length in words.
pub fn header(flags: u32, count: u8, words: usize) -> u32 {
    flags | (u32::from(count & 15) << 16) | (words as u32 & LENGTH)
}
