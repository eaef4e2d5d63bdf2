//! The pool's store: etcd, which knows who owns which radio.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{BadValue, number};

/// Who serves again what has ended by itself: a lost server's radios, and work whose process died.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailoverPolicy {
    /// The agents: the server's own at once, their leader when the server has not been there for a lease and the grace.
    #[default]
    Automatic,
    /// Whoever operates the pool: `baton do recover`, `baton pool failover`.
    Manual,
}

/// Where the store is, and when a server that is missing counts as lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolStore {
    /// Where the members of etcd answer clients; at least one.
    #[serde(deserialize_with = "endpoints")]
    pub endpoints: Vec<SocketAddr>,
    /// Folder with `ca.pem`, and `HOST.pem` and `HOST-key.pem` of the host that reads them; absent: without TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<PathBuf>,
    /// How long a server counts as there that says nothing; 2 to 60 s, in seconds in the file.
    #[serde(rename = "lease_s", default = "PoolStore::default_lease", with = "number::lease")]
    pub lease: Duration,
    /// How long after that its radios are waited for; 0 to 600 s, in seconds in the file.
    #[serde(rename = "grace_s", default = "PoolStore::default_grace", with = "number::grace")]
    pub grace: Duration,
    /// Who serves again what has ended by itself.
    #[serde(default)]
    pub failover: FailoverPolicy,
}

impl PoolStore {
    /// With these members, and the usual times.
    pub fn new(endpoints: Vec<SocketAddr>) -> Self {
        Self {
            endpoints,
            certificates: None,
            lease: Self::default_lease(),
            grace: Self::default_grace(),
            failover: FailoverPolicy::default(),
        }
    }

    /// A leader of etcd that has died is missed for 1.3 s, in which no lease is renewed.
    fn default_lease() -> Duration {
        Duration::from_secs(5)
    }

    fn default_grace() -> Duration {
        Duration::from_secs(2)
    }
}

fn endpoints<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SocketAddr>, D::Error> {
    let mut endpoints: Vec<SocketAddr> = Vec::new();
    for text in Vec::<String>::deserialize(from)? {
        let endpoint = text.parse().ok().filter(|address: &SocketAddr| address.port() > 0 && !address.ip().is_multicast());
        let wrong = || BadValue::new(format_args!("{text:?} is not an address with a port"), "write it like 10.77.0.11:2379");
        let endpoint = endpoint.ok_or_else(|| D::Error::custom(wrong()))?;
        if endpoints.contains(&endpoint) {
            return Err(D::Error::custom(BadValue::new(format_args!("{endpoint} is named twice"), "name each member once")));
        }
        endpoints.push(endpoint);
    }
    if endpoints.is_empty() {
        return Err(D::Error::custom(BadValue::new("the store has no member", "name each: [\"10.77.0.11:2379\"]")));
    }
    Ok(endpoints)
}
