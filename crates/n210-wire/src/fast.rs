//! Fast control, port 49159: register writes and reads in order, at once or at a device time, each acknowledged.

use super::vita::{self, Header, bits};
use super::{WireError, halves, put, word};

/// Bytes of the longest command.
pub const MAX_LENGTH: usize = 24;

/// Bytes of an acknowledgement.
pub const ACK_LENGTH: usize = 16;

/// Commands that the device queues; what more arrives waits in the network.
pub const QUEUE: usize = 64;

const WRITE: u32 = 0x100;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Write a setting register ([`super::sr`]).
    Write {
        /// Its number.
        register: u8,
        /// The value.
        value: u32,
    },
    /// Read a readback word ([`super::rb`]).
    Read {
        /// Its number, 0..=15.
        word: u8,
    },
}

/// One command. A command with a time holds back everything behind it until that time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FastCommand {
    /// Repeated in the acknowledgement.
    pub sequence: u16,
    /// Device time in ticks; none is at once.
    pub at: Option<u64>,
    /// What to do.
    pub operation: Operation,
}

impl FastCommand {
    /// Writes the command into a buffer and returns its part of it.
    pub fn encode<'a>(&self, out: &'a mut [u8; MAX_LENGTH]) -> &'a [u8] {
        let (flags, words) = if self.at.is_some() { (0x4000_0000 | bits::TICKS, 5) } else { (0x4000_0000, 3) };
        let header = vita::header(flags, (self.sequence & 15) as u8, words);
        let mut rest = put(out, &[u32::from(self.sequence), header]);
        if let Some(tick) = self.at {
            rest = put(rest, &halves(tick));
        }
        put(rest, &[self.word(), self.value()]);
        &out[..4 + words * 4]
    }

    /// The command word, as an acknowledgement repeats it.
    pub fn word(&self) -> u32 {
        let what = match self.operation {
            Operation::Write { register, .. } => WRITE | u32::from(register),
            Operation::Read { word } => u32::from(word & 15),
        };
        (u32::from(self.sequence) << 16) | what
    }

    fn value(&self) -> u32 {
        match self.operation {
            Operation::Write { value, .. } => value,
            Operation::Read { .. } => 0,
        }
    }

    /// Reads a command as the device does: the transport word is not looked at, and the VITA type does not matter.
    ///
    /// # Errors
    /// The datagram is shorter than its fields.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let vita = bytes.get(4..).unwrap_or_default();
        let raw = word(vita, 0)?;
        let (payload, at) = prologue(raw, vita)?;
        let (command, value) = (word(vita, payload)?, word(vita, payload + 4)?);
        let operation = if command & WRITE == 0 {
            Operation::Read { word: (command & 15) as u8 }
        } else {
            Operation::Write { register: command as u8, value }
        };
        Ok(Self { sequence: (command >> 16) as u16, at, operation })
    }
}

/// Payload offset and time of a command: its type 0100 has no stream id here, although VITA's has.
fn prologue(raw: u32, vita: &[u8]) -> Result<(usize, Option<u64>), WireError> {
    let mut at = 4;
    at += if raw & bits::DATA_WITH_ID == 0 { 0 } else { 4 };
    at += if raw & bits::CLASS_ID == 0 { 0 } else { 8 };
    at += if raw & bits::INTEGER_TIME == 0 { 0 } else { 4 };
    if raw & bits::FRACTIONAL_TIME == 0 { Ok((at, None)) } else { Ok((at + 8, Some(super::double(vita, at)?))) }
}

/// An acknowledgement, one for each command, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The command's sequence number.
    pub sequence: u16,
    /// Low half of the command word.
    pub command: u16,
    /// The word read; for a write, the readback word that its register number happens to select.
    pub value: u32,
}

impl Ack {
    /// The 16 bytes.
    pub fn encode(&self) -> [u8; ACK_LENGTH] {
        let mut out = [0; ACK_LENGTH];
        let echoed = (u32::from(self.sequence) << 16) | u32::from(self.command);
        let header = vita::header(bits::EXTENSION, (self.sequence & 15) as u8, 4);
        put(&mut out, &[header, 0, echoed, self.value]);
        out
    }

    /// Reads an acknowledgement.
    ///
    /// # Errors
    /// The datagram is short, or no acknowledgement.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let header = Header::parse(bytes)?;
        if header.kind() != bits::EXTENSION || header.tick.is_some() {
            return Err(WireError::Unexpected { field: "acknowledgement header", value: header.raw });
        }
        let echoed = word(bytes, 8)?;
        Ok(Self { sequence: (echoed >> 16) as u16, command: echoed as u16, value: word(bytes, 12)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_be_bytes()).collect()
    }

    #[test]
    fn the_bytes_that_stock_uhd_sends() {
        let mut buffer = [0; MAX_LENGTH];
        let now = FastCommand { sequence: 1, at: None, operation: Operation::Write { register: 20, value: 4 } };
        assert_eq!(now.encode(&mut buffer), words(&[1, 0x4001_0003, 0x0001_0114, 4]));
        let timed = FastCommand { sequence: 0xF0, at: Some(600_000_000), operation: Operation::Write { register: 48, value: 0 } };
        assert_eq!(timed.encode(&mut buffer), words(&[0xF0, 0x4010_0005, 0, 0x23C3_4600, 0x00F0_0130, 0]));
    }

    #[test]
    fn an_acknowledgement_repeats_the_command_word() {
        let ack = Ack { sequence: 0x1234, command: 0x10A, value: 5 };
        assert_eq!(ack.encode().to_vec(), words(&[0x5004_0004, 0, 0x1234_010A, 5]));
    }

    proptest! {
        #[test]
        fn commands_survive_the_round_trip(sequence: u16, at: Option<u64>, register: u8, value: u32, write: bool) {
            let operation =
                if write { Operation::Write { register, value } } else { Operation::Read { word: register & 15 } };
            let command = FastCommand { sequence, at, operation };
            let mut buffer = [0; MAX_LENGTH];
            prop_assert_eq!(FastCommand::decode(command.encode(&mut buffer)), Ok(command));
        }

        #[test]
        fn acknowledgements_survive_the_round_trip(sequence: u16, command: u16, value: u32) {
            let ack = Ack { sequence, command, value };
            prop_assert_eq!(Ack::decode(&ack.encode()), Ok(ack));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (FastCommand::decode(&bytes), Ack::decode(&bytes));
        }
    }
}
