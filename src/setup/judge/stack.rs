//! Settings of the kernel's network stack (the kernel's documentation, "IP Sysctl").

use super::shell::{interface_key, sysctl};
use crate::setup::facts::{Facts, StackFacts};
use config::Capability;
use protocol::Examined;
use protocol::Precondition::{Arp, Ipv6, RpFilter, SocketBuffers};
use radio::{RECEIVE_BUFFER, SEND_BUFFER};

/// The kernel lets a packet in only by the interface by which it would answer.
const STRICT: u64 = 1;
/// It lets it in wherever it could answer at all.
const LOOSE: u64 = 2;

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    vec![buffers(facts), rp_filter(facts), arp(&facts.stack), ipv6(&facts.stack)]
}

fn buffers(facts: &Facts) -> Examined {
    let StackFacts { rmem_max, wmem_max, .. } = facts.stack;
    let limits = [("net.core.rmem_max", rmem_max, RECEIVE_BUFFER as u64), ("net.core.wmem_max", wmem_max, SEND_BUFFER as u64)];
    let small: Vec<(&str, u64, u64)> =
        limits.into_iter().filter_map(|(key, is, needed)| Some((key, is?, needed))).filter(|(_, is, needed)| is < needed).collect();
    if small.is_empty() {
        let told = limits.iter().any(|(_, is, _)| is.is_some());
        let text = if told {
            "the limits of socket buffers are large enough"
        } else {
            "the limits of socket buffers are those of the machine around this one"
        };
        return Examined::ok(SocketBuffers, text);
    }
    let listed: Vec<String> = small.iter().map(|(key, is, needed)| format!("{key} is {is}, and {needed} is needed")).collect();
    let text = listed.join("; ");
    if facts.process.rights.net_admin && facts.config.workload_of(&facts.host).capabilities.contains(&Capability::NET_ADMIN) {
        return Examined::ok(SocketBuffers, format!("{text}: the USRP process goes beyond the limit by CAP_NET_ADMIN"));
    }
    let mend: Vec<String> = small.iter().map(|(key, _, needed)| sysctl(key, *needed)).collect();
    Examined::warning(SocketBuffers, format!("{text}: samples are lost on a busy machine")).mend(mend.join(" && "))
}

fn rp_filter(facts: &Facts) -> Examined {
    let settings = facts.settings();
    let interfaces = [
        (settings.radio_port.as_str(), facts.stack.rp_filter_port, "the radio's packets to a parked address"),
        (settings.tun.as_str(), facts.stack.rp_filter_tun, "what the far end sends from other networks"),
    ];
    let strict: Vec<_> = interfaces.into_iter().filter(|(_, value, _)| *value == Some(STRICT)).collect();
    if interfaces.iter().all(|(_, value, _)| value.is_none()) {
        return Examined::ok(RpFilter, "the reverse path filter is not to be seen from here");
    }
    if strict.is_empty() {
        return Examined::ok(RpFilter, "no strict reverse path filter is in the way");
    }
    let listed: Vec<String> = strict.iter().map(|(name, _, dropped)| format!("on {name} it drops {dropped}")).collect();
    let mend: Vec<String> = strict.iter().map(|(name, ..)| sysctl(&interface_key(name, "rp_filter"), LOOSE)).collect();
    Examined::warning(RpFilter, format!("the reverse path filter is strict: {}", listed.join("; "))).mend(mend.join(" && "))
}

fn arp(stack: &StackFacts) -> Examined {
    if (stack.arp_ignore, stack.arp_announce) == (None, None) {
        return Examined::ok(Arp, "on which interfaces the kernel speaks ARP is not to be seen from here");
    }
    let ignores = stack.arp_ignore.is_none_or(|ignore| ignore >= 1);
    let announces = stack.arp_announce.is_none_or(|announce| announce >= 2);
    let mut wrong = Vec::new();
    let mut mend = Vec::new();
    if !ignores {
        wrong.push("answers ARP on every interface for the addresses of all (arp_ignore)");
        mend.push(sysctl("net.ipv4.conf.all.arp_ignore", 1));
    }
    if !announces {
        wrong.push("asks by ARP with any of its addresses (arp_announce)");
        mend.push(sysctl("net.ipv4.conf.all.arp_announce", 2));
    }
    if wrong.is_empty() {
        return Examined::ok(Arp, "the kernel speaks ARP for each address on its own interface alone");
    }
    Examined::warning(
        Arp,
        format!("the kernel {}: the radio and its switch may learn a wrong way to this host", wrong.join(", and ")),
    )
    .mend(mend.join(" && "))
}

fn ipv6(stack: &StackFacts) -> Examined {
    match (stack.speaks_ipv6, stack.ipv6_disabled) {
        (false, _) => Examined::ok(Ipv6, "the agent of this host does not use IPv6"),
        (true, Some(false)) => Examined::ok(Ipv6, "the agent listens on an IPv6 address, and IPv6 is on"),
        (true, Some(true)) => Examined::blocker(Ipv6, "the agent is to listen on an IPv6 address, and IPv6 is switched off")
            .mend("sysctl -w net.ipv6.conf.all.disable_ipv6=0"),
        (true, None) => Examined::blocker(Ipv6, "the agent is to listen on an IPv6 address, and this kernel has no IPv6")
            .hint("write an IPv4 address in the cluster file, on every host"),
    }
}
