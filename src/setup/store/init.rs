//! `baton pool init`: the store in the cluster file, and the commands for every host.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use super::cluster::{Cluster, Machine, address, hosts, members};
use super::{CLIENTS, InitArgs, MemberAt};
use crate::setup::files::{Rights, put};
use crate::setup::unit;
use config::RadioViews;
use protocol::{ErrorCode, Failure};

/// Members where nobody says how many: one may be lost.
const USUAL: usize = 3;

/// Writes the store into the cluster file, unless it has one. Returns what is left to do.
///
/// # Errors
/// Those of [`super::run`]; nothing is written then.
pub(super) fn init(file: &Path, args: &InitArgs) -> Result<String, Failure> {
    let file = &std::path::absolute(file)
        .map_err(|e| Failure::new(ErrorCode::Config, format!("{} is no path of a file: {e}", file.display())))?;
    let views = RadioViews::load_before_its_store(file)?;
    let mut said = String::new();
    match &views.whole().store {
        Some(store) => {
            let wanted = args.member.iter().map(|member| endpoint(&views, member)).collect::<Result<Vec<_>, _>>()?;
            if !wanted.is_empty() && wanted != store.endpoints {
                let text = format!("{} has a store with other members; nothing was changed", file.display());
                return Err(Failure::new(ErrorCode::Config, text).hint(
                    "to change members, edit `endpoints` there, copy the file to every host, and use baton pool join and leave",
                ));
            }
            let _ = writeln!(said, "{} has a store, and stays as it is.", file.display());
        }
        None => {
            write(file, &views, args)?;
            let _ = writeln!(said, "{} has a store now: the section [pool.store].", file.display());
        }
    }
    let cluster = Cluster::load(file)?;
    said.push_str(&commands(&cluster, file));
    Ok(said)
}

/// Where that member answers clients.
fn endpoint(views: &RadioViews, member: &MemberAt) -> Result<SocketAddr, Failure> {
    let name = match member {
        MemberAt::Address(address) => return Ok(*address),
        MemberAt::Host(name) => name,
    };
    let found = hosts(views).find(|(host, _)| *host == name).map(|(_, address)| SocketAddr::new(address, CLIENTS));
    found.ok_or_else(|| {
        let known: Vec<&str> = hosts(views).map(|(name, _)| name.as_str()).collect();
        Failure::new(ErrorCode::BadRequest, format!("the cluster file has no host {name} with an address"))
            .hint(format!("its hosts are {}; another machine is named by its address", known.join(", ")))
    })
}

fn chosen(views: &RadioViews, args: &InitArgs) -> Result<Vec<SocketAddr>, Failure> {
    if !args.member.is_empty() {
        return args.member.iter().map(|member| endpoint(views, member)).collect();
    }
    let servers = views.servers().iter().filter_map(|(name, server)| Some((name, address(&server.command)?)));
    let servers: Vec<_> = servers.take(USUAL).collect();
    if servers.len() < USUAL {
        let named: Vec<String> = servers.iter().map(|(name, _)| format!("--member {name} ")).collect();
        let text = format!("a store needs {USUAL} members, and the pool has {} servers with an address", servers.len());
        return Err(Failure::new(ErrorCode::BadRequest, text).hint(format!(
            "name another machine as the third one, such as this one: baton pool init {}--member ADDRESS",
            named.concat()
        )));
    }
    Ok(servers.into_iter().map(|(_, address)| SocketAddr::new(address, CLIENTS)).collect())
}

fn write(file: &Path, views: &RadioViews, args: &InitArgs) -> Result<(), Failure> {
    if views.radios().values().all(|view| view.in_pool.is_none()) {
        let text = format!("{} is a cluster of two servers and one radio, which has no store", file.display());
        return Err(Failure::new(ErrorCode::Config, text).hint(
            "docs/pool.md has the cluster file of a pool: [pool.server.NAME] and [pool.radio.NAME] in the place of [roles]",
        ));
    }
    if views.whole().key_file.is_none() {
        let text = format!("{} names no key_file, from which the store's certificates are made", file.display());
        return Err(Failure::new(ErrorCode::Config, text).hint("a pool on several machines has a cluster key: docs/setup.md"));
    }
    let endpoints = chosen(views, args)?;
    if endpoints.len() < USUAL {
        let text = format!("a store of {} members is lost with the first one that is lost", endpoints.len());
        return Err(Failure::new(ErrorCode::BadRequest, text).hint("name three members, or five"));
    }
    members(views, &endpoints)?;
    let folder = &args.certificates;
    if !folder.is_absolute() {
        let text = format!("{} is no absolute path: every host has the certificates in the same place", folder.display());
        return Err(Failure::new(ErrorCode::BadRequest, text).hint("--certificates /etc/baton/store"));
    }
    let failed = |e: &dyn std::fmt::Display| {
        Failure::new(ErrorCode::Io, format!("{} cannot be changed: {e}", file.display())).hint("run it as root")
    };
    let text = std::fs::read_to_string(file).map_err(|e| failed(&e))?;
    let quoted = |text: &dyn std::fmt::Display| toml::Value::String(text.to_string()).to_string();
    let listed: Vec<String> = endpoints.iter().map(|endpoint| quoted(endpoint)).collect();
    let section = format!("\n[pool.store]\nendpoints = [{}]\ncertificates = {}\n", listed.join(", "), quoted(&folder.display()));
    let text = format!("{}\n{section}", text.trim_end());
    RadioViews::parse(&text).map_err(|failure| {
        failure.hint(format!("nothing was changed; write into {} yourself:{}", file.display(), section.replace('\n', "\n       ")))
    })?;
    let rights = Rights::of(file).map_err(|e| failed(&e))?;
    put(file, text.as_bytes(), rights, true).map_err(|e| failed(&e))
}

/// The commands for every host, in the order in which they are typed.
fn commands(cluster: &Cluster, file: &Path) -> String {
    let (file, machines) = (file.display(), cluster.machines());
    let count = cluster.members.len();
    let mut text = format!("{count} members: the loss of {} is survived.", count.saturating_sub(1) / 2);
    if count.is_multiple_of(2) {
        let _ = write!(text, " {} survive as many.", count - 1);
    }
    text.push_str("\n\nOn every host, as root, with this cluster file and the cluster's key there:\n");
    for Machine { name, member, is_server } in &machines {
        let address = cluster.address(name).map_or_else(|| name.to_string(), |address| address.to_string());
        let bracketed = if address.contains(':') { format!("[{address}]") } else { address.clone() };
        let install = if member.is_some() { "apt-get install -y etcd-server && " } else { "" };
        let restart = if *is_server { format!(" && systemctl restart {}", unit(name)) } else { String::new() };
        let what = if member.is_some() { "a member" } else { "no member, and asks them" };
        let _ = writeln!(
            text,
            "\n{name}, {what}:\n    scp -p {file} root@{bracketed}:{file}\n    ssh root@{address} '{install}baton --config {file} pool join {name}{restart}'"
        );
    }
    let member = cluster.members.first();
    if let Some((clients, peers)) = member.map(|member| (member.endpoint.port(), member.peer().port())) {
        let _ = writeln!(
            text,
            "\nThe first member waits for a second one; from the second one on there is a quorum. Each command may be repeated.\n\
             A packet filter on a member has to let in TCP to its ports {clients} (servers of the pool) and {peers} (the other members)."
        );
    }
    let _ = write!(text, "\nThen, from this machine, the last line is about the store:\n    baton --config {file} pool status\n");
    text
}
