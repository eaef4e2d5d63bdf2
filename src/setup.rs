//! How a cluster is set up on real hosts: `baton init` writes the cluster file and the key, `baton pool init`, `join` and `leave` set the pool's store up,
//! and a host is examined for `baton doctor`.
//!
//! What a host looks like is gathered by `look`, as plain facts; what is right and wrong about it is decided by `judge`, which touches nothing.

pub mod doctor;
pub mod facts;
mod files;
pub mod init;
mod judge;
mod look;
#[cfg(feature = "etcd")]
pub mod store;

use std::sync::Arc;

use chrono::Utc;

use config::{Config, HostName};
use facts::{Asked, HeldAddress};
use protocol::{Examination, Failure};

/// Version of this baton.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An agent with all its connections, both processes and its files stays below half of this.
pub const DESCRIPTORS: u64 = 1024;

/// Looks at the host on which this process runs. `held` is what its networks have answered to the question who has its addresses.
///
/// # Errors
/// [`protocol::ErrorCode::Config`] for a host that the configuration does not name, [`protocol::ErrorCode::Environment`] without netlink.
pub async fn examine(config: Arc<Config>, host: &str, held: Vec<HeldAddress>, asked: Asked) -> Result<Examination, Failure> {
    let facts = look::at_host(Arc::clone(&config), host, held, asked).await?;
    Ok(Examination {
        version: VERSION.to_owned(),
        at: Utc::now(),
        cluster_file: cluster_file_digest(&config)?,
        radio_port_mac: facts.radio_port.found.as_ref().and_then(|port| port.mac.clone()),
        findings: judge::all(&facts),
    })
}

/// The Ethernet interface of this machine that has an address.
pub async fn interface_with(address: std::net::Ipv4Addr) -> Option<String> {
    let network = look::network::Network::read().await.ok()?;
    let has = |text: &String| text.parse::<config::Cidr>().is_ok_and(|own| own.address() == address);
    let mut ethernet = network.ethernet();
    ethernet.find(|interface| interface.port.addresses.iter().any(has)).map(|interface| interface.port.name.clone())
}

/// SHA-256 of a cluster file as it was understood: neither comments nor the order of its sections count.
///
/// # Errors
/// [`protocol::ErrorCode::Internal`] when it has no JSON form; none is known.
pub fn cluster_file_digest(config: &Config) -> Result<String, Failure> {
    let text = serde_json::to_vec(config).map_err(|e| {
        Failure::new(protocol::ErrorCode::Internal, format!("the cluster file cannot be compared with that of other hosts: {e}"))
    })?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &text);
    Ok(digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The name of the unit that runs a host's agent.
fn unit(host: &HostName) -> String {
    format!("baton-agent@{host}.service")
}
