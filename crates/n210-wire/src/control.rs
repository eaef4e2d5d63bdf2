//! Control packets, port 49152: exactly 36 bytes each way, one request and one reply.

use std::net::Ipv4Addr;

use super::{WireError, put, word};

/// Bytes of every control packet; an echo reply may be longer, its first 36 bytes are one.
pub const LENGTH: usize = 36;

/// The protocol version that firmware 12.4 speaks and UHD 4.3 accepts.
pub const VERSION: u32 = 12;

/// Most data bytes of one I2C transaction.
pub const I2C_MAX: usize = 20;

/// A control packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Protocol version; a host that does not know the device's sends 0 and a hello.
    pub version: u32,
    /// Chosen by the host, repeated by the device.
    pub sequence: u32,
    /// What is asked or answered.
    pub message: Message,
}

/// What a control packet says; `...Done` and `...Reply` are answers, the others requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Discovery.
    Hello,
    /// Answer to a hello, with the device's address.
    HelloReply(Ipv4Addr),
    /// Read `count` bytes from the I2C device.
    I2cRead {
        /// 7-bit address.
        address: u8,
        /// Bytes wanted, at most [`I2C_MAX`].
        count: u8,
    },
    /// What was read.
    I2cReadDone(I2cData),
    /// Write bytes to the I2C device.
    I2cWrite {
        /// 7-bit address.
        address: u8,
        /// The bytes.
        data: I2cData,
    },
    /// Written.
    I2cWriteDone,
    /// One SPI transaction (hosts of an N210 use the fast control port instead).
    Spi {
        /// One bit per slave.
        slaves: u32,
        /// Bits to shift out.
        data: u32,
        /// MISO edge, MOSI edge (`r` or `f`), bit count, read back.
        shape: [u8; 4],
    },
    /// SPI bits read back.
    SpiDone(u32),
    /// Register access.
    Register {
        /// Byte address, or index of a firmware register.
        address: u32,
        /// Value to write.
        data: u32,
        /// What to do.
        action: Action,
    },
    /// Value read; also acknowledges a write.
    RegisterDone(u32),
    /// Ask for a reply datagram of this length: how hosts find the path's MTU.
    Echo(u32),
    /// Length in bytes of the datagram that asked.
    EchoReply(u32),
    /// Answer to a request that the device does not understand.
    NotUnderstood,
    /// Any other id.
    Other(u32),
}

/// Up to [`I2C_MAX`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct I2cData {
    bytes: [u8; I2C_MAX],
    count: u8,
}

impl I2cData {
    /// The first [`I2C_MAX`] of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut data = Self::default();
        for (slot, byte) in data.bytes.iter_mut().zip(bytes) {
            *slot = *byte;
            data.count += 1;
        }
        data
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.count)]
    }
}

/// What a register request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read a 32-bit word of the FPGA.
    Read,
    /// Read a 16-bit half of the FPGA.
    ReadHalf,
    /// Write a 32-bit word of the FPGA.
    Write,
    /// Write a 16-bit half of the FPGA.
    WriteHalf,
    /// Read a firmware register; the address is its index.
    FirmwareRead,
    /// Write a firmware register.
    FirmwareWrite,
    /// Any other code.
    Other(u8),
}

const ACTIONS: [Action; 6] =
    [Action::Read, Action::ReadHalf, Action::Write, Action::WriteHalf, Action::FirmwareRead, Action::FirmwareWrite];

impl Action {
    fn code(self) -> u8 {
        if let Self::Other(code) = self {
            return code;
        }
        ACTIONS.iter().position(|a| *a == self).map_or(0, |at| at as u8 + 1)
    }

    fn from_code(code: u8) -> Self {
        usize::from(code).checked_sub(1).and_then(|at| ACTIONS.get(at)).copied().unwrap_or(Self::Other(code))
    }
}

impl Control {
    /// A request of the present version.
    pub fn request(sequence: u32, message: Message) -> Self {
        Self { version: VERSION, sequence, message }
    }

    /// The 36 bytes.
    pub fn encode(&self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        let body = put(&mut out, &[self.version, self.message.id(), self.sequence]);
        self.message.fill(body);
        out
    }

    /// Reads the first 36 bytes of a datagram.
    ///
    /// # Errors
    /// The datagram is shorter. [`head`] reads version and sequence of a shorter one.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let packet: &[u8; LENGTH] = bytes.first_chunk().ok_or(WireError::Short { got: bytes.len(), need: LENGTH })?;
        let (version, id, sequence) = (word(packet, 0)?, word(packet, 4)?, word(packet, 8)?);
        Ok(Self { version, sequence, message: Message::decode(id, packet)? })
    }
}

/// Version, id and sequence of a datagram that may be shorter than a control packet; what is missing reads as 0.
pub fn head(bytes: &[u8]) -> (u32, u32, u32) {
    (word(bytes, 0).unwrap_or(0), word(bytes, 4).unwrap_or(0), word(bytes, 8).unwrap_or(0))
}

impl Message {
    /// The ASCII code that names the message on the wire.
    pub fn id(&self) -> u32 {
        u32::from(match self {
            Self::Hello => b'a',
            Self::HelloReply(_) => b'A',
            Self::I2cRead { .. } => b'i',
            Self::I2cReadDone(_) => b'I',
            Self::I2cWrite { .. } => b'h',
            Self::I2cWriteDone => b'H',
            Self::Spi { .. } => b's',
            Self::SpiDone(_) => b'S',
            Self::Register { .. } => b'r',
            Self::RegisterDone(_) => b'R',
            Self::Echo(_) => b'l',
            Self::EchoReply(_) => b'L',
            Self::NotUnderstood => b' ',
            Self::Other(id) => return *id,
        })
    }

    /// Writes the body, 24 bytes that are zero before.
    fn fill(&self, body: &mut [u8]) {
        match *self {
            Self::HelloReply(address) => _ = put(body, &[address.to_bits()]),
            Self::I2cRead { address, count } => body[..2].copy_from_slice(&[address, count]),
            Self::I2cReadDone(data) => fill_i2c(body, 0, data),
            Self::I2cWrite { address, data } => fill_i2c(body, address, data),
            Self::Spi { slaves, data, shape } => put(body, &[slaves, data])[..4].copy_from_slice(&shape),
            Self::SpiDone(data) | Self::RegisterDone(data) => _ = put(body, &[0, data]),
            Self::Register { address, data, action } => put(body, &[address, data])[0] = action.code(),
            Self::Echo(length) | Self::EchoReply(length) => _ = put(body, &[length]),
            Self::Hello | Self::I2cWriteDone | Self::NotUnderstood | Self::Other(_) => {}
        }
    }

    fn decode(id: u32, packet: &[u8; LENGTH]) -> Result<Self, WireError> {
        let (first, second) = (word(packet, 12)?, word(packet, 16)?);
        Ok(match u8::try_from(id) {
            Ok(b'a') => Self::Hello,
            Ok(b'A') => Self::HelloReply(Ipv4Addr::from_bits(first)),
            Ok(b'i') => Self::I2cRead { address: packet[12], count: packet[13] },
            Ok(b'I') => Self::I2cReadDone(i2c_data(packet)),
            Ok(b'h') => Self::I2cWrite { address: packet[12], data: i2c_data(packet) },
            Ok(b'H') => Self::I2cWriteDone,
            Ok(b's') => Self::Spi { slaves: first, data: second, shape: [packet[20], packet[21], packet[22], packet[23]] },
            Ok(b'S') => Self::SpiDone(second),
            Ok(b'r') => Self::Register { address: first, data: second, action: Action::from_code(packet[20]) },
            Ok(b'R') => Self::RegisterDone(second),
            Ok(b'l') => Self::Echo(first),
            Ok(b'L') => Self::EchoReply(first),
            Ok(b' ') => Self::NotUnderstood,
            _ => Self::Other(id),
        })
    }
}

fn fill_i2c(body: &mut [u8], address: u8, data: I2cData) {
    body[..2].copy_from_slice(&[address, data.count]);
    body[2..2 + I2C_MAX].copy_from_slice(&data.bytes);
}

/// A count beyond [`I2C_MAX`] reads as that many.
fn i2c_data(packet: &[u8; LENGTH]) -> I2cData {
    I2cData::new(&packet[14..14 + usize::from(packet[13]).min(I2C_MAX)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messages() -> impl Strategy<Value = Message> {
        let data = || prop::collection::vec(any::<u8>(), 0..=I2C_MAX).prop_map(|v| I2cData::new(&v));
        prop_oneof![
            Just(Message::Hello),
            any::<u32>().prop_map(|a| Message::HelloReply(Ipv4Addr::from_bits(a))),
            any::<(u8, u8)>().prop_map(|(address, count)| Message::I2cRead { address, count }),
            data().prop_map(Message::I2cReadDone),
            (any::<u8>(), data()).prop_map(|(address, data)| Message::I2cWrite { address, data }),
            Just(Message::I2cWriteDone),
            any::<(u32, u32, [u8; 4])>().prop_map(|(slaves, data, shape)| Message::Spi { slaves, data, shape }),
            any::<u32>().prop_map(Message::SpiDone),
            any::<(u32, u32, u8)>().prop_map(|(address, data, code)| Message::Register {
                address,
                data,
                action: Action::from_code(code)
            }),
            any::<u32>().prop_map(Message::RegisterDone),
            any::<u32>().prop_map(Message::Echo),
            any::<u32>().prop_map(Message::EchoReply),
            Just(Message::NotUnderstood),
            (256..=u32::MAX).prop_map(Message::Other),
        ]
    }

    proptest! {
        #[test]
        fn packets_survive_the_round_trip(version: u32, sequence: u32, message in messages()) {
            let packet = Control { version, sequence, message };
            prop_assert_eq!(Control::decode(&packet.encode()), Ok(packet));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(Control::decode(&bytes).is_ok(), bytes.len() >= LENGTH);
            let _ = head(&bytes);
        }
    }

    #[test]
    fn a_discovery_is_36_bytes_that_name_version_id_and_sequence() {
        let bytes = Control::request(0, Message::Hello).encode();
        assert_eq!(bytes[..12], [0, 0, 0, 12, 0, 0, 0, 0x61, 0, 0, 0, 0]);
        assert!(bytes[12..].iter().all(|b| *b == 0));
    }

    #[test]
    fn a_register_write_has_its_action_at_byte_20() {
        let message = Message::Register { address: 0x7048, data: 0xC007_C005, action: Action::Write };
        let bytes = Control::request(7, message).encode();
        assert_eq!(bytes[12..21], [0, 0, 0x70, 0x48, 0xC0, 0x07, 0xC0, 0x05, 3]);
    }
}
