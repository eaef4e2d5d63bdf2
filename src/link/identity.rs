//! Who is at the other end of a connection, how that is known, and what it may ask for.

use std::fmt;
use std::net::SocketAddr;

use protocol::{Command, ErrorCode, Failure};

/// What a certificate of the cluster names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The agent of this host.
    Host(String),
    /// A console or a script of an operator.
    Operator(Operator),
}

/// An operator, as a certificate names one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operator {
    /// `user@host`.
    pub name: String,
    /// What the operator may ask for.
    pub role: Role,
}

impl Operator {
    /// The operator at this terminal, who has the cluster's key.
    pub(super) fn here() -> Self {
        Self { name: protocol::operator_name(), role: Role::Admin }
    }
}

/// What an operator may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Role {
    /// See everything, change nothing.
    Watch,
    /// Orders too, and go and cancel.
    Operate,
    /// Every command, those that set things right by hand as well.
    Admin,
}

impl Role {
    const ALL: [Self; 3] = [Self::Watch, Self::Operate, Self::Admin];

    /// Its name on the command line and in a certificate.
    pub fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    fn allows(self, command: &Command) -> bool {
        match self {
            Self::Admin => true,
            Self::Watch => command.only_reads(),
            Self::Operate => command.only_reads() || is_operators(command),
        }
    }
}

/// Whether it is what operators ask for day by day: everything behind an order is the agents' own.
fn is_operators(command: &Command) -> bool {
    matches!(
        command,
        Command::Order(_)
            | Command::Go { .. }
            | Command::Cancel { .. }
            | Command::RenewHold { .. }
            | Command::Arm
            | Command::Disarm
            | Command::Drain
            | Command::Undrain
            | Command::ProbeStart { .. }
            | Command::ProbeStop
    )
}

const HOST: &str = "baton:host:";
const OPERATOR: &str = "baton:operator:";
const ROLE: &str = "baton:role:";
/// Longest name read from a certificate, bytes.
const LONGEST: usize = 255;

impl Identity {
    /// As URIs, which a certificate carries as the names of its subject.
    pub(super) fn to_uris(&self) -> Vec<String> {
        match self {
            Self::Host(name) => vec![encode(HOST, name)],
            Self::Operator(Operator { name, role: Role::Admin }) => vec![encode(OPERATOR, name)],
            Self::Operator(Operator { name, role }) => vec![encode(OPERATOR, name), encode(ROLE, role.name())],
        }
    }

    /// Reads such URIs; `None` for any others. An operator whose certificate names no role has the cluster's key, and with it every right; one
    /// whose role this baton does not know may watch.
    pub(super) fn from_uris<'a>(uris: impl Iterator<Item = &'a str>) -> Option<Self> {
        let (mut found, mut role) = (None, Role::Admin);
        for uri in uris {
            if let Some(name) = uri.strip_prefix(ROLE) {
                role = Role::ALL.into_iter().find(|role| role.name() == name).unwrap_or(Role::Watch);
            } else if let Some(name) = uri.strip_prefix(HOST) {
                found = found.or(decode(name).map(Self::Host));
            } else if let Some(name) = uri.strip_prefix(OPERATOR) {
                found = found.or(decode(name).map(|name| Self::Operator(Operator { name, role: Role::Admin })));
            }
        }
        match found? {
            Self::Operator(operator) => Some(Self::Operator(Operator { role, ..operator })),
            host @ Self::Host(_) => Some(host),
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Host(name) | Self::Operator(Operator { name, .. }) => name,
        }
    }
}

fn encode(scheme: &str, name: &str) -> String {
    let mut uri = scheme.to_owned();
    for byte in name.bytes().take(LONGEST) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'@' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

fn decode(name: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(if byte == b'%' { digit(rest.next())? << 4 | digit(rest.next())? } else { byte });
    }
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty() && name.len() <= LONGEST)
}

/// How the other end is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// By a certificate of the cluster.
    Certified(Identity),
    /// By the kernel, as a user of this machine: on a Unix socket.
    User {
        /// Number of the account.
        uid: u32,
        /// Its name.
        name: String,
    },
    /// Not at all: on TCP without a cluster key.
    Unknown,
}

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub who: Who,
    /// Where it is, on the network.
    pub address: Option<SocketAddr>,
}

impl Peer {
    /// Whether somebody vouches for it.
    pub fn is_known(&self) -> bool {
        self.who != Who::Unknown
    }

    /// Refuses what its role does not allow.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthorized`] with the role that would do.
    pub(super) fn require_role(&self, command: &Command) -> Result<(), Failure> {
        let Who::Certified(Identity::Operator(Operator { name, role })) = &self.who else { return Ok(()) };
        if role.allows(command) {
            return Ok(());
        }
        let least = if Role::Operate.allows(command) { Role::Operate } else { Role::Admin };
        let (what, has, needs) = (command.name(), role.name(), least.name());
        let text = format!("{} has the role {has}, and {what} needs the role {needs}", name.escape_debug());
        Err(Failure::new(ErrorCode::Unauthorized, text)
            .hint(format!("whoever has the cluster's key can issue it: baton key issue NAME --role {needs}")))
    }

    /// Who an order is by, given who its sender says: what a certificate says counts; root and the agent's own user may speak for another.
    pub(super) fn ordered_by(&self, said: String) -> String {
        match &self.who {
            Who::Certified(Identity::Operator(operator)) => operator.name.clone(),
            Who::Certified(Identity::Host(name)) => format!("the agent of {name}"),
            Who::User { name, .. } if said.is_empty() => name.clone(),
            Who::User { name, .. } if said.split('@').next() != Some(name) => format!("{said} (as {name})"),
            Who::User { .. } | Who::Unknown => said,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            // Names from outside: no control characters in the journal.
            Who::Certified(Identity::Host(name)) => write!(f, "the agent of {}", name.escape_debug())?,
            Who::Certified(Identity::Operator(operator)) => write!(f, "{}", operator.name.escape_debug())?,
            Who::User { uid, name } => write!(f, "{name} (uid {uid}) on this machine")?,
            Who::Unknown => f.write_str("somebody")?,
        }
        self.address.map_or(Ok(()), |address| write!(f, " at {address}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(name: &str, role: Role) -> Identity {
        Identity::Operator(Operator { name: name.into(), role })
    }

    #[test]
    fn identities_survive_as_uris() {
        for name in ["server1", "ada@lab", "with space", "100%", "ü\u{1b}[2J", "-"] {
            let operators = Role::ALL.map(|role| operator(name, role));
            for identity in [Identity::Host(name.into())].into_iter().chain(operators) {
                let uris = identity.to_uris();
                assert!(uris.iter().all(|uri| uri.is_ascii() && !uri.contains([' ', '\u{1b}'])), "{uris:?}");
                assert_eq!(Identity::from_uris(uris.iter().map(String::as_str)), Some(identity.clone()));
                assert_eq!(Identity::from_uris(uris.iter().rev().map(String::as_str)), Some(identity), "in any order");
            }
        }
        for other in ["", "baton:host:", "http://x", "baton:host:%4", "baton:host:%zz", "baton:host:%ff", "baton:role:admin"] {
            assert_eq!(Identity::from_uris([other].into_iter()), None, "{other}");
        }
        let unknown = ["baton:operator:ada", "baton:role:owner"];
        assert_eq!(Identity::from_uris(unknown.into_iter()), Some(operator("ada", Role::Watch)), "no more than the least");
    }

    #[test]
    fn a_role_allows_what_it_says() {
        use protocol::{Method, Order};
        let may = |role: Role, command: &Command| {
            let peer = Peer { who: Who::Certified(operator("ada@lab", role)), address: None };
            peer.require_role(command).map_err(|failure| failure.message)
        };
        let order = Command::order(Order::M, Method::Hot);
        for (command, watch, operate) in [(Command::Status, true, true), (order, false, true), (Command::DoubleKill, false, false)]
        {
            assert_eq!(
                (may(Role::Watch, &command).is_ok(), may(Role::Operate, &command).is_ok()),
                (watch, operate),
                "{}",
                command.name()
            );
            assert_eq!(may(Role::Admin, &command), Ok(()));
        }
        assert_eq!(
            may(Role::Watch, &Command::DoubleKill).unwrap_err(),
            "ada@lab has the role watch, and double_kill needs the role admin"
        );
        // Agents ask each other for everything, and root is root.
        for who in [Who::Certified(Identity::Host("server1".into())), Who::User { uid: 0, name: "root".into() }, Who::Unknown] {
            assert_eq!(Peer { who, address: None }.require_role(&Command::DoubleKill), Ok(()));
        }
    }

    #[test]
    fn what_a_certificate_says_counts_more_than_what_a_sender_says() {
        let by = |who: Who, said: &str| Peer { who, address: None }.ordered_by(said.into());
        assert_eq!(by(Who::Certified(operator("ada@lab", Role::Operate)), "bob@lab"), "ada@lab");
        let root = || Who::User { uid: 0, name: "root".into() };
        assert_eq!(by(root(), "ada@lab"), "ada@lab (as root)");
        assert_eq!(by(root(), "root@lab"), "root@lab");
        assert_eq!(by(root(), ""), "root");
        assert_eq!(by(Who::Unknown, "ada@lab"), "ada@lab");
    }
}
