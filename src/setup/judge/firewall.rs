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
            let mut findings: Vec<Examined> = stopped.iter().map(finding).collect();
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

fn finding(Stopped { chain, packet, certainly }: &Stopped) -> Examined {
    let (what, rule) = match packet {
        Needed::FromRadio { interface, radio } => (
            format!("UDP from the radio {radio} on {interface}"),
            format!("iifname {} ip saddr {radio} udp sport 49152-49172 accept", word(interface)),
        ),
        Needed::ToAgent { port } => (format!("TCP to the agent's port {port}"), format!("tcp dport {port} accept")),
    };
    let (grade, verb) = if *certainly { (Grade::Blocker, "drops") } else { (Grade::Warning, "may drop") };
    // A rule of a table that another program has made goes when that program makes its table anew.
    Examined::new(Firewall, grade, format!("the packet filter {chain} {verb} {what}"))
        .mend(format!("nft insert rule {chain} {rule}"))
        .hint("put the same rule where this host's packet filter is configured, or it is gone after a restart")
}
