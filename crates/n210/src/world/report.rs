//! What the radios do, as JSON.

use serde_json::{Value, json};

use super::{DevicePort, World};
use crate::device::Device;
use crate::device::clock::Tick;
use n210_wire::TICKS_PER_SECOND;

impl World {
    /// One object a radio: name, device time, chains that run, packets and faults.
    pub fn report(&self) -> Value {
        let radios: Vec<Value> = self.devices.iter().zip(&self.ports).map(|(device, link)| radio(device, link, self.now)).collect();
        json!({ "seconds": self.now as f64 / TICKS_PER_SECOND as f64, "radios": radios })
    }
}

fn radio(device: &Device, link: &DevicePort, now: Tick) -> Value {
    let chains: serde_json::Map<String, Value> = device
        .activities()
        .into_iter()
        .filter(|(_, activity)| activity.runs)
        .map(|(name, activity)| (name.to_owned(), json!({ "rate": activity.rate(), "samples": activity.samples })))
        .collect();
    json!({
        "name": device.identity().name,
        "ticks": device.time(),
        "running": chains,
        "packets_in": link.received,
        "packets_out": link.out.pushed(),
        "faults": link.faults.as_ref().map(|faults| faults.sentences(now)).unwrap_or_default(),
    })
}
