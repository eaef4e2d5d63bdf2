//! `baton pool init`, `join` and `leave`: how a pool gets its store, members of etcd with TLS on real hosts.
//!
//! All that a host needs is in the cluster file and the cluster key, which it has anyway: who the members are, and an authority for certificates
//! ([`crate::link::store_certificate`]). Each command looks at what is there and does what is missing, so that each may be repeated.

mod certificates;
mod cluster;
mod init;
mod join;
mod leave;
mod service;
mod settings;
mod standing;
mod wait;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use config::{BadValue, HostName};
use protocol::Failure;

/// Where members answer clients, where nobody names another port. The next one is where they answer one another.
const CLIENTS: u16 = 2379;

/// What sets a pool's store up.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum StoreCommand {
    /// Writes the pool's store into the cluster file, where it names none, and says what is to be done on each host.
    Init(InitArgs),
    /// Sets this machine up for the pool's store: its certificates, and on a member etcd, started and taken in by the others.
    Join(JoinArgs),
    /// Takes a member out of the pool's store, and ends etcd on it when it is this machine.
    Leave(LeaveArgs),
}

/// Options of `baton pool init`.
#[derive(Debug, Clone, clap::Args)]
pub struct InitArgs {
    /// A member of the store: a host of the cluster file, or the address of another machine. Without it the first three servers.
    #[arg(long, value_name = "HOST|ADDRESS[:PORT]")]
    member: Vec<MemberAt>,
    /// Folder for the certificates, the same on every host.
    #[arg(long, value_name = "DIR", default_value = "/etc/baton/store")]
    certificates: PathBuf,
}

/// A member as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberAt {
    /// The host of that name.
    Host(HostName),
    /// A machine by its address, and where its etcd answers clients.
    Address(SocketAddr),
}

impl FromStr for MemberAt {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let address = text.parse::<SocketAddr>().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, CLIENTS)));
        address.map(Self::Address).or_else(|_| text.parse().map(Self::Host))
    }
}

/// Where etcd's files are on this machine.
#[derive(Debug, Clone, clap::Args)]
struct Place {
    /// File with etcd's settings: what systemd gives etcd as its environment.
    #[arg(long, value_name = "FILE", default_value = "/etc/default/etcd")]
    settings: PathBuf,
    /// Leave systemd alone: somebody else starts and ends etcd, with the settings as its environment.
    #[arg(long)]
    no_service: bool,
}

/// Options of `baton pool join`.
#[derive(Debug, Clone, clap::Args)]
pub struct JoinArgs {
    /// Which host of the cluster file this machine is; without it the one whose address this machine has.
    host: Option<HostName>,
    #[command(flatten)]
    place: Place,
    /// Folder for etcd's data. Not that of Debian's package, in which a store of one member is begun as soon as it is installed.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/etcd/baton")]
    data: PathBuf,
    /// Replace settings and certificates that baton has not written. Copies of them are kept.
    #[arg(long)]
    force: bool,
}

/// Options of `baton pool leave`.
#[derive(Debug, Clone, clap::Args)]
pub struct LeaveArgs {
    /// Whose member: a host of the cluster file, or a member's address.
    host: HostName,
    #[command(flatten)]
    place: Place,
    /// Also remove etcd's data on this machine.
    #[arg(long)]
    delete_data: bool,
    /// Also where the store has no quorum without the member, or does not answer: etcd on this machine is ended all the same.
    #[arg(long)]
    force: bool,
}

/// Runs one. Exit code 0 where nothing was to be done, too.
///
/// # Errors
/// [`protocol::ErrorCode::Config`] for a cluster file without a store and for files that are somebody else's, [`protocol::ErrorCode::State`] where
/// the store's quorum would be lost, [`protocol::ErrorCode::Unreachable`] where there is none, [`protocol::ErrorCode::Environment`] for what this
/// machine lacks.
pub fn run(file: &Path, command: &StoreCommand) -> Result<ExitCode, Failure> {
    let said = match command {
        StoreCommand::Init(args) => init::init(file, args)?,
        StoreCommand::Join(args) => join::join(file, args)?,
        StoreCommand::Leave(args) => leave::leave(file, args)?,
    };
    super::doctor::write(&said)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_named_by_host_or_by_address() {
        let at = |text: &str| text.parse::<MemberAt>();
        assert_eq!(at("server1"), Ok(MemberAt::Host("server1".parse().unwrap())));
        assert_eq!(at("10.77.0.1"), Ok(MemberAt::Address("10.77.0.1:2379".parse().unwrap())));
        assert_eq!(at("10.77.0.1:4001"), Ok(MemberAt::Address("10.77.0.1:4001".parse().unwrap())));
        assert_eq!(at("fd00::1"), Ok(MemberAt::Address("[fd00::1]:2379".parse().unwrap())));
        assert!(at("server 1").is_err() && at("").is_err());
    }
}
