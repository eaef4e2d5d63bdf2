//! The tun device and interface.

use super::shell::word;
use crate::setup::facts::{Device, Facts, TunFacts};
use protocol::Examined;
use protocol::Precondition::Tun;

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    let name = facts.settings().tun.as_str();
    let TunFacts { device, port } = &facts.tun;
    let quoted = word(name);
    let device = match device {
        Device::Opens => None,
        Device::Missing => Some(
            Examined::blocker(Tun, "/dev/net/tun is missing: the modem cannot carry IP")
                .mend("modprobe tun")
                .hint("in a container: give it the device (systemd-nspawn --bind=/dev/net/tun)"),
        ),
        Device::Forbidden => {
            let text = format!("{} may not open /dev/net/tun", facts.process.user);
            Some(Examined::blocker(Tun, text).mend("chmod 0666 /dev/net/tun"))
        }
        Device::Broken(why) => Some(Examined::blocker(Tun, format!("/dev/net/tun cannot be opened: {why}")).mend("modprobe tun")),
    };
    if let Some(device) = device {
        return vec![device];
    }
    let make = format!("ip tuntap add dev {quoted} mode tun user {} && ip link set {quoted} up", facts.process.user);
    let own = facts.settings().tun_address;
    vec![match (port, own, facts.tun_address()) {
        (None, Some(own), _) => {
            Examined::ok(Tun, format!("/dev/net/tun is there; the agent makes {name} with {own} when it starts"))
        }
        (None, None, address) => {
            let address = address.map_or_else(String::new, |address| format!(" && ip address add {address} dev {quoted}"));
            Examined::blocker(Tun, format!("there is no interface {name}, which carries IP over the air"))
                .mend(format!("{make}{address}"))
                .hint("or name tun_address in the host's section of the cluster file: the agent then makes it at each start")
        }
        (Some(port), None, Some(address)) if port.addresses.is_empty() && facts.config.roles.far_end.is_some() => {
            Examined::blocker(Tun, format!("{name} has no address, and the far end probes {}", address.address()))
                .mend(format!("ip address add {address} dev {quoted}"))
        }
        (Some(port), ..) => {
            let addresses = if port.addresses.is_empty() { "no address yet".into() } else { port.addresses.join(" ") };
            Examined::ok(Tun, format!("/dev/net/tun is there, and {name} with {addresses}"))
        }
    }]
}
