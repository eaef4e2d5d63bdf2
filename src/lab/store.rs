//! The pool's store in the lab: three members of etcd or more, one in the namespace of each server, in memory.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use super::programs::Program;
use super::topology::pool::PoolSize;
use super::topology::{CONSOLE, Server};
use config::PoolStore;
use protocol::{ErrorCode, Failure, Trying};

/// Where the members keep their data.
const DATA: &str = "/run/baton/etcd";
/// A member allocates 128 MB for its log beforehand.
const DATA_SIZE: u64 = 1 << 30;
/// Where members answer clients, and one another.
const CLIENTS: u16 = 2379;
const PEERS: u16 = 2380;
/// Where Debian has it.
const PROGRAM: &str = "/usr/bin/etcd";
/// The console, which votes where there are two servers.
const THIRD: Server = Server { name: CONSOLE, management: "10.77.0.1/24" };

/// Hosts with a member. Two agree on nothing when one of them is lost, so the console is the third.
fn hosts(size: PoolSize) -> Vec<Server> {
    let third = (size.servers < 3).then_some(THIRD);
    size.servers().iter().copied().chain(third).collect()
}

/// What the cluster file says of it.
///
/// # Errors
/// There is no etcd on this machine.
pub fn settings(size: PoolSize) -> Result<PoolStore, Failure> {
    program()?;
    let address = |host: Server| host.ip().parse().map(|ip: IpAddr| SocketAddr::new(ip, CLIENTS));
    let endpoints: Result<Vec<_>, _> = hosts(size).into_iter().map(address).collect();
    endpoints.map(PoolStore::new).map_err(|e| Failure::new(ErrorCode::Internal, format!("an address of the lab: {e}")))
}

/// etcd where `scripts/install-etcd` puts it beside the build, or on the machine.
fn program() -> Result<PathBuf, Failure> {
    let baton = std::env::current_exe().trying(|| "the path of this program could not be read")?;
    let beside = baton.parent().and_then(Path::parent).map(|target| target.join("etcd/usr/bin/etcd"));
    beside.into_iter().chain([PROGRAM.into()]).find(|file| file.exists()).ok_or_else(|| {
        Failure::new(ErrorCode::Environment, "there is no etcd on this machine, in which a pool keeps who owns which radio")
            .hint("run scripts/install-etcd, or install Debian's etcd-server")
    })
}

/// The members, and a place for their data.
///
/// # Errors
/// There is no etcd on this machine, or no memory to be had for the data.
pub fn members(size: PoolSize) -> Result<Vec<Program>, Failure> {
    std::fs::create_dir_all(DATA).trying(|| format!("{DATA} could not be made"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let options = format!("mode=0700,size={DATA_SIZE}");
    mount(Some("tmpfs"), DATA, Some("tmpfs"), flags, Some(options.as_str())).trying(|| format!("{DATA} could not be mounted"))?;
    let program = program()?.display().to_string();
    let hosts = hosts(size);
    let peers = |host: &Server| format!("http://{}:{PEERS}", host.ip());
    let cluster: Vec<String> = hosts.iter().map(|host| format!("{}={}", host.name, peers(host))).collect();
    Ok(hosts.iter().map(|host| member(host, &program, &peers(host), &cluster.join(","))).collect())
}

fn member(host: &Server, program: &str, peers: &str, cluster: &str) -> Program {
    let clients = format!("http://{}:{CLIENTS}", host.ip());
    let options = [
        ("name", host.name),
        ("data-dir", &format!("{DATA}/{}", host.name)),
        ("listen-client-urls", &clients),
        ("advertise-client-urls", &clients),
        ("listen-peer-urls", peers),
        ("initial-advertise-peer-urls", peers),
        ("initial-cluster", cluster),
        ("initial-cluster-state", "new"),
        ("auto-compaction-retention", "1h"),
    ];
    let mut command = vec![program.to_owned(), "--pre-vote".to_owned()];
    command.extend(options.iter().map(|(name, value)| format!("--{name}={value}")));
    Program {
        title: format!("the etcd of {}", host.name),
        log: format!("etcd-{}", host.name),
        namespace: host.name.to_owned(),
        again: command.clone(),
        command,
        // Whatever it says first: agents wait for a quorum by themselves.
        ready: String::new(),
    }
}
