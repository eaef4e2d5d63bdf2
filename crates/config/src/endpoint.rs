//! Where an agent listens: `tcp://address:port` or `ipc://path`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::BadValue;
use protocol::{ErrorCode, Failure};

/// Longest path of a Unix socket, bytes (`sun_path` less the final zero).
const LONGEST_PATH: usize = 107;

/// A ZeroMQ endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Endpoint {
    /// `tcp://host:port`; `*` stands for every address.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port, 1 or more.
        port: u16,
    },
    /// `ipc://path`.
    Ipc(PathBuf),
}

impl FromStr for Endpoint {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let wrong = || {
            BadValue::new(
                format_args!("{text:?} is not an endpoint"),
                "write tcp://10.77.0.11:7600 or ipc:///run/baton/server1.sock",
            )
        };
        if text.contains(|c: char| c.is_control()) {
            return Err(wrong());
        }
        if let Some(path) = text.strip_prefix("ipc://") {
            if path.len() > LONGEST_PATH {
                let wrong = format_args!("the path of {text:?} has {} bytes", path.len());
                return Err(BadValue::new(wrong, format_args!("the path of a Unix socket has at most {LONGEST_PATH} bytes")));
            }
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::Ipc(path.into())) };
        }
        let (host, port) = text.strip_prefix("tcp://").and_then(|rest| rest.rsplit_once(':')).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(|c: char| c == '/' || c.is_whitespace()) {
            return Err(wrong());
        }
        let host = if host == "*" { "0.0.0.0" } else { host };
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for Endpoint {
    type Error = BadValue;

    fn try_from(text: String) -> Result<Self, BadValue> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Ipc(path) => write!(f, "ipc://{}", path.display()),
        }
    }
}

impl Endpoint {
    /// The IPv4 address, where it is one that other hosts can send to.
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Tcp { host, .. } => host.parse().ok().filter(|address: &Ipv4Addr| !address.is_unspecified()),
            Self::Ipc(_) => None,
        }
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Ipc(_) => true,
            Self::Tcp { host, .. } => host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        }
    }

    /// The same for two ways to write one place.
    pub(crate) fn place(&self) -> Self {
        match self {
            Self::Tcp { host, port } if host.eq_ignore_ascii_case("localhost") => {
                Self::Tcp { host: "127.0.0.1".into(), port: *port }
            }
            Self::Tcp { host, port } => Self::Tcp { host: host.to_ascii_lowercase(), port: *port },
            // Paths compare by their parts.
            Self::Ipc(path) => Self::Ipc(path.clone()),
        }
    }

    /// The addresses behind a TCP endpoint.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when the host has no address.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        let Self::Tcp { host, port } = self else { return Ok(Vec::new()) };
        (host.as_str(), *port)
            .to_socket_addrs()
            .map(Iterator::collect)
            .map_err(|e| Failure::new(ErrorCode::Config, format!("the host of {self} has no address: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_or_refused_with_a_sentence() {
        for (text, shown, local) in [
            ("tcp://10.77.0.11:7600", "tcp://10.77.0.11:7600", false),
            ("tcp://127.0.0.1:7600", "tcp://127.0.0.1:7600", true),
            ("tcp://127.9.0.1:1", "tcp://127.9.0.1:1", true),
            ("tcp://localhost:1", "tcp://localhost:1", true),
            ("tcp://*:7600", "tcp://0.0.0.0:7600", false),
            ("tcp://[::1]:7600", "tcp://[::1]:7600", true),
            ("ipc:///run/a.sock", "ipc:///run/a.sock", true),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.to_string().as_str(), endpoint.is_local()), (shown, local), "{text}");
        }
        for text in [
            "",
            "10.0.0.1:7600",
            "tcp://",
            "tcp://a",
            "tcp://:1",
            "tcp://a:70000",
            "tcp://a:0",
            "tcp://a b:1",
            "tcp://a/b:1",
            "ipc://",
            "udp://a:1",
        ] {
            assert!(text.parse::<Endpoint>().unwrap_err().wrong.contains("is not an endpoint"), "{text}");
        }
    }
    #[test]
    fn a_path_that_no_socket_can_have_is_refused() {
        let path = |length: usize| format!("ipc://{}", "a".repeat(length)).parse::<Endpoint>();
        assert!(path(107).is_ok());
        assert!(path(108).unwrap_err().allowed.contains("at most 107 bytes"));
    }
}
