//! All radios of a process and their air, moved through time together.

use super::device::Device;
use crate::lab::n210::air::{Air, medium::Medium};
use crate::lab::n210::board::eeprom::Identity;
use crate::lab::n210::device::clock::Tick;
use crate::lab::n210::ethernet::outbox::Outbox;

/// Radios, air, and what they want sent.
pub struct World {
    devices: Vec<Device>,
    air: Air,
    outboxes: Vec<Outbox>,
    now: Tick,
}

impl World {
    /// Powers radios up at tick 0.
    pub fn new(identities: Vec<Identity>, medium: Medium) -> Self {
        let air = Air::new(identities.len(), medium);
        let outboxes = identities.iter().map(|_| Outbox::default()).collect();
        let devices = identities.into_iter().enumerate().map(|(radio, identity)| Device::new(identity, radio)).collect();
        Self { devices, air, outboxes, now: 0 }
    }

    /// Up to which tick everything has happened.
    pub fn now(&self) -> Tick {
        self.now
    }

    /// What radio `radio` wants sent; the caller sends and clears it.
    pub fn outbox(&mut self, radio: usize) -> Option<&mut Outbox> {
        self.outboxes.get_mut(radio)
    }

    /// Tick of the next thing that happens by itself.
    pub fn due(&self) -> Tick {
        self.devices.iter().map(Device::due).min().unwrap_or(Tick::MAX)
    }

    /// Lets time pass up to a tick; an earlier one than now changes nothing.
    pub fn advance(&mut self, to: Tick) {
        while self.now < to {
            let command = self.devices.iter().map(Device::command_due).min().unwrap_or(to);
            let step = command.clamp(self.now + 1, to);
            let Self { devices, air, outboxes, .. } = self;
            // Everything is in the air before anyone listens.
            for (device, out) in devices.iter_mut().zip(outboxes.iter_mut()) {
                device.transmit(step, air, out);
            }
            for (device, out) in devices.iter_mut().zip(outboxes.iter_mut()) {
                device.receive(step, air, out);
                device.command(step, air, out);
            }
            self.now = step;
        }
    }

    /// Skips to a tick: what was being received in between is lost, and the radios say so.
    pub fn skip(&mut self, to: Tick) {
        for (device, out) in self.devices.iter_mut().zip(self.outboxes.iter_mut()) {
            device.overflow(&mut self.air, out);
        }
        self.advance(to);
    }

    /// The wires of all radios are up.
    pub fn link_up(&mut self) {
        for (device, out) in self.devices.iter().zip(&mut self.outboxes) {
            device.link_up(out);
        }
    }

    /// Radio `radio` gets a frame now.
    pub fn input(&mut self, radio: usize, frame: &[u8], segment: Option<usize>) {
        if let (Some(device), Some(out)) = (self.devices.get_mut(radio), self.outboxes.get_mut(radio)) {
            device.input(frame, segment, &mut self.air, out);
        }
    }
}
