//! All radios of a process and their air, moved through time together, with what happens to them from outside.

use super::device::Device;
use crate::air::{Air, medium::Medium};
use crate::board::eeprom::RadioIdentity;
use crate::board::flash::Flash;
use crate::device::clock::Tick;
use crate::ethernet::outbox::Outbox;
use crate::fault::{PacketDirection, RadioFaults, flight};
use crate::scene::Scene;
use crate::scene::stage::SceneProgress;

mod happening;
mod report;

/// Radios, air, and what they want sent.
pub struct World {
    devices: Vec<Device>,
    air: Air,
    ports: Vec<DevicePort>,
    stage: SceneProgress,
    /// Seed of the faults, and how many there have been.
    seed: (u64, u64),
    now: Tick,
}

/// What lies between a radio and its wire: faults, and frames to send.
#[derive(Default)]
struct DevicePort {
    out: Outbox,
    faults: Option<Box<RadioFaults>>,
    /// Frames that came from the wire.
    received: u64,
}

impl DevicePort {
    /// Where the radio puts what it sends.
    fn raw(&mut self) -> &mut Outbox {
        self.faults.as_mut().map_or(&mut self.out, |faults| &mut faults.raw)
    }
}

impl World {
    /// Powers radios up at tick 0.
    pub fn new(identities: Vec<RadioIdentity>, medium: Medium) -> Self {
        let stage = SceneProgress::new(identities.len(), medium.path.clone());
        let seed = (medium.seed, 0);
        let air = Air::new(identities.len(), medium);
        let ports = identities.iter().map(|_| DevicePort::default()).collect();
        let devices =
            identities.into_iter().enumerate().map(|(radio, identity)| Device::new(identity, Flash::default(), radio)).collect();
        Self { devices, air, ports, stage, seed, now: 0 }
    }

    /// Gives radio `radio` another flash memory, and powers it up with that.
    pub fn insert_flash(&mut self, radio: usize, flash: Flash) {
        if let Some(device) = self.devices.get_mut(radio) {
            device.insert_flash(flash);
        }
    }

    /// Sets the single paths and oscillators of a scene, and plans its events.
    pub fn set(&mut self, scene: Scene) {
        for path in &scene.paths {
            self.change_path(path);
        }
        for radio in &scene.radios {
            self.change_radio(&radio.change);
        }
        self.stage.plan(scene.schedule);
        self.happen();
    }

    /// Names of the radios.
    pub fn names(&self) -> Vec<String> {
        self.devices.iter().map(|device| device.identity().name.clone()).collect()
    }

    /// Up to which tick everything has happened.
    pub fn now(&self) -> Tick {
        self.now
    }

    /// What radio `radio` wants sent; the caller sends and clears it.
    pub fn outbox(&mut self, radio: usize) -> Option<&mut Outbox> {
        self.ports.get_mut(radio).map(|link| &mut link.out)
    }

    /// Tick of the next thing that happens by itself.
    pub fn due(&self) -> Tick {
        let faults = self.ports.iter().filter_map(|link| link.faults.as_ref()).map(|faults| faults.due());
        self.devices.iter().map(Device::due).chain(faults).fold(self.stage.due(), Tick::min)
    }

    /// Where time must stop on its way to a tick: for what concerns all, and for every frame of a radio with faults.
    fn next_stop(&self, to: Tick) -> Tick {
        let mut stop = self.devices.iter().map(Device::command_due).fold(self.stage.due(), Tick::min);
        for (device, link) in self.devices.iter().zip(&self.ports) {
            if let Some(faults) = &link.faults {
                stop = stop.min(faults.due()).min(device.due());
            }
        }
        stop.clamp(self.now + 1, to)
    }

    /// Lets time pass up to a tick; an earlier one than now changes nothing.
    pub fn advance(&mut self, to: Tick) {
        while self.now < to {
            let step = self.next_stop(to);
            let Self { devices, air, ports, .. } = self;
            // Everything is in the air before anyone listens.
            for (device, link) in devices.iter_mut().zip(ports.iter_mut()) {
                device.transmit(step, air, link.raw());
            }
            for (device, link) in devices.iter_mut().zip(ports.iter_mut()) {
                device.receive(step, air, link.raw());
                device.command(step, air, link.raw());
            }
            self.now = step;
            self.happen();
        }
    }

    /// Skips to a tick: what was being received in between is lost, and the radios say so.
    pub fn skip(&mut self, to: Tick) {
        for (device, link) in self.devices.iter_mut().zip(self.ports.iter_mut()) {
            device.overflow(&mut self.air, link.raw());
        }
        self.advance(to);
    }

    /// The wires of all radios are up.
    pub fn link_up(&mut self) {
        for (device, link) in self.devices.iter().zip(self.ports.iter_mut()) {
            device.link_up(link.raw());
        }
    }

    /// Radio `radio` gets a frame now. `segment` is the payload of one datagram when the frame is several in one.
    pub fn input(&mut self, radio: usize, frame: &[u8], segment: Option<usize>) {
        let (Some(device), Some(link)) = (self.devices.get_mut(radio), self.ports.get_mut(radio)) else { return };
        link.received += 1;
        let Some(faults) = &mut link.faults else { return device.input(frame, segment, &mut self.air, &mut link.out) };
        for datagram in flight::split(frame, segment) {
            faults.admit(flight::label(&datagram, PacketDirection::In), datagram, self.now);
        }
        self.pass(radio);
    }

    /// What the schedule and the faults have for this tick.
    fn happen(&mut self) {
        while let Some(timed) = self.stage.next(self.now) {
            match self.apply(&timed.action) {
                Ok(done) => tracing::info!("{done}"),
                Err(why) => tracing::warn!("an event of the scene had no effect: {why}"),
            }
        }
        for radio in 0..self.ports.len() {
            self.pass(radio);
        }
    }

    /// Lets through what goes on by now, to and from a radio with faults.
    fn pass(&mut self, radio: usize) {
        let (Some(device), Some(link)) = (self.devices.get_mut(radio), self.ports.get_mut(radio)) else { return };
        let Some(faults) = &mut link.faults else { return };
        let ended = faults.expire(self.now);
        happening::recover(device, faults, &ended, self.now);
        while let Some(frame) = faults.next(PacketDirection::In, self.now) {
            device.input(&frame, None, &mut self.air, &mut faults.raw);
        }
        let raw = std::mem::take(&mut faults.raw);
        for frame in raw.frames() {
            faults.admit(flight::label(frame, PacketDirection::Out), frame.to_vec(), self.now);
        }
        faults.raw = raw;
        faults.raw.clear();
        while let Some(frame) = faults.next(PacketDirection::Out, self.now) {
            link.out.push(frame.len()).copy_from_slice(&frame);
        }
        if faults.is_over() {
            link.faults = None;
        }
    }
}
