//! The pool's store as the cluster file has it: who is a member, and how the members are asked.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{EtcdMember, EtcdMembership, EtcdSettings, Security, Timing};

use crate::link::key::Keys;
use crate::link::store_certificate::{StoreAuthority, Subject};
use config::{Endpoint, HostName, PoolStore, RadioViews};
use protocol::{ErrorCode, Failure};

/// Within this time a member that can answer has answered, TLS included.
const ATTEMPT: Duration = Duration::from_secs(2);

/// A member, as the cluster file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Of its host; of a machine that is no host its address.
    pub name: HostName,
    /// Where it answers clients.
    pub endpoint: SocketAddr,
}

impl Member {
    /// Where it answers the other members: the next port.
    pub fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.endpoint.ip(), self.endpoint.port().saturating_add(1))
    }

    /// Whether that is this one, as etcd knows it.
    pub fn is(&self, listed: &EtcdMember) -> bool {
        listed.peer_urls.iter().any(|url| address_of(url) == Some(self.peer()))
    }
}

/// The address in a URL of etcd.
pub(super) fn address_of(url: &str) -> Option<SocketAddr> {
    url.split_once("://")?.1.parse().ok()
}

/// A machine that takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub name: HostName,
    /// It votes.
    pub member: Option<Member>,
    /// It is a server of the pool, whose agent asks the store.
    pub is_server: bool,
}

/// A cluster file with a store.
pub(super) struct Cluster {
    pub views: RadioViews,
    pub store: PoolStore,
    pub members: Vec<Member>,
    /// Who issues certificates; none: the store has no TLS.
    pub authority: Option<StoreAuthority>,
}

/// The address at which other machines reach a host's agent.
pub(super) fn address(command: &Endpoint) -> Option<IpAddr> {
    let mut addresses = command.addresses().ok()?.into_iter().map(|address| address.ip());
    addresses.find(|ip| !ip.is_unspecified())
}

/// Whether this machine has that address.
pub(super) fn is_here(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// All hosts with their addresses.
pub(super) fn hosts(views: &RadioViews) -> impl Iterator<Item = (&HostName, IpAddr)> {
    let servers = views.servers().iter().map(|(name, server)| (name, &server.command));
    let others = views.whole().host.iter().filter(|(name, _)| !views.servers().contains_key(*name));
    let all = servers.chain(others.map(|(name, host)| (name, &host.command)));
    all.filter_map(|(name, command)| Some((name, address(command)?)))
}

/// The members at these endpoints.
///
/// # Errors
/// [`ErrorCode::Config`] for two on one machine, and for an endpoint that leaves the members no port.
pub(super) fn members(views: &RadioViews, endpoints: &[SocketAddr]) -> Result<Vec<Member>, Failure> {
    let mut seen = BTreeSet::new();
    let member = |endpoint: &SocketAddr| {
        let (ip, wrong) =
            (endpoint.ip(), |what: String| Failure::new(ErrorCode::Config, format!("the store's endpoint {endpoint} {what}")));
        if !seen.insert(ip) {
            return Err(wrong("is on the same machine as another one".to_owned())
                .hint("members that are lost together are no quorum: one on each of three machines"));
        }
        if endpoint.port() == u16::MAX || ip.is_unspecified() {
            return Err(wrong("cannot be a member's".to_owned())
                .hint("name the address of one machine; the members answer one another at the port behind that of the endpoint"));
        }
        let host = hosts(views).find(|(_, address)| *address == ip).map(|(name, _)| name.clone());
        let name = host.map_or_else(|| name_of(ip), Ok)?;
        Ok(Member { name, endpoint: *endpoint })
    };
    endpoints.iter().map(member).collect()
}

/// The name of a machine that is no host.
fn name_of(ip: IpAddr) -> Result<HostName, Failure> {
    let name = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        // A name has no colons, and begins with a digit or a letter.
        IpAddr::V6(ip) => ip.segments().map(|segment| format!("{segment:x}")).join("-"),
    };
    name.parse().map_err(|e: config::BadValue| Failure::new(ErrorCode::Internal, format!("a member has no name: {}", e.wrong)))
}

impl Cluster {
    /// # Errors
    /// [`ErrorCode::Config`] for a file without a store, or whose store cannot be set up; those of the key.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let views = RadioViews::load(file)?;
        let Some(store) = views.whole().store.clone() else {
            return Err(Failure::new(ErrorCode::Config, format!("{} names no store of the pool", file.display()))
                .hint("baton pool init writes one into it"));
        };
        let authority = match (&store.certificates, &views.whole().key_file) {
            (None, _) => None,
            (Some(_), Some(key_file)) => Some(StoreAuthority::of(&Keys::load(key_file)?)?),
            (Some(_), None) => {
                let text = format!("{} names no key_file, from which the store's certificates are made", file.display());
                return Err(Failure::new(ErrorCode::Config, text)
                    .hint("run this where the cluster's key is; an operator's certificate is not enough"));
            }
        };
        let members = members(&views, &store.endpoints)?;
        Ok(Self { views, store, members, authority })
    }

    /// Where the certificates are; none: there is no TLS.
    pub fn certificates(&self) -> Option<&PathBuf> {
        self.store.certificates.as_ref()
    }

    pub fn scheme(&self) -> &'static str {
        if self.authority.is_some() { "https" } else { "http" }
    }

    /// Where a member answers the others.
    pub fn peer_url(&self, member: &Member) -> String {
        format!("{}://{}", self.scheme(), member.peer())
    }

    /// What is known of the machine of that name.
    fn machine(&self, name: &HostName) -> Machine {
        let member = self.members.iter().find(|member| member.name == *name).cloned();
        Machine { name: name.clone(), member, is_server: self.views.servers().contains_key(name) }
    }

    /// All machines that have something to do with the store, members first.
    pub fn machines(&self) -> Vec<Machine> {
        let others = self.views.servers().keys().filter(|name| self.members.iter().all(|member| member.name != **name));
        self.members.iter().map(|member| &member.name).chain(others).map(|name| self.machine(name)).collect()
    }

    /// The address of a machine.
    pub fn address(&self, name: &HostName) -> Option<IpAddr> {
        let member = self.members.iter().find(|member| member.name == *name).map(|member| member.endpoint.ip());
        member.or_else(|| hosts(&self.views).find(|(host, _)| *host == name).map(|(_, address)| address))
    }

    /// Which of them this machine is.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] for a name that is none of theirs or another machine's, and where none is given and it is none or several of them.
    pub fn this_machine(&self, name: Option<&HostName>) -> Result<Machine, Failure> {
        let machines = self.machines();
        let names = || machines.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>().join(", ");
        let refuse = |text: String, hint: String| Err(Failure::new(ErrorCode::BadRequest, text).hint(hint));
        let here = |machine: &&Machine| self.address(&machine.name).is_some_and(is_here);
        if let Some(name) = name {
            let Some(machine) = machines.iter().find(|machine| machine.name == *name) else {
                return refuse(format!("{name} has nothing to do with the pool's store"), format!("who has: {}", names()));
            };
            return match self.address(name) {
                Some(address) if !is_here(address) => {
                    refuse(format!("this machine is not {name}: it does not have {address}"), format!("run it on {name}"))
                }
                _ => Ok(machine.clone()),
            };
        }
        let found: Vec<&Machine> = machines.iter().filter(here).collect();
        match found.as_slice() {
            [machine] => Ok((*machine).clone()),
            [] => refuse(
                "this machine has no address of a server or of a member of the store".to_owned(),
                format!("those are {}", names()),
            ),
            _ => refuse("this machine has the addresses of several hosts".to_owned(), format!("name it: {}", names())),
        }
    }

    /// The members at these endpoints, each call for so long.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when no certificate can be made for asking.
    pub fn ask(&self, endpoints: impl Iterator<Item = SocketAddr>, deadline: Duration) -> Result<EtcdMembership, Failure> {
        let security = self.authority.as_ref().map(|authority| {
            let issued = authority.issue(&Subject::Client("baton pool".to_owned()))?;
            Security::from_pem(authority.roots().as_bytes(), issued.certificate.as_bytes(), issued.key.as_bytes())
                .map_err(Failure::from)
        });
        let timing = Timing { deadline, ..Timing::default() };
        let settings = EtcdSettings::new(endpoints.map(|endpoint| endpoint.to_string()).collect());
        Ok(EtcdMembership::new(EtcdSettings { security: security.transpose()?, attempt: ATTEMPT, timing, ..settings }))
    }

    /// The other members than that one.
    pub fn others<'a>(&'a self, member: &'a Member) -> impl Iterator<Item = SocketAddr> + 'a {
        self.members.iter().map(|other| other.endpoint).filter(|endpoint| *endpoint != member.endpoint)
    }
}
