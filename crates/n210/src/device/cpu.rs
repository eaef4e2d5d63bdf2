//! The firmware: control packets.

use super::Device;
use super::clock::Tick;
use crate::ethernet::outbox::Outbox;
use n210_wire::control::{self, Action, Control, I2C_MAX, I2cData, LENGTH, Message, VERSION};
use n210_wire::register::{readback_address, setting_address};
use n210_wire::{put, rb};

/// Firmware registers.
pub const REGISTERS: usize = 8;

/// FPGA 11.1.
const COMPATIBILITY: u32 = 0x000B_0001;

/// The router hands streams to the FPGA.
const ROUTER_MASTER: u32 = 0x100;

/// What readback words that do not exist read as.
const NOTHING: u32 = 0xFFFF_FFFF;

/// Longest echo reply: the firmware's buffer of 2048 bytes without the headers. Longer ones would be broken.
const LONGEST_ECHO: usize = 2000;

/// An answer: its packet, and how many bytes of it are sent.
pub type Answer = ([u8; LENGTH], usize);

impl Device {
    /// Answers a datagram to the control port; none for an echo that no frame holds.
    pub(super) fn answer(&mut self, request: &[u8], out: &mut Outbox, around: &mut crate::air::Air) -> Option<Answer> {
        let Ok(packet) = Control::decode(request) else {
            let (_, _, sequence) = control::head(request);
            return Some((Control::request(sequence, Message::NotUnderstood).encode(), LENGTH));
        };
        let mut length = LENGTH;
        let reply = match packet.message {
            _ if packet.version != VERSION => Message::HelloReply(self.announced),
            Message::Hello => Message::HelloReply(self.announced),
            Message::I2cRead { address, count } => {
                let mut data = [0; I2C_MAX];
                let data = &mut data[..usize::from(count).min(I2C_MAX)];
                self.bus.read(address, data);
                Message::I2cReadDone(I2cData::new(data))
            }
            Message::I2cWrite { address, data } => {
                self.bus.write(address, data.bytes());
                Message::I2cWriteDone
            }
            Message::Spi { slaves, data, shape } => {
                let received = self.boards.transact(slaves, data, shape, self.now);
                self.follow(self.now);
                Message::SpiDone(received)
            }
            Message::Register { address, data, action } => Message::RegisterDone(self.access(address, data, action, out, around)),
            Message::Echo(wanted) => {
                length = usize::try_from(wanted).ok().filter(|length| *length <= LONGEST_ECHO)?;
                Message::EchoReply(request.len() as u32)
            }
            _ => Message::NotUnderstood,
        };
        Some((Control::request(packet.sequence, reply).encode(), length))
    }

    fn access(&mut self, address: u32, data: u32, action: Action, out: &mut Outbox, air: &mut crate::air::Air) -> u32 {
        let firmware = self.firmware.get_mut(address as usize);
        match (action, firmware) {
            (Action::FirmwareRead, Some(register)) => *register,
            (Action::FirmwareWrite, Some(register)) => {
                *register = data;
                0
            }
            (Action::Read, _) => self.read_address(address),
            (Action::ReadHalf, _) => self.read_address(address & !3) >> (if address & 2 == 0 { 16 } else { 0 }) & 0xFFFF,
            (Action::Write, _) => {
                if let Some(register) = setting(address) {
                    self.write_register(register, data, air, out);
                }
                0
            }
            _ => 0,
        }
    }

    fn read_address(&self, address: u32) -> u32 {
        let is = |word| address == readback_address(word);
        match () {
            () if is(rb::SPI) => self.boards.received(),
            () if is(8) => ROUTER_MASTER,
            () if is(rb::TIME_LOW) => self.time() as u32,
            () if is(rb::COMPATIBILITY) => COMPATIBILITY,
            () if is(rb::STATUS) => self.boards.status(self.now),
            () if (readback_address(0)..=readback_address(15)).contains(&address) => NOTHING,
            () => 0,
        }
    }

    /// A readback word as the fast control port sees it.
    pub(super) fn readback(&self, word: u8) -> u32 {
        match word {
            rb::SPI => self.boards.received(),
            rb::GPIO => self.boards.pins(),
            rb::TIME_HIGH => (self.time() >> 32) as u32,
            rb::TIME_LOW => self.time() as u32,
            // This port has waited for SPI before it reads anything.
            rb::STATUS => self.boards.status(Tick::MAX),
            rb::PPS_TIME_HIGH => (self.clock.last_pps >> 32) as u32,
            rb::PPS_TIME_LOW => self.clock.last_pps as u32,
            _ => NOTHING,
        }
    }
}

/// Number of the setting register at a byte address.
fn setting(address: u32) -> Option<u8> {
    let base = setting_address(0);
    u8::try_from(address.checked_sub(base)? / 4).ok()
}

/// A word of an answer to the 16-byte form of the set-destination packet.
pub fn one_word(value: u32) -> [u8; 4] {
    let mut out = [0; 4];
    put(&mut out, &[value]);
    out
}
