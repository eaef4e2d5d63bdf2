//! Who else has an address of this host.

use crate::setup::facts::{Facts, HeldAddress};
use protocol::Examined;
use protocol::Precondition::Address;

/// Where a machine is found that no agent can be asked about.
const FIND_IT: &str = "find it by its hardware address in the table of the switch, and take that address from it";

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    // An interface that is missing has been named already.
    let is_missing = |held: &&HeldAddress| facts.radio_port.found.is_none() && held.interface == facts.radio_port.name;
    facts.held.iter().filter(|held| !is_missing(held)).map(one).collect()
}

fn one(held: &HeldAddress) -> Examined {
    let HeldAddress { address, interface, own, here, holders } = held;
    let holders = match holders {
        Ok(holders) => holders,
        Err(why) => {
            return Examined::warning(Address, format!("who has {address} could not be asked on {interface}: {why}"))
                .hint("the interface must be up, and asking needs CAP_NET_RAW");
        }
    };
    let named =
        |(mac, host): &(String, Option<String>)| host.as_ref().map_or_else(|| mac.clone(), |host| format!("{host} ({mac})"));
    let all = holders.iter().map(named).collect::<Vec<_>>().join(" and ");
    let strangers = holders.iter().any(|(_, host)| host.is_none());
    match (holders.is_empty(), own, here) {
        (true, true, _) => Examined::ok(Address, format!("nobody else has {address} on the network of {interface}")),
        (true, false, true) => Examined::ok(Address, format!("this host has the radio's address {address}, and nobody else")),
        (true, false, false) => Examined::ok(Address, format!("nobody has the radio's address {address} on the network of {interface}")),
        (false, true, _) => {
            Examined::blocker(Address, format!("another machine has this host's address {address} on the network of {interface}: {all}"))
                .hint(FIND_IT)
        }
        (false, false, true) => {
            Examined::blocker(Address, format!("this host has the radio's address {address}, and so has {all}"))
                .hint("`baton repair` decides between two hosts of the cluster; a stranger is found by its hardware address in the table of the switch")
        }
        (false, false, false) if holders.len() > 1 => {
            Examined::blocker(Address, format!("several machines have the radio's address {address}: {all}")).hint(FIND_IT)
        }
        (false, false, false) if strangers => {
            Examined::warning(Address, format!("a machine that is not known here has the radio's address {address}: {all}"))
                .hint("the host that serves has it, and no other may: `baton doctor` without --host tells which")
        }
        (false, false, false) => Examined::ok(Address, format!("{all} has the radio's address {address}")),
    }
}
