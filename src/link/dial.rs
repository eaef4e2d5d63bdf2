//! The client's side of a connection: to an agent, and to nobody else.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::codec::Framed;

use super::identity::Identity;
use super::stream::{Socket, Stream};
use super::tls::Tls;
use super::zmtp::{Codec, Limits, SocketType, shake_hands};
use config::Endpoint;
use protocol::{ErrorCode, Failure};

/// How long one attempt may take, handshakes included.
const CONNECT: Duration = Duration::from_secs(1);

/// A connection to an agent.
pub(super) struct Dialled {
    pub(super) framed: Framed<Stream, Codec>,
    /// Which life of the agent it is, if it says so.
    pub(super) instance: Option<String>,
}

/// Why there is no connection.
pub(super) enum NotDialled {
    /// Nobody is there, or not yet.
    Absent,
    /// Somebody is there who is not that agent, or who takes us for a stranger. Nothing was sent.
    Stranger(Failure),
}

/// Connects to a host's agent. Where that takes us for a stranger, the keys may have been changed since they were read: they are read again.
pub(super) async fn dial(host: &str, endpoint: &Endpoint, tls: Option<&Tls>, own: SocketType) -> Result<Dialled, NotDialled> {
    let dialled = dial_once(host, endpoint, tls, own).await;
    let refused = matches!(&dialled, Err(NotDialled::Stranger(failure)) if failure.code == ErrorCode::Unauthorized);
    match tls.filter(|_| refused) {
        Some(tls) if tls.reread() => dial_once(host, endpoint, Some(tls), own).await,
        _ => dialled,
    }
}

pub(super) async fn dial_once(host: &str, endpoint: &Endpoint, tls: Option<&Tls>, own: SocketType) -> Result<Dialled, NotDialled> {
    // On a Unix socket the kernel tells who is who.
    let tls = tls.filter(|_| matches!(endpoint, Endpoint::Tcp { .. }));
    match timeout(CONNECT, attempt(host, endpoint, tls, own)).await {
        Ok(Ok(dialled)) => dialled,
        Ok(Err(e)) => Err(why(host, endpoint, tls.is_some(), &e).map_or(NotDialled::Absent, NotDialled::Stranger)),
        Err(_) => Err(NotDialled::Absent),
    }
}

async fn attempt(host: &str, endpoint: &Endpoint, tls: Option<&Tls>, own: SocketType) -> io::Result<Result<Dialled, NotDialled>> {
    let socket = match endpoint {
        Endpoint::Tcp { host, port } => Socket::tcp(TcpStream::connect((host.as_str(), *port)).await?)?,
        Endpoint::Ipc(path) => Socket::Unix(UnixStream::connect(path).await?),
    };
    open(socket, host, endpoint, tls, own).await
}

/// The handshakes on a connected socket.
pub(super) async fn open(
    socket: Socket,
    host: &str,
    endpoint: &Endpoint,
    tls: Option<&Tls>,
    own: SocketType,
) -> io::Result<Result<Dialled, NotDialled>> {
    let stream = match tls {
        None => Stream::Plain(socket),
        Some(tls) => {
            let (stream, identity) = tls.connect(socket).await?;
            if identity != Identity::Host(host.to_owned()) {
                return Ok(Err(NotDialled::Stranger(another(host, endpoint, &identity))));
            }
            Stream::Tls(Box::new(stream))
        }
    };
    let mut framed = Framed::new(stream, Codec::new(Limits::ANSWERS));
    let instance = shake_hands(&mut framed, own, None).await?;
    Ok(Ok(Dialled { framed, instance }))
}

fn another(host: &str, endpoint: &Endpoint, identity: &Identity) -> Failure {
    let name = identity.name().escape_debug();
    Failure::new(ErrorCode::WrongAddressee, format!("the agent at {endpoint} is that of {name}, not of {host}"))
        .hint("check the addresses of the hosts in the configuration")
}

/// The sentence for a peer that is no agent of this cluster; `None` when there was nobody to judge.
fn why(host: &str, endpoint: &Endpoint, secured: bool, error: &io::Error) -> Option<Failure> {
    let unauthorized = |text: String, hint: &str| Some(Failure::new(ErrorCode::Unauthorized, text).hint(hint));
    let same_key = "give every host the same cluster key";
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            unauthorized(format!("what answers for {host} at {endpoint} has another cluster key"), same_key)
        }
        Some(rustls::Error::AlertReceived(_)) => {
            unauthorized(format!("the agent of {host} at {endpoint} does not accept this cluster key"), same_key)
        }
        Some(_) => unauthorized(
            format!("what answers for {host} at {endpoint} has no cluster key"),
            "name the cluster's key_file in the configuration of every host, and run the same baton there",
        ),
        None if error.kind() != io::ErrorKind::InvalidData => None,
        None if secured => {
            unauthorized(format!("what answers for {host} at {endpoint} is no agent: {error}"), "is the port right?")
        }
        None => unauthorized(
            format!("what answers for {host} at {endpoint} does not speak as an agent without a cluster key does: {error}"),
            "if the cluster has a key, name its key_file in this configuration",
        ),
    }
}

/// Test equipment: a connection whose other end says these bytes and closes. `then` has it once the handshakes are over.
#[cfg(any(test, feature = "fuzz"))]
pub(super) async fn overheard<F: Future<Output = bool>>(
    bytes: &[u8],
    secured: bool,
    own: SocketType,
    then: impl FnOnce(Dialled) -> F,
) -> bool {
    use super::certificate::Credentials;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    static TLS: std::sync::LazyLock<Option<Tls>> = std::sync::LazyLock::new(|| {
        let current = super::key::Key::new(vec![7; 32]).ok()?;
        let keys = super::key::Keys { current, beside: Vec::new() };
        Tls::with(Credentials::Keys(keys, Identity::Host("fuzzer".into()))).ok()
    });
    let Ok((ours, mut theirs)) = UnixStream::pair() else { return false };
    let tls = TLS.as_ref().filter(|_| secured);
    let hearing = async {
        match open(Socket::Unix(ours), "server1", &nowhere(), tls, own).await {
            Ok(Ok(dialled)) => then(dialled).await,
            _ => true,
        }
    };
    let saying = async {
        // It may be closed by then.
        let _ = theirs.write_all(bytes).await;
        let _ = theirs.shutdown().await;
        let _ = theirs.read_to_end(&mut Vec::new()).await;
    };
    let (ended, ()) = tokio::join!(timeout(4 * CONNECT, hearing), saying);
    ended.unwrap_or(false)
}

#[cfg(any(test, feature = "fuzz"))]
pub(super) fn nowhere() -> Endpoint {
    Endpoint::Ipc("nowhere".into())
}
