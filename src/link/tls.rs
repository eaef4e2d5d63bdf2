//! Mutual TLS 1.3 between the hosts and operators of a cluster.
//!
//! Nothing here depends on a clock: certificates are valid at a fixed time, and that is the time it is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ServerConfig, version};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::certificate::{AGENT, Certified, Credentials, MadeOf};
use super::identity::Identity;
use super::key::Keys;
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

/// The keys that this process was told of last.
static TOLD: Mutex<Option<ToldKeys>> = Mutex::new(None);

struct ToldKeys {
    change: u64,
    key_file: PathBuf,
    keys: Keys,
}

/// From now on every new connection of this process that uses that key file uses these keys, which its caller has read: no handshake waits for a
/// disk. Connections that are open stay.
pub fn use_keys(key_file: &Path, keys: Keys) {
    // A change under the lock is one assignment.
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let change = told.as_ref().map_or(1, |before| before.change + 1);
    *told = Some(ToldKeys { change, key_file: key_file.to_owned(), keys });
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
    /// Which change of the keys they know; none at first.
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
        let certified = credentials.certified()?;
        let state = State { sides: Sides::of(&certified)?, made_of: certified.made_of, change: 0 };
        Ok(Self { shared: Arc::new(Shared { credentials, state: Mutex::new(state) }) })
    }

    /// Of an operator: reads what shows who this is once more; whether it has changed. An agent is told ([`use_keys`]), so that no disk keeps it from
    /// its peers.
    pub(super) fn reread(&self) -> bool {
        if matches!(self.shared.credentials, Credentials::KeyFile(_, Identity::Host(_))) {
            return false;
        }
        self.shared.credentials.certified().is_ok_and(|certified| self.state().take(&certified).unwrap_or(false))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is whole.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What new connections use.
    fn sides(&self) -> Sides {
        let mut state = self.state();
        let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ToldKeys { change, key_file, keys }) = told.as_ref().filter(|told| told.change != state.change) {
            state.change = *change;
            let certified = self.shared.credentials.certified_by(key_file, keys);
            if let Err(failure) = certified.and_then(|certified| certified.map_or(Ok(false), |certified| state.take(&certified))) {
                tracing::error!("the keys from before stay in use: {failure}");
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

impl State {
    /// Uses another certificate and other authorities, where they are others; whether they are.
    fn take(&mut self, certified: &Certified) -> Result<bool, Failure> {
        if self.made_of == certified.made_of {
            return Ok(false);
        }
        (self.sides, self.made_of) = (Sides::of(certified)?, certified.made_of.clone());
        Ok(true)
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
