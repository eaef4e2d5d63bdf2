//! Packet filters.

use super::shell::word;
use crate::setup::facts::{Facts, FirewallFacts, Needed, Stopped};
use config::StandbyPolicy;
use protocol::Precondition::Firewall;
use protocol::{Examined, Grade};

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    match &facts.firewall {
        FirewallFacts::NoTool => vec![Examined::ok(Firewall, "there is no nft on this host to list packet filters with")],
        FirewallFacts::Unread(why) => vec![
            Examined::warning(Firewall, format!("whether a packet filter is in the way is not known: {why}"))
                .hint("look yourself: nft list ruleset"),
        ],
        FirewallFacts::Rules { stopped, chains, legacy } => {
            let armed = facts.config.standby.policy == StandbyPolicy::Armed;
            let mut findings: Vec<Examined> = stopped.iter().map(|stopped| finding(stopped, armed)).collect();
            if *legacy {
                let text =
                    "there are tables of the older iptables, which nft does not list: whether they are in the way is not known";
                findings.push(Examined::warning(Firewall, text).hint("look yourself: iptables-legacy -S"));
            }
            if findings.is_empty() {
                let text = match chains {
                    0 => "no packet filter looks at what comes in".to_owned(),
                    count => format!(
                        "{count} packet filter(s) look at what comes in, and let the radio's and the agents' packets through"
                    ),
                };
                findings.push(Examined::ok(Firewall, text));
            }
            findings
        }
    }
}

/// `armed`: a standby follows by itself, so that its heartbeats have to come in.
fn finding(Stopped { chain, packet, certainly }: &Stopped, armed: bool) -> Examined {
    let (what, rule) = match packet {
        Needed::FromRadio { interface, radio } => (
            format!("UDP from the radio {radio} on {interface}"),
            format!("iifname {} ip saddr {radio} udp sport 49152-49172 accept", word(interface)),
        ),
        Needed::Heartbeats { port } => {
            (format!("UDP to port {port}, by which a standby follows (docs/standby.md)"), format!("udp dport {port} accept"))
        }
        Needed::ToAgent { port } => (format!("TCP to the agent's port {port}"), format!("tcp dport {port} accept")),
    };
    let verb = if *certainly { "drops" } else { "may drop" };
    let needed = armed || !matches!(packet, Needed::Heartbeats { .. });
    let grade = if *certainly && needed { Grade::Blocker } else { Grade::Warning };
    // A rule of a table that another program has made goes when that program makes its table anew.
    Examined::new(Firewall, grade, format!("the packet filter {chain} {verb} {what}"))
        .mend(format!("nft insert rule {chain} {rule}"))
        .hint("put the same rule where this host's packet filter is configured, or it is gone after a restart")
}
