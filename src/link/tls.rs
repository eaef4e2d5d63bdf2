//! Mutual TLS 1.3 between the hosts and operators of a cluster.
//!
//! Nothing here depends on a clock: certificates are valid at a fixed time, and that is the time it is.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ServerConfig, version};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::certificate::{AGENT, Certified, Credentials, MadeOf};
use super::identity::Identity;
use super::stream::Socket;
use config::Config;
use protocol::{ErrorCode, Failure};

/// The time at which all certificates are judged: 2020-01-01, within the validity of each (1975 to 4096).
const NOW: u64 = 1_577_836_800;

#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW)))
    }
}

/// How often this process was told that keys have changed.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// From now on every new connection of this process reads the keys again first; connections that are open stay.
pub fn reread_keys() {
    CHANGES.fetch_add(1, Ordering::Relaxed);
}

/// Both sides of TLS for one process of a cluster.
#[derive(Clone)]
pub struct Tls {
    shared: Arc<Shared>,
}

struct Shared {
    credentials: Credentials,
    state: Mutex<State>,
}

struct State {
    sides: Sides,
    /// What tells the authorities and the certificate that they are made of from others.
    made_of: MadeOf,
    /// The change that they are of.
    change: u64,
}

#[derive(Clone)]
struct Sides {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

impl Tls {
    /// TLS as the configuration has it; none where it names neither a key nor an identity.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when what it names cannot be used.
    pub fn of(config: &Config, identity: &Identity) -> Result<Option<Self>, Failure> {
        let credentials = match (&config.key_file, &config.identity_file, identity) {
            (Some(file), _, _) => Credentials::KeyFile(file.clone(), identity.clone()),
            (None, Some(file), Identity::Operator(_)) => Credentials::IdentityFile(file.clone()),
            (None, Some(_), Identity::Host(host)) => {
                let text = format!("the agent of {host} needs the cluster's key: identity_file is for operators");
                return Err(Failure::new(ErrorCode::Config, text).hint("name key_file in this host's configuration"));
            }
            (None, None, _) => return Ok(None),
        };
        Self::with(credentials).map(Some)
    }

    /// TLS with these credentials.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when they cannot be used, [`ErrorCode::Internal`] when a certificate cannot be made.
    pub fn with(credentials: Credentials) -> Result<Self, Failure> {
        let change = CHANGES.load(Ordering::Relaxed);
        let certified = credentials.certified()?;
        let (sides, made_of) = (Sides::of(&certified)?, certified.made_of);
        Ok(Self { shared: Arc::new(Shared { credentials, state: Mutex::new(State { sides, made_of, change }) }) })
    }

    /// Reads what this process shows who it is with once more, where it has changed; whether it has.
    pub(super) fn reread(&self) -> bool {
        let Ok(certified) = self.shared.credentials.certified() else { return false };
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        match Sides::of(&certified) {
            Ok(sides) if state.made_of != certified.made_of => {
                (state.sides, state.made_of) = (sides, certified.made_of);
                true
            }
            _ => false,
        }
    }

    /// What new connections use. Keys that cannot be read leave those in place that could.
    fn sides(&self) -> Sides {
        // A change under the lock is one assignment.
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let change = CHANGES.load(Ordering::Relaxed);
        if state.change != change {
            state.change = change;
            let certified = self.shared.credentials.certified();
            match certified.and_then(|certified| Ok((Sides::of(&certified)?, certified.made_of))) {
                Ok((sides, made_of)) => (state.sides, state.made_of) = (sides, made_of),
                Err(failure) => tracing::error!("the keys that were read before stay in use: {failure}"),
            }
        }
        state.sides.clone()
    }

    /// The server's side of the handshake, and whom the client's certificate names.
    ///
    /// # Errors
    /// Those of the socket; `InvalidData` and others of rustls for a client without a certificate of this cluster.
    pub(super) async fn accept(&self, socket: Socket) -> io::Result<(TlsStream<Socket>, Identity)> {
        let stream = self.sides().acceptor.accept(socket).await?;
        identified(TlsStream::Server(stream))
    }

    /// The client's side of the handshake, and whom the agent's certificate names.
    ///
    /// # Errors
    /// As [`Tls::accept`].
    pub(super) async fn connect(&self, socket: Socket) -> io::Result<(TlsStream<Socket>, Identity)> {
        let agent = ServerName::try_from(AGENT).map_err(io::Error::other)?;
        let stream = self.sides().connector.connect(agent, socket).await?;
        identified(TlsStream::Client(stream))
    }
}

impl Sides {
    fn of(certified: &Certified) -> Result<Self, Failure> {
        let failed = |e: &dyn std::fmt::Display| Failure::new(ErrorCode::Internal, format!("TLS cannot be set up: {e}"));
        let Certified { roots, chain, key, .. } = certified;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let time: Arc<dyn TimeProvider> = Arc::new(FixedTime);

        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider)).build();
        let mut server = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::clone(&time))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|e| failed(&e))?
            .with_client_cert_verifier(verifier.map_err(|e| failed(&e))?)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|e| failed(&e))?;
        // Each session stands for itself: nothing recorded can be used in another.
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        let mut client = ClientConfig::builder_with_details(provider, time)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|e| failed(&e))?
            .with_root_certificates(Arc::clone(roots))
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(|e| failed(&e))?;
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(server)), connector: TlsConnector::from(Arc::new(client)) })
    }
}

fn identified(stream: TlsStream<Socket>) -> io::Result<(TlsStream<Socket>, Identity)> {
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).cloned();
    let identity = certificate.and_then(|certificate| {
        let certificate = webpki::EndEntityCert::try_from(&certificate).ok()?;
        Identity::from_uris(certificate.valid_uri_names())
    });
    let identity = identity.ok_or_else(|| io::Error::other("the peer's certificate names nobody"))?;
    Ok((stream, identity))
}
