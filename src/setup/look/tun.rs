//! The tun device and interface.

use std::io::ErrorKind;

use super::network::Network;
use crate::setup::facts::{Device, TunFacts};

const DEVICE: &str = "/dev/net/tun";

pub(super) fn look(name: &str, network: &Network) -> TunFacts {
    TunFacts { device: device(), port: network.find(name).map(|interface| interface.port.clone()) }
}

/// Opening it makes no interface.
pub fn device() -> Device {
    match std::fs::OpenOptions::new().read(true).write(true).open(DEVICE) {
        Ok(_) => Device::Opens,
        Err(e) if e.kind() == ErrorKind::NotFound => Device::Missing,
        // The device's node without its driver is no device either.
        Err(e) if matches!(e.raw_os_error(), Some(nix::libc::ENODEV | nix::libc::ENXIO)) => Device::Missing,
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Device::Forbidden,
        Err(e) => Device::Broken(e.to_string()),
    }
}
