//! Whether servers and radios fit together.

use std::collections::{BTreeMap, BTreeSet};

use config::{HostName, RadioName};

use crate::model::{Preferred, Radio, Server};
use crate::refusal::{Refusal, listed};

type Servers = BTreeMap<HostName, Server>;
type Radios = BTreeMap<RadioName, Radio>;

/// Refuses what cannot be planned with.
pub(crate) fn whole(servers: &Servers, radios: &Radios) -> Result<(), Refusal> {
    for server in servers.values() {
        if server.capacity.cores.thousandths() == 0 {
            return Err(Refusal::NoCapacity(server.name.clone()));
        }
    }
    for radio in radios.values() {
        names(servers, radios, radio)?;
        possible(servers, radio)?;
        preferences(servers, radio)?;
    }
    apart(radios)
}

/// A radio names only what there is.
fn names(servers: &Servers, radios: &Radios, radio: &Radio) -> Result<(), Refusal> {
    let preferred = radio.prefer.iter().filter_map(|preference| match &preference.preferred {
        Preferred::Server(server) => Some(server),
        Preferred::Label(_) => None,
    });
    let places = radio.served_by.iter().chain(&radio.standby_at);
    for server in radio.servers.iter().chain(&radio.forbidden).chain(places).chain(preferred) {
        if !servers.contains_key(server) {
            return Err(Refusal::UnknownServer { server: server.clone(), known: listed(servers.keys()) });
        }
    }
    for other in &radio.apart {
        if *other == radio.name {
            return Err(Refusal::ApartFromItself(radio.name.clone()));
        }
        if !radios.contains_key(other) {
            return Err(Refusal::UnknownRadio { radio: other.clone(), known: listed(radios.keys()) });
        }
    }
    Ok(())
}

/// A radio needs something, and may have it somewhere.
fn possible(servers: &Servers, radio: &Radio) -> Result<(), Refusal> {
    let name = || radio.name.clone();
    if radio.need.cores.thousandths() == 0 {
        return Err(Refusal::NoNeed(name()));
    }
    let may: Vec<&Server> = servers.values().filter(|server| radio.may_be_at(&server.name)).collect();
    if may.is_empty() {
        return Err(Refusal::ServedByNone(name()));
    }
    for interface in radio.need.links.keys() {
        if !may.iter().any(|server| server.capacity.links.contains_key(interface)) {
            return Err(Refusal::NoInterface { radio: name(), interface: interface.clone() });
        }
    }
    match &radio.served_by {
        Some(server) if radio.served_by == radio.standby_at => {
            Err(Refusal::FollowsItself { radio: name(), server: server.clone() })
        }
        _ => Ok(()),
    }
}

/// A radio prefers what can be, and once.
fn preferences(servers: &Servers, radio: &Radio) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for preference in &radio.prefer {
        let what = match &preference.preferred {
            Preferred::Server(server) => {
                if !radio.may_be_at(server) {
                    return Err(Refusal::PrefersForbidden { radio: radio.name.clone(), server: server.clone() });
                }
                format!("server {server}")
            }
            Preferred::Label(label) => {
                if !servers.values().any(|server| server.labels.contains(label)) {
                    return Err(Refusal::UnknownLabel { radio: radio.name.clone(), label: label.clone() });
                }
                format!("the label {label}")
            }
        };
        let bad = |what, fault| Err(Refusal::BadPreference { radio: radio.name.clone(), what, fault });
        if preference.weight == 0 {
            return bad(what, "has the weight 0");
        }
        if !seen.insert(&preference.preferred) {
            return bad(what, "stands twice");
        }
    }
    Ok(())
}

/// Radios that are all kept apart have enough servers. Groups are found greedily, and chains that close after an odd number on two servers
/// exactly; what else cannot be placed is found by planning.
fn apart(radios: &Radios) -> Result<(), Refusal> {
    let mut pairs: BTreeMap<&RadioName, BTreeSet<&RadioName>> = BTreeMap::new();
    for radio in radios.values() {
        for other in &radio.apart {
            pairs.entry(&radio.name).or_default().insert(other);
            pairs.entry(other).or_default().insert(&radio.name);
        }
    }
    let may = |group: &[&RadioName]| -> BTreeSet<&HostName> {
        let members = group.iter().filter_map(|name| radios.get(*name));
        members.flat_map(|radio| radio.servers.difference(&radio.forbidden)).collect()
    };
    for first in pairs.keys() {
        let mut group = vec![*first];
        for other in &pairs[first] {
            if group.iter().all(|member| pairs[member].contains(other)) {
                group.push(other);
            }
            too_many(&group, &may(&group))?;
        }
        let chain = odd_chain(first, &pairs);
        if let Some(chain) = chain {
            let servers = may(&chain);
            if servers.len() <= 2 {
                return Err(Refusal::TooManyApart { radios: listed(chain), servers: listed(servers) });
            }
        }
    }
    Ok(())
}

fn too_many(group: &[&RadioName], servers: &BTreeSet<&HostName>) -> Result<(), Refusal> {
    if group.len() <= servers.len() {
        return Ok(());
    }
    Err(Refusal::TooManyApart { radios: listed(group), servers: listed(servers) })
}

/// The radios that hang together with the first one, if two servers cannot keep them apart.
fn odd_chain<'a>(first: &'a RadioName, pairs: &BTreeMap<&'a RadioName, BTreeSet<&'a RadioName>>) -> Option<Vec<&'a RadioName>> {
    let mut side = BTreeMap::from([(first, false)]);
    let mut open = vec![first];
    let mut odd = false;
    while let Some(radio) = open.pop() {
        for &other in &pairs[radio] {
            match side.get(other) {
                Some(known) => odd |= *known == side[radio],
                None => {
                    side.insert(other, !side[radio]);
                    open.push(other);
                }
            }
        }
    }
    odd.then(|| side.into_keys().collect())
}
