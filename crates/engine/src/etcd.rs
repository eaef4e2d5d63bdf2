//! The store on etcd 3.4 and later, by its JSON gateway (`/v3/...`).

mod client;
mod endpoint;
mod gateway;
mod member;
mod members;
mod membership;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use config::HostName;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::access::Timing;
use crate::error::{Error, quoted};
use crate::store::Store;
use client::Client;
pub use member::{EtcdMember, MemberId};
pub use membership::EtcdMembership;

/// A host's client of the store on etcd.
pub type Etcd = Store<Client>;

/// Where etcd is, and how long it may take.
#[derive(Debug, Clone)]
pub struct EtcdSettings {
    /// The members' client endpoints: host and port, e.g. `10.77.0.11:2379`. The nearest one first.
    pub endpoints: Vec<String>,
    /// Certificates; none: without TLS, for loopback.
    pub security: Option<Security>,
    /// After which time without an answer another endpoint is tried.
    pub attempt: Duration,
    /// How long calls and leases take.
    pub timing: Timing,
}

impl EtcdSettings {
    /// Without TLS, another endpoint after 500 ms.
    pub fn new(endpoints: Vec<String>) -> Self {
        Self { endpoints, security: None, attempt: Duration::from_millis(500), timing: Timing::default() }
    }
}

/// Mutual TLS with the members.
#[derive(Clone)]
pub struct Security {
    connector: TlsConnector,
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Security(..)")
    }
}

impl Security {
    /// From texts in PEM: the authorities that sign the members' certificates, and this host's own certificate with its chain and its key.
    ///
    /// # Errors
    /// [`Error::Certificates`] when one of them cannot be used.
    pub fn from_pem(authorities: &[u8], chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        let wrong =
            |what: &str, e: &dyn std::fmt::Display| Error::Certificates { what: format!("{what}: {}", quoted(&e.to_string())) };
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authorities) {
            let authority = authority.map_err(|e| wrong("the authority", &e))?;
            roots.add(authority).map_err(|e| wrong("the authority", &e))?;
        }
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|e| wrong("the certificate", &e))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| wrong("the key", &e))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| wrong("TLS", &e))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|e| wrong("the certificate with its key", &e))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }
}

impl Etcd {
    /// That host's client. Nothing is connected before the first call; it needs a tokio runtime then.
    pub fn new(host: HostName, settings: EtcdSettings) -> Self {
        let EtcdSettings { endpoints, security, attempt, timing } = settings;
        let connector = security.map(|security| security.connector);
        Self::on(Client::new(endpoints, connector.as_ref(), attempt), host, timing)
    }
}
