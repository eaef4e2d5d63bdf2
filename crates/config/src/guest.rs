//! The virtual machine of a work in the form `guest`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{BadValue, Cidr, InterfaceName};
use protocol::GuestCopy;

/// The virtual machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guest {
    /// Folder that `scripts/install-qemu` has filled.
    pub software: PathBuf,
    /// What runs in the guest: `baton-guest`.
    pub program: PathBuf,
    /// Interface of the host that the guest's network card is; a tap in a bridge with the radio port.
    #[serde(default = "Guest::default_tap")]
    pub tap: InterfaceName,
    /// The guest's own address, at which it answers the far end's pings.
    pub address: Cidr,
    /// Memory of the guest, MiB; 64 to 65536.
    #[serde(default = "Guest::default_memory", deserialize_with = "memory")]
    pub memory_mib: u32,
    /// Memory that the guest dirties and checks, MiB: as much as the modem's.
    #[serde(default = "Guest::default_dirty")]
    pub dirty_mib: u32,
    /// How fast it dirties that, MiB per second.
    #[serde(default = "Guest::default_dirty_rate")]
    pub dirty_mib_s: u32,
    /// How its memory is copied.
    #[serde(default)]
    pub copy: GuestCopy,
    /// The longest that the guest may stand still at the end of pre-copy, in QEMU's own forecast, ms; 1 to 60000.
    #[serde(default = "Guest::default_downtime_limit", deserialize_with = "downtime_limit")]
    pub downtime_limit_ms: u32,
    /// How fast its memory is copied at most, MiB per second, so that others have room on the network; 0 is as fast as it goes.
    #[serde(default)]
    pub bandwidth_mib_s: u32,
}

/// Least and most memory of a guest, MiB: Debian's kernel needs about 50.
const MEMORY_MIB: RangeInclusive<u32> = 64..=65_536;
const DOWNTIME_MS: RangeInclusive<u32> = 1..=60_000;

impl Guest {
    /// A modem-like guest, as one of which a file says no more than what it has to.
    pub fn new(software: PathBuf, program: PathBuf, address: Cidr) -> Self {
        Self {
            software,
            program,
            tap: Self::default_tap(),
            address,
            memory_mib: Self::default_memory(),
            dirty_mib: Self::default_dirty(),
            dirty_mib_s: Self::default_dirty_rate(),
            copy: GuestCopy::default(),
            downtime_limit_ms: Self::default_downtime_limit(),
            bandwidth_mib_s: 0,
        }
    }

    fn default_tap() -> InterfaceName {
        InterfaceName::guest_tap()
    }

    fn default_memory() -> u32 {
        128
    }

    fn default_dirty() -> u32 {
        32
    }

    fn default_dirty_rate() -> u32 {
        20
    }

    /// A tenth of QEMU's own 300 ms: what a far end that pings does not take for an outage.
    fn default_downtime_limit() -> u32 {
        30
    }
}

fn memory<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    within(from, MEMORY_MIB, "MiB of memory")
}

fn downtime_limit<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    within(from, DOWNTIME_MS, "ms of downtime")
}

fn within<'de, D: Deserializer<'de>>(from: D, allowed: RangeInclusive<u32>, what: &str) -> Result<u32, D::Error> {
    let number = u32::deserialize(from)?;
    if allowed.contains(&number) {
        return Ok(number);
    }
    let allowed = format!("a guest has {} to {} {what}", allowed.start(), allowed.end());
    Err(serde::de::Error::custom(BadValue::new(format_args!("{number} is out of range"), allowed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "software = \"/opt/qemu\"\nprogram = \"/opt/baton-guest\"\naddress = \"192.168.40.9/24\"\n";

    #[test]
    fn what_is_left_out_is_modem_like() {
        let guest: Guest = toml::from_str(LEAST).unwrap();
        assert_eq!((guest.memory_mib, guest.dirty_mib, guest.dirty_mib_s), (128, 32, 20));
        assert_eq!((guest.copy, guest.downtime_limit_ms, guest.tap.as_str()), (GuestCopy::Pre, 30, "vmtap"));
        assert_eq!(guest.bandwidth_mib_s, 0);
        assert_eq!(Guest::new(guest.software.clone(), guest.program.clone(), guest.address), guest);
        let again: Guest = toml::from_str(&toml::to_string(&guest).unwrap()).unwrap();
        assert_eq!(again, guest);
    }

    #[test]
    fn what_no_guest_has_is_refused() {
        for line in
            ["memory_mib = 63", "memory_mib = 70000", "downtime_limit_ms = 0", "downtime_limit_ms = 60001", "copy = \"late\""]
        {
            assert!(toml::from_str::<Guest>(&format!("{LEAST}{line}")).is_err(), "{line}");
        }
    }
}
