//! Who is at the other end of a connection, and how that is known.

use std::fmt;
use std::net::SocketAddr;

/// What a certificate of the cluster names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The agent of this host.
    Host(String),
    /// A console or a script of this operator, `user@host`.
    Operator(String),
}

const HOST: &str = "baton:host:";
const OPERATOR: &str = "baton:operator:";
/// Longest name read from a certificate, bytes.
const LONGEST: usize = 255;

impl Identity {
    /// As a URI, which a certificate carries as the name of its subject.
    pub(super) fn to_uri(&self) -> String {
        let (scheme, name) = match self {
            Self::Host(name) => (HOST, name),
            Self::Operator(name) => (OPERATOR, name),
        };
        let mut uri = scheme.to_owned();
        for byte in name.bytes().take(LONGEST) {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'@' => uri.push(char::from(byte)),
                other => uri.push_str(&format!("%{other:02X}")),
            }
        }
        uri
    }

    /// Reads such a URI; `None` for any other.
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        if let Some(name) = uri.strip_prefix(HOST) {
            return decode(name).map(Self::Host);
        }
        uri.strip_prefix(OPERATOR).and_then(decode).map(Self::Operator)
    }
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

    /// Who an order is by, given who its sender says: what a certificate says counts; root and the agent's own user may speak for another.
    pub(super) fn ordered_by(&self, said: String) -> String {
        match &self.who {
            Who::Certified(Identity::Operator(name)) => name.clone(),
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
            Who::Certified(Identity::Operator(name)) => write!(f, "{}", name.escape_debug())?,
            Who::User { uid, name } => write!(f, "{name} (uid {uid}) on this machine")?,
            Who::Unknown => f.write_str("somebody")?,
        }
        self.address.map_or(Ok(()), |address| write!(f, " at {address}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_survive_as_uris() {
        for name in ["server1", "ada@lab", "with space", "100%", "ü\u{1b}[2J", "-"] {
            for identity in [Identity::Host(name.into()), Identity::Operator(name.into())] {
                let uri = identity.to_uri();
                assert!(uri.is_ascii() && !uri.contains([' ', '\u{1b}']), "{uri}");
                assert_eq!(Identity::from_uri(&uri), Some(identity));
            }
        }
        for other in ["", "baton:host:", "http://x", "baton:host:%4", "baton:host:%zz", "baton:host:%ff"] {
            assert_eq!(Identity::from_uri(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_certificate_says_counts_more_than_what_a_sender_says() {
        let by = |who: Who, said: &str| Peer { who, address: None }.ordered_by(said.into());
        assert_eq!(by(Who::Certified(Identity::Operator("ada@lab".into())), "bob@lab"), "ada@lab");
        let root = || Who::User { uid: 0, name: "root".into() };
        assert_eq!(by(root(), "ada@lab"), "ada@lab (as root)");
        assert_eq!(by(root(), "root@lab"), "root@lab");
        assert_eq!(by(root(), ""), "root");
        assert_eq!(by(Who::Unknown, "ada@lab"), "ada@lab");
    }
}
