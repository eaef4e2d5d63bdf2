//! The firmware: images for the flash memory.

use super::Device;
use super::router::FrameOrigin;
use crate::board::flash::{MEMORY, SECTOR};
use crate::ethernet::outbox::Outbox;
use n210_wire::port;
use n210_wire::update::{LENGTH, PAGE, UpdateReply, UpdateRequest};

impl Device {
    /// Does what a datagram to the port for updates asks, and answers. After a reset, the device has forgotten who asked.
    pub(super) fn update(&mut self, origin: FrameOrigin, payload: &[u8], out: &mut Outbox) {
        let mut data = [0; PAGE];
        let reply = match UpdateRequest::decode(payload) {
            UpdateRequest::Hello => {
                self.rx.iter_mut().for_each(super::RxChain::reset);
                self.tx.stop_updates(self.now);
                UpdateReply::Hello(self.announced)
            }
            UpdateRequest::Info => UpdateReply::Info { sector: SECTOR, memory: MEMORY },
            UpdateRequest::HardwareRevision => UpdateReply::HardwareRevision(self.bus.hardware_code()),
            UpdateRequest::Erase { address, length } => {
                self.flash.erase(address, length, self.now);
                UpdateReply::Erasing
            }
            UpdateRequest::EraseDone => UpdateReply::EraseDone(self.flash.is_erased(self.now)),
            UpdateRequest::Write { address, data } => {
                self.flash.program(address, data);
                UpdateReply::Written
            }
            UpdateRequest::Read { address, length } => {
                self.flash.read(address, &mut data[..length]);
                UpdateReply::Data(&data)
            }
            UpdateRequest::Reset => {
                self.restart(self.now);
                return self.link_up(out);
            }
            UpdateRequest::NotUnderstood => UpdateReply::NotUnderstood,
        };
        self.reply(origin, port::UPDATE, LENGTH, &reply.encode(), out);
    }
}
