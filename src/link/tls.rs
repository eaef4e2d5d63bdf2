//! Mutual TLS 1.3 between the hosts and operators of a cluster.
//!
//! Both ends derive the cluster's certificate authority from the cluster key, and each process issues itself a certificate that names who it is. So
//! the cluster key stays the one secret. Nothing here depends on a clock: certificates are valid at a fixed time, and that is the time it is.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rcgen::{KeyUsagePurpose, PKCS_ED25519, SanType};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig, version};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::identity::Identity;
use super::key::Key;
use super::stream::Socket;
use protocol::{ErrorCode, Failure};

/// What the authority's key is derived for.
const AUTHORITY: &str = "certificate authority, Ed25519";
/// PKCS #8 (RFC 8410) of an Ed25519 private key, up to the key itself.
const PKCS8_ED25519: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// Every agent's certificate carries this name beside its own; an operator's does not, so that no console passes for an agent.
const AGENT: &str = "agent.baton";
/// The time at which all certificates are judged: 2020-01-01, within the validity of each (1975 to 4096).
const NOW: u64 = 1_577_836_800;

#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW)))
    }
}

/// Both sides of TLS for one process of a cluster.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

impl Tls {
    /// Issues a certificate for `identity`.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when a certificate cannot be made.
    pub fn new(key: &Key, identity: &Identity) -> Result<Self, Failure> {
        let failed = |e: &dyn std::fmt::Display| Failure::new(ErrorCode::Internal, format!("no certificate can be made: {e}"));
        let authority = authority(key)?;
        let certified = certify(&authority, identity).map_err(|e| failed(&e))?;
        let roots = Arc::new(certified.roots);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let time: Arc<dyn TimeProvider> = Arc::new(FixedTime);

        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build();
        let mut server = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::clone(&time))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|e| failed(&e))?
            .with_client_cert_verifier(verifier.map_err(|e| failed(&e))?)
            .with_single_cert(certified.chain.clone(), certified.key.clone_key())
            .map_err(|e| failed(&e))?;
        // Each session stands for itself: nothing recorded can be used in another.
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        let mut client = ClientConfig::builder_with_details(provider, time)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|e| failed(&e))?
            .with_root_certificates(roots)
            .with_client_auth_cert(certified.chain, certified.key)
            .map_err(|e| failed(&e))?;
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(server)), connector: TlsConnector::from(Arc::new(client)) })
    }

    /// The server's side of the handshake, and whom the client's certificate names.
    ///
    /// # Errors
    /// Those of the socket; `InvalidData` and others of rustls for a client without a certificate of this cluster.
    pub(super) async fn accept(&self, socket: Socket) -> io::Result<(TlsStream<Socket>, Identity)> {
        let stream = self.acceptor.accept(socket).await?;
        identified(TlsStream::Server(stream))
    }

    /// The client's side of the handshake, and whom the agent's certificate names.
    ///
    /// # Errors
    /// As [`Tls::accept`].
    pub(super) async fn connect(&self, socket: Socket) -> io::Result<(TlsStream<Socket>, Identity)> {
        let agent = ServerName::try_from(AGENT).map_err(io::Error::other)?;
        let stream = self.connector.connect(agent, socket).await?;
        identified(TlsStream::Client(stream))
    }
}

fn identified(stream: TlsStream<Socket>) -> io::Result<(TlsStream<Socket>, Identity)> {
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).cloned();
    let identity = certificate.and_then(|certificate| {
        let certificate = webpki::EndEntityCert::try_from(&certificate).ok()?;
        certificate.valid_uri_names().find_map(Identity::from_uri)
    });
    let identity = identity.ok_or_else(|| io::Error::other("the peer's certificate names nobody"))?;
    Ok((stream, identity))
}

fn authority(key: &Key) -> Result<Issuer<'static, KeyPair>, Failure> {
    let pkcs8 = [&PKCS8_ED25519[..], &key.derive(AUTHORITY)?].concat();
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), &PKCS_ED25519)
        .map_err(|e| Failure::new(ErrorCode::Internal, format!("the cluster key gives no certificate authority: {e}")))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("baton cluster");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(Issuer::new(params, pair))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

struct Certified {
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn certify(authority: &Issuer<'static, KeyPair>, identity: &Identity) -> Result<Certified, Box<dyn std::error::Error>> {
    let mut root = CertificateParams::default();
    root.distinguished_name = named("baton cluster");
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let mut roots = RootCertStore::empty();
    roots.add(root.self_signed(authority.key())?.der().clone())?;

    let pair = KeyPair::generate_for(&PKCS_ED25519)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("baton");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    params.subject_alt_names = vec![SanType::URI(identity.to_uri().try_into()?)];
    if matches!(identity, Identity::Host(_)) {
        params.subject_alt_names.push(SanType::DnsName(AGENT.try_into()?));
    }
    let certificate = params.signed_by(&pair, authority)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    Ok(Certified { roots, chain: vec![certificate.der().clone()], key })
}
