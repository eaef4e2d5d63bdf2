//! Settings of the kernel's network stack. `/proc/sys/net` shows those of the reader's own network namespace.

use std::path::Path;

use crate::setup::facts::StackFacts;
use config::{Endpoint, Host};

/// A number below `/proc/sys`; none: not there, or not readable.
pub(super) fn kernel_number(key: &str) -> Option<i64> {
    std::fs::read_to_string(Path::new("/proc/sys").join(key)).ok()?.trim().parse().ok()
}

pub(super) fn look(settings: &Host) -> StackFacts {
    let number = |key: &str| kernel_number(key).and_then(|number| u64::try_from(number).ok());
    // The kernel takes the greater of the interface's own and that of all.
    let combined = |interface: &str, key: &str| {
        let of = |interface: &str| number(&format!("net/ipv4/conf/{interface}/{key}"));
        of(interface).zip(of("all")).map(|(own, all)| own.max(all))
    };
    let (port, tun) = (&settings.radio_port, &settings.tun);
    StackFacts {
        rmem_max: number("net/core/rmem_max"),
        wmem_max: number("net/core/wmem_max"),
        rp_filter_port: combined(port, "rp_filter"),
        rp_filter_tun: combined(tun, "rp_filter"),
        arp_ignore: combined(port, "arp_ignore"),
        arp_announce: combined(port, "arp_announce"),
        speaks_ipv6: [&settings.command, &settings.telemetry].into_iter().any(is_ipv6),
        ipv6_disabled: number("net/ipv6/conf/all/disable_ipv6").map(|disabled| disabled != 0),
    }
}

fn is_ipv6(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Tcp { host, .. } if host.parse::<std::net::Ipv6Addr>().is_ok())
}
