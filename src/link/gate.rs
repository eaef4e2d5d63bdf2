//! The door in front of a bound ZeroMQ socket.
//!
//! zeromq 0.7 reserves memory for whatever length a frame announces (a peer that announces 2^62 bytes ends the process), sets no limit
//! on frames per message, and queues 100 000 messages per slow subscriber. So the endpoint that the network sees belongs to a gate: it
//! relays bytes to the ZeroMQ socket on a private Unix socket, lets only sane frames through ([`filter`]), limits connections,
//! and closes those that do not take what they asked for.

mod filter;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use config::Endpoint;
use protocol::{ErrorCode, Failure};

pub use filter::{Filter, Limits, OVERSIZED};

/// Connections at once: a console, some tools and the other agents, with room; more is a leak or an attack.
const MAX_CONNECTIONS: usize = 64;
/// Connections at once from one address, so that no single machine can keep all others out.
const MAX_FROM_ONE: usize = MAX_CONNECTIONS / 2;
/// A connection that has not shaken hands after this long makes room.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// A peer that takes nothing for this long is closed; it may connect again. It bounds what is queued for it.
const STALLED: Duration = Duration::from_secs(5);
/// Wait after an accept that failed, e.g. for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Relay buffer, bytes each way: several requests fit, and 64 connections stay under 1 MB.
const BUFFER: usize = 8 * 1024;

enum Listener {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

impl Listener {
    /// A connection, and the address of a peer on the network.
    async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, peer)| (Stream::Tcp(stream), Some(peer.ip()))),
            Self::Ipc(listener) => listener.accept().await.map(|(stream, _)| (Stream::Ipc(stream), None)),
        }
    }
}

/// An open gate; closes when dropped and removes the Unix sockets that it made.
#[derive(Debug)]
pub struct Gate {
    task: AbortHandle,
    files: Vec<PathBuf>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
        for file in &self.files {
            // Best effort: a socket file left behind is replaced at the next start.
            let _ = std::fs::remove_file(file);
        }
    }
}

impl Gate {
    /// Listens on `endpoint`, and returns the gate with the private listener that the ZeroMQ socket is to adopt
    /// ([`zeromq::Socket::bind_listener`]). `inner` is the private listener's path.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when the endpoint is in use or cannot be bound.
    pub fn open(endpoint: &Endpoint, inner: &Path, limits: Limits) -> Result<(Self, std::os::unix::net::UnixListener), Failure> {
        let listener = listen(endpoint)?;
        let private = bind_private(inner).map_err(|e| {
            Failure::new(ErrorCode::Environment, format!("the agent's private socket {} cannot be made: {e}", inner.display()))
                .hint("the folder `runtime` of the configuration must be writable for the agent")
        })?;
        let mut files = vec![inner.to_owned()];
        if let Endpoint::Ipc(path) = endpoint {
            files.push(path.clone());
        }
        let task = tokio::spawn(accept(listener, inner.to_owned(), limits)).abort_handle();
        Ok((Self { task, files }, private))
    }
}

fn listen(endpoint: &Endpoint) -> Result<Listener, Failure> {
    let fail = |e: io::Error| {
        let failure = Failure::new(ErrorCode::Environment, format!("the agent cannot listen on {endpoint}: {e}"));
        match e.kind() {
            io::ErrorKind::AddrInUse => failure.hint("another agent runs there; end it, or change the port in the configuration"),
            io::ErrorKind::AddrNotAvailable => failure.hint("this machine has no such address; is it the right --host?"),
            _ => failure,
        }
    };
    match endpoint {
        Endpoint::Tcp { .. } => {
            let addresses = endpoint.addresses()?;
            let socket = std::net::TcpListener::bind(&addresses[..]).map_err(fail)?;
            socket.set_nonblocking(true).map_err(fail)?;
            TcpListener::from_std(socket).map(Listener::Tcp).map_err(fail)
        }
        Endpoint::Ipc(path) => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(fail(io::ErrorKind::AddrInUse.into()));
            }
            remove_stale(path).and_then(|()| UnixListener::bind(path)).map(Listener::Ipc).map_err(fail)
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::other("there is a file of that name which is no socket")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Nobody but this user may go round the gate. The socket is bound under another name and then moved into place: when a ZeroMQ socket
/// closes, it removes the name that it was bound to, some time later, when that may already be its successor's.
fn bind_private(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    remove_stale(path)?;
    let new = path.with_extension(uuid::Uuid::new_v4().simple().to_string());
    let listener = std::os::unix::net::UnixListener::bind(&new)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&new, path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn accept(listener: Listener, inner: PathBuf, limits: Limits) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // By address; at most one entry per address that has a connection, so at most as many as there are places, and one more.
    let mut shares: HashMap<IpAddr, Arc<Semaphore>> = HashMap::new();
    let inner: Arc<Path> = inner.into();
    // Connections end with the gate.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                tracing::warn!("a connection could not be accepted: {e}");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!("more than {MAX_CONNECTIONS} connections: one was refused");
            continue;
        };
        shares.retain(|_, share| share.available_permits() < MAX_FROM_ONE);
        let share = peer.map(|peer| Arc::clone(shares.entry(peer).or_insert_with(|| Arc::new(Semaphore::new(MAX_FROM_ONE)))));
        let Ok(share) = share.map(Semaphore::try_acquire_owned).transpose() else {
            tracing::warn!("more than {MAX_FROM_ONE} connections from one address: one was refused");
            continue;
        };
        let inner = Arc::clone(&inner);
        connections.spawn(async move {
            let (_place, _share) = (place, share);
            if let Err(e) = relay(stream, &inner, limits).await {
                tracing::debug!("a connection was closed: {e}");
            }
        });
    }
}

enum Stream {
    Tcp(TcpStream),
    Ipc(UnixStream),
}

async fn relay(outer: Stream, inner: &Path, limits: Limits) -> io::Result<()> {
    let inner = UnixStream::connect(inner).await?;
    let (from_socket, to_socket) = inner.into_split();
    match outer {
        Stream::Tcp(stream) => {
            stream.set_nodelay(true)?;
            // A host that lost its power closes nothing: keepalive finds out within half a minute.
            let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5));
            socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
            let (from_peer, to_peer) = stream.into_split();
            both(inward(from_peer, to_socket, limits), outward(from_socket, to_peer, STALLED)).await
        }
        Stream::Ipc(stream) => {
            let (from_peer, to_peer) = stream.into_split();
            both(inward(from_peer, to_socket, limits), outward(from_socket, to_peer, STALLED)).await
        }
    }
}

async fn both(inward: impl Future<Output = io::Result<()>>, outward: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    tokio::select! { ended = inward => ended, ended = outward => ended }
}

async fn inward(mut peer: impl AsyncRead + Unpin, mut socket: impl AsyncWrite + Unpin, limits: Limits) -> io::Result<()> {
    let mut filter = Filter::new(limits);
    let (mut buffer, mut sane) = (vec![0; BUFFER], Vec::with_capacity(BUFFER));
    loop {
        let read = if filter.shaken_hands() {
            peer.read(&mut buffer).await?
        } else {
            timeout(HANDSHAKE, peer.read(&mut buffer)).await.map_err(|_| io::ErrorKind::TimedOut)??
        };
        if read == 0 {
            return Ok(());
        }
        sane.clear();
        filter.feed(&buffer[..read], &mut sane).map_err(io::Error::other)?;
        socket.write_all(&sane).await?;
    }
}

async fn outward(mut socket: impl AsyncRead + Unpin, mut peer: impl AsyncWrite + Unpin, stalled: Duration) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = socket.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        timeout(stalled, peer.write_all(&buffer[..read])).await.map_err(|_| io::ErrorKind::TimedOut)??;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_closed_instead_of_queued_for() {
        let (peer, _never_reads) = tokio::io::duplex(1000);
        let ended = outward(tokio::io::repeat(7), peer, Duration::from_millis(20)).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
