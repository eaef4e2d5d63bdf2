//! What happens to the radios and their air from outside: by a scene's schedule, or by a command.

use super::World;
use crate::board::impairments::ImpairmentSet;
use crate::device::Device;
use crate::device::clock::Tick;
use crate::fault::{FaultChange, FaultKind, RadioFaults};
use crate::scene::{PathChange, RadioChange, SceneAction};
use n210_wire::port;

/// Spreads the seeds of faults that follow one another.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Puts right what ended faults had done to the device.
pub fn recover(device: &mut Device, faults: &mut RadioFaults, ended: &[FaultKind], now: Tick) {
    if ended.contains(&FaultKind::BrownOut) && !faults.is_dark() {
        device.restart(now);
        device.link_up(&mut faults.raw);
    }
    device.lose_locks(faults.is_unlocked());
}

impl World {
    /// Does something at this tick; says what, as a sentence.
    ///
    /// # Errors
    /// Why it had no effect, as a sentence.
    pub fn apply(&mut self, action: &SceneAction) -> Result<String, String> {
        if matches!(action, SceneAction::Path(_) | SceneAction::Radio(_)) {
            self.devices.iter_mut().for_each(|device| device.listen(&mut self.air));
        }
        match action {
            SceneAction::Path(change) => Ok(self.change_path(change)),
            SceneAction::Radio(change) => Ok(self.change_radio(change)),
            SceneAction::Fault(change) => self.fault(change),
        }
    }

    fn name(&self, radio: usize) -> &str {
        self.devices.get(radio).map_or("?", |device| &device.identity().name)
    }

    /// Changes a path from the present tick on.
    pub(super) fn change_path(&mut self, change: &PathChange) -> String {
        let Some(path) = self.stage.change(change) else { return String::new() };
        let (from, to) = (self.name(change.from), self.name(change.to));
        let sentence = if path.blocked {
            format!("the path from {from} to {to} is blocked")
        } else {
            let taps = path.taps.len();
            format!("the path from {from} to {to} has {} dB, {} ticks, {taps} taps", path.gain_db, path.delay)
        };
        self.air.set_path(change.from, change.to, path);
        sentence
    }

    pub(super) fn change_radio(&mut self, change: &RadioChange) -> String {
        let mut sentence = format!("radio {}", self.name(change.radio));
        if let Some(hz) = change.carrier_offset_hz {
            self.air.set_carrier_offset(change.radio, hz);
            sentence += &format!(" is off by {hz} Hz");
        }
        if let Some(dbfs) = change.noise_dbfs {
            self.air.set_noise(change.radio, dbfs);
            sentence += &format!(" has noise of {dbfs} dBFS");
        }
        if let Some(device) = self.devices.get_mut(change.radio).filter(|_| change.is_about_impairments()) {
            let before = change.impairment_set.map_or(device.boards.impairments(), ImpairmentSet::impairments);
            device.impair(before.changed(change.impairments));
            sentence += " has other impairments";
        }
        let same = RadioChange { radio: change.radio, ..RadioChange::default() };
        if *change == same { sentence + " stays as it is" } else { sentence }
    }

    fn fault(&mut self, change: &FaultChange) -> Result<String, String> {
        let name = self.name(change.radio).to_owned();
        match change.kind {
            None => self.end_faults(change),
            Some(FaultKind::ClockJump(ticks)) => {
                if let Some(device) = self.devices.get_mut(change.radio) {
                    device.clock.jump(ticks);
                }
            }
            Some(FaultKind::Overflow) => {
                if !self.overflow(change) {
                    return Err(format!("no receive chain of {name} runs that could overflow"));
                }
            }
            Some(kind) => self.begin_fault(change, kind),
        }
        Ok(format!("{name} {change}"))
    }

    fn overflow(&mut self, change: &FaultChange) -> bool {
        let (Some(device), Some(link)) = (self.devices.get_mut(change.radio), self.ports.get_mut(change.radio)) else {
            return false;
        };
        let chains =
            [port::RX0, port::RX1].into_iter().enumerate().filter(|(_, port)| change.port.is_none_or(|only| only == *port));
        // Both, and not only until the first that runs.
        chains.fold(false, |ran, (chain, _)| device.overflow_chain(chain, &mut self.air, link.raw()) || ran)
    }

    fn begin_fault(&mut self, change: &FaultChange, kind: FaultKind) {
        let (Some(device), Some(link)) = (self.devices.get_mut(change.radio), self.ports.get_mut(change.radio)) else { return };
        let (seed, count) = &mut self.seed;
        *count += 1;
        let faults = link.faults.get_or_insert_default();
        faults.begin(*change, kind, self.now, seed.wrapping_add(count.wrapping_mul(GOLDEN)));
        if kind == FaultKind::BrownOut {
            device.restart(self.now);
            faults.forget_incoming();
        }
        device.lose_locks(faults.is_unlocked());
    }

    fn end_faults(&mut self, change: &FaultChange) {
        let (Some(device), Some(link)) = (self.devices.get_mut(change.radio), self.ports.get_mut(change.radio)) else { return };
        if let Some(faults) = &mut link.faults {
            let ended = faults.end(change.port, change.direction);
            recover(device, faults, &ended, self.now);
        }
        self.pass(change.radio);
    }
}
