//! The interface towards the radio.

use super::shell::word;
use crate::migration::check::{PortProblem, port_problem};
use crate::setup::facts::{Facts, PortFacts};
use protocol::Precondition::{Coalescing, RadioPort, Speed};
use protocol::{Examined, Grade};

/// What the radio's own port speaks, Mbit/s.
const GIGABIT: u32 = 1000;
/// Bytes of a sample on the wire.
const SAMPLE: f64 = 4.0;
/// Two packets of samples at 6.25 MS/s come this far apart, µs: whoever waits longer tells of several at once.
const LATE_US: u32 = 100;

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    let port = &facts.radio_port;
    let Some(found) = &port.found else { return vec![missing(port)] };
    let (name, quoted) = (&port.name, word(&port.name));
    let problem = port_problem(found, facts.config.addresses.active.address());
    let may_be_made = facts.settings().tun_address.is_some();
    let first = match problem {
        Some(PortProblem::Down) if may_be_made => {
            Examined::warning(RadioPort, format!("{name} is switched off; the agent switches it on when it starts"))
                .mend(format!("ip link set {quoted} up"))
        }
        Some(PortProblem::Down) => Examined::blocker(RadioPort, format!("{name} is switched off, and it leads to the radio"))
            .mend(format!("ip link set {quoted} up")),
        _ if !port.carrier => Examined::blocker(RadioPort, format!("{name} has no carrier: its cable leads nowhere"))
            .hint(format!("plug the cable of the radio's network into {name}{}", others(port))),
        Some(PortProblem::Mtu(mtu)) => {
            let needed = crate::migration::check::SAMPLES_MTU;
            Examined::blocker(RadioPort, format!("{name} has an mtu of {mtu}, and the radio's packets of samples need {needed}"))
                .mend(format!("ip link set {quoted} mtu {needed}"))
        }
        Some(PortProblem::InTheWay(foreign)) => {
            let text = format!("{name} has {foreign} in the radio's subnet, and packets to the radio would come from that address");
            Examined::blocker(RadioPort, text).mend(format!("ip address del {foreign} dev {quoted}"))
        }
        None => {
            let addresses = if found.addresses.is_empty() { "no address yet".into() } else { found.addresses.join(" ") };
            let mtu = found.mtu.map_or_else(String::new, |mtu| format!(", mtu {mtu}"));
            Examined::ok(RadioPort, format!("{name} has a carrier{mtu}, {addresses}"))
        }
    };
    if !port.carrier {
        return vec![first];
    }
    let rate = facts.config.radio_of(&facts.host).map_or(0.0, |radio| radio.rate);
    vec![first, speed(port, rate), coalescing(port)]
}

/// The other interfaces, where there are any.
fn others(port: &PortFacts) -> String {
    let shown = |(name, carrier): &(String, bool)| format!("{name} ({})", if *carrier { "carrier" } else { "no carrier" });
    let names: Vec<String> = port.others.iter().map(shown).collect();
    if names.is_empty() { String::new() } else { format!("; the others are {}", names.join(", ")) }
}

fn missing(port: &PortFacts) -> Examined {
    let there = if port.others.is_empty() { "; there is no other Ethernet interface".into() } else { others(port) };
    let finding = Examined::blocker(RadioPort, format!("there is no interface {}{there}", port.name));
    // The likeliest is one with a cable.
    let Some((likely, _)) = port.others.iter().max_by_key(|(_, carrier)| *carrier) else {
        return finding.hint("is the network card in, and its driver loaded? `ip link` shows all interfaces");
    };
    finding.hint(format!(
        "write the one that leads to the radio as radio_port in the host's section of the cluster file, e.g. radio_port = \"{likely}\", on every host; the \
         kernel may have renamed it"
    ))
}

fn speed(port: &PortFacts, rate: f64) -> Examined {
    let name = &port.name;
    // Both ways at the same time, each on its own pair of wires.
    let needed = rate * SAMPLE * 8.0 / 1e6;
    match (port.speed, port.full_duplex) {
        (None, _) => Examined::ok(Speed, format!("{name} does not tell its speed, as virtual ones do not")),
        (Some(speed), _) if speed < GIGABIT => {
            let grade = if needed > f64::from(speed) { Grade::Blocker } else { Grade::Warning };
            let text =
                format!("{name} runs at {speed} Mb/s: an N210 speaks {GIGABIT} Mb/s, and the samples alone need {needed:.0}");
            Examined::new(Speed, grade, text)
                .hint("use a cable with all four pairs and a gigabit switch, and leave autonegotiation on")
        }
        (Some(speed), Some(false)) => Examined::blocker(Speed, format!("{name} runs at {speed} Mb/s in half duplex"))
            .mend(format!("ethtool -s {} autoneg on", word(name)))
            .hint("leave autonegotiation on at the switch, too"),
        (Some(speed), _) => Examined::ok(Speed, format!("{name} runs at {speed} Mb/s")),
    }
}

fn coalescing(port: &PortFacts) -> Examined {
    let name = &port.name;
    match port.rx_usecs {
        None => Examined::ok(Coalescing, format!("{name} does not coalesce interrupts, or does not tell")),
        Some(us) if us > LATE_US => Examined::warning(
            Coalescing,
            format!("{name} keeps packets for up to {us} us before it tells of them: moves take longer by that"),
        )
        .mend(format!("ethtool -C {} rx-usecs 20", word(name))),
        Some(us) => Examined::ok(Coalescing, format!("{name} tells of a packet within {us} us")),
    }
}
