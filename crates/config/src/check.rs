//! What no single value of the cluster file shows: names that must exist, and values that must differ.

use std::collections::{BTreeMap, HashMap};

use crate::{Config, HostName, RadioName};

/// Two values that do not go together.
pub struct Conflict {
    /// Keys from the top of the file down to the value to mend.
    pub path: Vec<String>,
    /// What is wrong.
    pub what: String,
}

impl Conflict {
    /// At the value of a key; `path` is from the top of the file.
    pub fn new(path: &[&str], what: String) -> Self {
        Self { path: path.iter().map(|step| (*step).to_owned()).collect(), what }
    }

    /// What is wrong in the view of a pool's radio, at the place where the pool's file has it.
    pub fn in_pool(self, radio: &str, servers: &[HostName]) -> Self {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let path = match *path {
            ["roles", "far_end"] => vec!["pool", "radio", radio, "far_end"],
            ["roles", _] => vec!["pool", "radio", radio, "servers"],
            ["addresses", key] => vec!["pool", "radio", radio, "addresses", key],
            ["host", host, "radio"] if is_server(servers, host) => vec!["radio"],
            ["host", host, "tun" | "radio_port"] if is_server(servers, host) => vec!["pool", "radio", radio, path[2]],
            ["host", host, key] if is_server(servers, host) => vec!["pool", "server", host, key],
            _ => path.clone(),
        };
        Self::new(&path, self.what)
    }
}

fn is_server(servers: &[HostName], host: &str) -> bool {
    servers.iter().any(|server| server.as_str() == host)
}

/// What the views of a pool's radios have to keep apart: a server has an interface, an address and a port for each.
///
/// # Errors
/// The first conflict, in the order of the radios' names.
pub fn pool(radios: &BTreeMap<RadioName, Config>) -> Result<(), Conflict> {
    for (index, (name, radio)) in radios.iter().enumerate() {
        for (other_name, other) in radios.iter().take(index) {
            let at = |key: &[&str], what: String| Err(Conflict::new(&[&["pool", "radio", name.as_str()], key].concat(), what));
            let Some((host, own)) = radio.host.iter().find(|(host, _)| other.host.contains_key(*host)) else { continue };
            let theirs = &other.host[host];
            for (key, interface, taken) in [("radio_port", &own.radio_port, &theirs.radio_port), ("tun", &own.tun, &theirs.tun)] {
                if [&theirs.radio_port, &theirs.tun].contains(&interface) {
                    let what = format!("{taken} of {host} is {other_name}'s already; each radio has its own");
                    return at(&[key], what);
                }
            }
            for (key, own) in [("active", radio.addresses.active), ("parked", radio.addresses.parked)] {
                let taken = [other.addresses.active, other.addresses.parked].into_iter().find(|taken| own.overlaps(*taken));
                if let Some(taken) = taken {
                    let what = format!("the subnet of {own} overlaps that of {taken}, which {host} has for {other_name}");
                    return at(&["addresses", key], what);
                }
            }
            if radio.standby.heartbeat_port == other.standby.heartbeat_port {
                let what = format!("{} is the port of {other_name} already", radio.standby.heartbeat_port);
                return at(&["standby", "heartbeat_port"], what);
            }
        }
    }
    Ok(())
}

fn conflict<const N: usize>(path: [&str; N], what: String) -> Result<(), Conflict> {
    Err(Conflict { path: path.map(str::to_owned).into(), what })
}

/// Every check, in the order of the file.
///
/// # Errors
/// The first conflict.
pub fn whole(config: &Config) -> Result<(), Conflict> {
    folders(config)?;
    terminals(config)?;
    roles(config)?;
    addresses(config)?;
    radios(config)?;
    for (name, host) in &config.host {
        if !config.radio.contains_key(&host.radio) {
            let known = listed(config.radio.keys().map(|name| name.as_str()));
            return conflict(
                ["host", name, "radio"],
                format!("there is no radio {:?}; the radios are {known}", host.radio.as_str()),
            );
        }
        if let Some(own) = host.workload.as_ref().filter(|own| own.form != config.workload.form) {
            let what = format!(
                "{} here and {} in the cluster's workload; the work that moves has one form",
                own.form, config.workload.form
            );
            return conflict(["host", name, "workload", "form"], what);
        }
        if host.radio_port == host.tun {
            return conflict(
                ["host", name, "tun"],
                format!("{:?} is the radio_port of this host; name another interface", host.tun.as_str()),
            );
        }
    }
    endpoints(config)
}

/// Names in a sentence.
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn folders(config: &Config) -> Result<(), Conflict> {
    let folders = [
        ("key_file", config.key_file.as_deref()),
        ("identity_file", config.identity_file.as_deref()),
        ("records", Some(config.records.as_path())),
        ("runtime", Some(config.runtime.as_path())),
        ("state", config.state.as_deref()),
    ];
    for (key, folder) in folders {
        if folder.is_some_and(|folder| folder.as_os_str().is_empty()) {
            return conflict([key], "the path is empty; write the path of a file or folder".into());
        }
    }
    if config.key_file.is_some() && config.identity_file.is_some() {
        return conflict(["identity_file"], "key_file says already who this machine is; name one of the two".into());
    }
    Ok(())
}

fn terminals(config: &Config) -> Result<(), Conflict> {
    for (index, terminal) in config.terminals.iter().enumerate() {
        if let Some(first) = config.terminals[..index].iter().position(|other| other == terminal) {
            let index = index.to_string();
            return conflict(
                ["terminals", &index],
                format!("{terminal} is terminal {first} already; each terminal has its own address"),
            );
        }
    }
    Ok(())
}

fn roles(config: &Config) -> Result<(), Conflict> {
    let roles = &config.roles;
    let named =
        [("initiator", Some(&roles.initiator)), ("destination", Some(&roles.destination)), ("far_end", roles.far_end.as_ref())];
    for (role, host) in named {
        let Some(host) = host.filter(|host| !config.host.contains_key(*host)) else { continue };
        let known = listed(config.host.keys().map(|name| name.as_str()));
        return conflict(["roles", role], format!("there is no host {:?}; the hosts are {known}", host.as_str()));
    }
    if roles.initiator == roles.destination {
        let what = format!("{:?} is the initiator already; initiator and destination are two hosts", roles.destination.as_str());
        return conflict(["roles", "destination"], what);
    }
    Ok(())
}

fn addresses(config: &Config) -> Result<(), Conflict> {
    let (active, parked) = (config.addresses.active, config.addresses.parked);
    for (key, address) in [("active", active), ("parked", parked)] {
        if address.is_of_no_host() {
            let what = format!("{address} is the first or last address of its subnet, which no host has; take one between them");
            return conflict(["addresses", key], what);
        }
    }
    if active.address() == parked.address() {
        return conflict(["addresses", "parked"], format!("{parked} is the active address, too; the two must differ"));
    }
    if active.overlaps(parked) {
        let what = format!("the subnet of {parked} overlaps that of the active address {active}; choose separate subnets");
        return conflict(["addresses", "parked"], what);
    }
    Ok(())
}

/// A host reaches its radio from the active address alone, and the radio answers to an address of its own.
fn radios(config: &Config) -> Result<(), Conflict> {
    let (active, parked) = (config.addresses.active, config.addresses.parked);
    for (name, radio) in &config.radio {
        let Some(address) = radio.args.address() else { continue };
        for (key, own) in [("active", active), ("parked", parked)] {
            if own.address() == address {
                let what = format!("{address} is the {key} address, which a host has; the radio has an address of its own");
                return conflict(["radio", name, "args"], what);
            }
        }
        if !active.contains(address) {
            let what = format!("{address} is outside the subnet of the active address {active}: no host would reach the radio");
            return conflict(["radio", name, "args"], what);
        }
    }
    Ok(())
}

/// An endpoint that two sockets share would give one of them the other's messages.
fn endpoints(config: &Config) -> Result<(), Conflict> {
    let mut seen: HashMap<_, (&HostName, &str)> = HashMap::new();
    for (name, host) in &config.host {
        for (key, endpoint) in [("command", &host.command), ("telemetry", &host.telemetry)] {
            if let Some((other, other_key)) = seen.insert(endpoint.place(), (name, key)) {
                let what = format!("{endpoint} is host.{other}.{other_key} already; each endpoint is used once");
                return conflict(["host", name, key], what);
            }
        }
    }
    Ok(())
}
