//! Update packets, port 49154: how images get into the device's flash memory. 276 bytes each way, one request and one reply.

use std::net::Ipv4Addr;

use super::{WireError, put, word};
use crate::control::VERSION;

/// Bytes of every update packet.
pub const LENGTH: usize = 276;

/// Most bytes that one packet writes or reads.
pub const PAGE: usize = 256;

/// Where ids, the fields behind them and data begin.
const ID_AT: usize = 4;
const BODY_AT: usize = 12;
const LENGTH_AT: usize = 16;
const DATA_AT: usize = 20;

/// What a host asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateRequest<'a> {
    /// Are you there? Stops what streams.
    Hello,
    /// How large are flash memory and its sectors?
    Info,
    /// Which hardware is it?
    HardwareRevision,
    /// Begin to erase all sectors of a range.
    Erase {
        /// First byte.
        address: u32,
        /// Bytes.
        length: u32,
    },
    /// Is it erased?
    EraseDone,
    /// Clear bits.
    Write {
        /// First byte.
        address: u32,
        /// At most [`PAGE`] bytes.
        data: &'a [u8],
    },
    /// Read.
    Read {
        /// First byte.
        address: u32,
        /// Bytes, at most [`PAGE`].
        length: usize,
    },
    /// Start anew. There is no reply.
    Reset,
    /// Anything else, and what is too short.
    NotUnderstood,
}

/// What the device answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateReply<'a> {
    /// It is there, and has that address.
    Hello(Ipv4Addr),
    /// Bytes of a sector, and of flash memory.
    Info {
        /// Bytes of a sector.
        sector: u32,
        /// Bytes of flash memory.
        memory: u32,
    },
    /// The two bytes of the hardware code, in the order in which the EEPROM holds them.
    HardwareRevision([u8; 2]),
    /// It erases.
    Erasing,
    /// Whether it has erased.
    EraseDone(bool),
    /// Written.
    Written,
    /// What was read.
    Data(&'a [u8]),
    /// It did not understand.
    NotUnderstood,
}

impl<'a> UpdateRequest<'a> {
    /// What a datagram asks. The firmware looks at neither version nor sequence number.
    pub fn decode(bytes: &'a [u8]) -> Self {
        Self::read(bytes).unwrap_or(Self::NotUnderstood)
    }

    fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let data = bytes.get(DATA_AT..LENGTH).ok_or(WireError::Short { got: bytes.len(), need: LENGTH })?;
        let (address, length) = (word(bytes, BODY_AT)?, word(bytes, LENGTH_AT)?);
        let page = usize::try_from(length).unwrap_or(PAGE).min(PAGE);
        Ok(match u8::try_from(word(bytes, ID_AT)?) {
            Ok(b'a') => Self::Hello,
            Ok(b'f') => Self::Info,
            Ok(b'v') => Self::HardwareRevision,
            Ok(b'e') => Self::Erase { address, length },
            Ok(b'd') => Self::EraseDone,
            Ok(b'w') => Self::Write { address, data: &data[..page] },
            Ok(b'r') => Self::Read { address, length: page },
            Ok(b's') => Self::Reset,
            _ => Self::NotUnderstood,
        })
    }
}

impl UpdateReply<'_> {
    /// The 276 bytes.
    pub fn encode(&self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        let (id, words): (u8, [u32; 2]) = match self {
            Self::Hello(ip) => (b'A', [ip.to_bits(), 0]),
            Self::Info { sector, memory } => (b'F', [*sector, *memory]),
            Self::HardwareRevision(code) => (b'V', [u32::from(u16::from_be_bytes(*code)), 0]),
            Self::Erasing => (b'E', [0, 0]),
            Self::EraseDone(true) => (b'D', [0, 0]),
            Self::EraseDone(false) => (b'B', [0, 0]),
            Self::Written => (b'W', [0, 0]),
            Self::Data(_) => (b'R', [0, 0]),
            Self::NotUnderstood => (b' ', [0, 0]),
        };
        put(&mut out, &[VERSION, id.into(), 0, words[0], words[1]]);
        if let Self::Data(data) = self {
            let shared = data.len().min(PAGE);
            out[DATA_AT..DATA_AT + shared].copy_from_slice(&data[..shared]);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: u8, words: [u32; 2]) -> [u8; LENGTH] {
        let mut out = [7; LENGTH];
        put(&mut out, &[0, id.into(), 99, words[0], words[1]]);
        out
    }

    #[test]
    fn requests_are_told_apart() {
        for (id, wanted) in [
            (b'a', UpdateRequest::Hello),
            (b'f', UpdateRequest::Info),
            (b'v', UpdateRequest::HardwareRevision),
            (b'e', UpdateRequest::Erase { address: 0x18_0000, length: 5 }),
            (b'd', UpdateRequest::EraseDone),
            (b'w', UpdateRequest::Write { address: 0x18_0000, data: &[7; 5] }),
            (b'r', UpdateRequest::Read { address: 0x18_0000, length: 5 }),
            (b's', UpdateRequest::Reset),
            (b'x', UpdateRequest::NotUnderstood),
        ] {
            let packet = request(id, [0x18_0000, 5]);
            assert_eq!(UpdateRequest::decode(&packet), wanted, "{}", char::from(id));
            assert_eq!(UpdateRequest::decode(&packet[..LENGTH - 1]), UpdateRequest::NotUnderstood);
        }
        let long = request(b'r', [0, u32::MAX]);
        assert_eq!(UpdateRequest::decode(&long), UpdateRequest::Read { address: 0, length: PAGE });
        assert_eq!(UpdateRequest::decode(&request(b'a', [0, 0]).map(|_| 0xFF)), UpdateRequest::NotUnderstood);
    }

    #[test]
    fn replies_have_their_ids_and_fields() {
        let word = |reply: UpdateReply, at: usize| super::word(&reply.encode(), at).unwrap();
        assert_eq!(word(UpdateReply::Hello(Ipv4Addr::new(192, 168, 10, 2)), BODY_AT), 0xC0A8_0A02);
        assert_eq!(word(UpdateReply::HardwareRevision([0x11, 0x0A]), BODY_AT), 0x110A);
        assert_eq!(word(UpdateReply::Info { sector: 1, memory: 2 }, LENGTH_AT), 2);
        assert_eq!([true, false].map(|done| word(UpdateReply::EraseDone(done), ID_AT)), [b'D', b'B'].map(u32::from));
        let data = UpdateReply::Data(&[1, 2, 3]).encode();
        assert_eq!((data[7], &data[DATA_AT..DATA_AT + 4]), (b'R', &[1, 2, 3, 0][..]));
    }
}
