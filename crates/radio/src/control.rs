//! The host's end of the control port: hello and register writes, repeated until the radio has answered.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use super::sockets;
use n210_wire::control::{Action, Control, I2cData, LENGTH, Message};
use n210_wire::port;
use n210_wire::register::{readback_address, setting_address};

/// Register writes under way at once. The radio's processor keeps a few datagrams; beyond that it drops them.
const OUTSTANDING: usize = 8;

/// How long an answer may take before the group is sent again. The radio's processor takes well under a millisecond.
const PATIENCE: Duration = Duration::from_millis(50);

/// I2C address of the motherboard's EEPROM.
const EEPROM: u8 = 0x50;

/// Answers to a group of requests, each at its request's place.
type Answers = [Message; OUTSTANDING];

/// A setting register and its value.
pub type Write = (u8, u32);

/// A conversation with the radio's control port.
#[derive(Debug)]
pub struct ControlPort {
    socket: UdpSocket,
    device: Ipv4Addr,
    sequence: u32,
}

impl ControlPort {
    /// Makes the socket; says nothing yet.
    ///
    /// # Errors
    /// Of the system.
    pub fn make(device: Ipv4Addr) -> io::Result<Self> {
        Ok(Self { socket: sockets::make()?, device, sequence: 0 })
    }

    /// A conversation on a socket that is connected to the radio's control port.
    pub fn over(socket: UdpSocket, device: Ipv4Addr) -> Self {
        Self { socket, device, sequence: 0 }
    }

    /// Takes the address that this host has towards the radio now.
    ///
    /// # Errors
    /// There is no route.
    pub fn connect(&self) -> io::Result<()> {
        sockets::connect(&self.socket, self.device, port::CONTROL)
    }

    /// Says hello, which also puts this host into the radio's ARP cache.
    ///
    /// # Errors
    /// A sentence when nothing answers before `deadline`.
    pub fn hello(&mut self, deadline: Instant) -> Result<(), String> {
        self.exchange(&[Message::Hello], deadline).map(drop).map_err(|why| self.sentence("a hello", &why))
    }

    /// Writes setting registers in order, and returns when the radio has acknowledged all.
    ///
    /// # Errors
    /// A sentence when acknowledgements are missing at `deadline`.
    pub fn write(&mut self, writes: &[Write], deadline: Instant) -> Result<(), String> {
        let mut group = [Message::Hello; OUTSTANDING];
        for writes in writes.chunks(OUTSTANDING) {
            for (slot, (register, data)) in group.iter_mut().zip(writes) {
                *slot = written(*register, *data);
            }
            self.exchange(&group[..writes.len()], deadline)
                .map_err(|why| self.sentence(&format!("writes to registers {}..", writes[0].0), &why))?;
        }
        Ok(())
    }

    /// Sends register writes, and neither waits for their acknowledgements nor repeats them.
    ///
    /// # Errors
    /// Of the socket.
    pub fn post(&mut self, writes: &[Write]) -> io::Result<()> {
        for (register, data) in writes {
            self.sequence = self.sequence.wrapping_add(1);
            self.socket.send(&Control::request(self.sequence, written(*register, *data)).encode())?;
        }
        Ok(())
    }

    /// Reads a readback word.
    ///
    /// # Errors
    /// A sentence when the radio does not answer before `deadline`.
    pub fn read(&mut self, word: u8, deadline: Instant) -> Result<u32, String> {
        self.peek(readback_address(word), Action::Read, deadline)
    }

    /// Reads a register of the firmware.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_firmware(&mut self, register: u32, deadline: Instant) -> Result<u32, String> {
        self.peek(register, Action::FirmwareRead, deadline)
    }

    fn peek(&mut self, address: u32, action: Action, deadline: Instant) -> Result<u32, String> {
        let request = Message::Register { address, data: 0, action };
        let answers = self.exchange(&[request], deadline).map_err(|why| self.sentence("a question for its state", &why))?;
        match answers[0] {
            Message::RegisterDone(value) => Ok(value),
            _ => Err(format!("the radio at {} does not understand a question for its state", self.device)),
        }
    }

    /// Reads two bytes of the motherboard's EEPROM, the lower first.
    ///
    /// # Errors
    /// A sentence when the radio does not answer before `deadline`.
    pub fn read_eeprom(&mut self, at: u8, deadline: Instant) -> Result<u16, String> {
        let mut bytes = [0; 2];
        for (at, byte) in (at..).zip(&mut bytes) {
            let requests =
                [Message::I2cWrite { address: EEPROM, data: I2cData::new(&[at]) }, Message::I2cRead { address: EEPROM, count: 1 }];
            let answers = self.exchange(&requests, deadline).map_err(|why| self.sentence("a question to its EEPROM", &why))?;
            if let Message::I2cReadDone(data) = answers[1] {
                *byte = data.bytes().first().copied().unwrap_or(u8::MAX);
            }
        }
        Ok(u16::from_le_bytes(bytes))
    }

    fn sentence(&self, what: &str, why: &io::Error) -> String {
        let (device, port) = (self.device, port::CONTROL);
        match why.kind() {
            io::ErrorKind::TimedOut => format!("the radio at {device} does not answer {what} on its control port {port}"),
            io::ErrorKind::ConnectionRefused => format!("nothing listens on the radio's control port {port} at {device}"),
            _ => format!("{what} cannot be sent to the radio at {device}: {why}"),
        }
    }

    /// Sends requests and waits for all answers. An incomplete group is sent again as a whole, so that the radio always sees its
    /// requests in order; every request of ours may be repeated.
    fn exchange(&mut self, requests: &[Message], deadline: Instant) -> io::Result<Answers> {
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        loop {
            match self.attempt(requests, deadline) {
                Ok(Some(answers)) => return Ok(answers),
                Ok(None) => {}
                // The port may open in a moment: the radio is still starting, or the ICMP belongs to an earlier packet.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                    last = e;
                    std::thread::sleep(PATIENCE.min(deadline.saturating_duration_since(Instant::now())));
                }
                Err(e) => return Err(e),
            }
            if Instant::now() >= deadline {
                return Err(last);
            }
        }
    }

    /// One attempt; the answers, if all came.
    fn attempt(&mut self, requests: &[Message], deadline: Instant) -> io::Result<Option<Answers>> {
        let first = self.sequence.wrapping_add(1);
        for request in requests {
            self.sequence = self.sequence.wrapping_add(1);
            self.socket.send(&Control::request(self.sequence, *request).encode())?;
        }
        let until = deadline.min(Instant::now() + PATIENCE);
        let all = (1_u32 << requests.len()) - 1;
        let (mut answered, mut answers) = (0, [Message::Hello; OUTSTANDING]);
        while answered != all {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            let mut bytes = [0; LENGTH];
            match self.socket.recv(&mut bytes) {
                Ok(count) => {
                    if let Some((at, message)) = answer(&bytes[..count], first, requests) {
                        answered |= 1 << at;
                        answers[at] = message;
                    }
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Some(answers))
    }
}

fn written(register: u8, data: u32) -> Message {
    Message::Register { address: setting_address(register), data, action: Action::Write }
}

/// The place of the request that a datagram answers, and what it says; none for strangers and for answers to earlier attempts.
fn answer(bytes: &[u8], first: u32, requests: &[Message]) -> Option<(usize, Message)> {
    let Control { sequence, message, .. } = Control::decode(bytes).ok()?;
    let at = sequence.wrapping_sub(first) as usize;
    let fits = matches!(
        (requests.get(at), message),
        (Some(Message::Hello), Message::HelloReply(_))
            | (Some(Message::Register { .. }), Message::RegisterDone(_))
            | (Some(Message::I2cWrite { .. }), Message::I2cWriteDone)
            | (Some(Message::I2cRead { .. }), Message::I2cReadDone(_))
    );
    fits.then_some((at, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_request_counts() {
        let write = Message::Register { address: setting_address(40), data: 0, action: Action::Write };
        let requests = [Message::Hello, write];
        let bytes = |sequence, message| Control::request(sequence, message).encode();
        assert_eq!(answer(&bytes(7, Message::HelloReply(Ipv4Addr::LOCALHOST)), 7, &requests).map(|(at, _)| at), Some(0));
        assert_eq!(answer(&bytes(8, Message::RegisterDone(0)), 7, &requests), Some((1, Message::RegisterDone(0))));
        for (sequence, message) in [
            (7, Message::RegisterDone(0)),
            (8, Message::NotUnderstood),
            (9, Message::RegisterDone(0)),
            (6, Message::RegisterDone(0)),
        ] {
            assert_eq!(answer(&bytes(sequence, message), 7, &requests), None);
        }
        assert_eq!(answer(&[], 7, &requests), None);
    }
}
