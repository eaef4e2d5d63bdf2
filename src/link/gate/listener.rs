//! Listening sockets, and what is known of a peer when it comes.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::unistd::{Uid, User};
use tokio::net::{TcpListener, UnixListener};

use crate::link::stream::Socket;
use config::Endpoint;
use protocol::{ErrorCode, Failure};

/// Bound, and not yet part of a runtime.
#[derive(Debug)]
pub(super) enum Bound {
    Tcp(std::net::TcpListener),
    Ipc(std::os::unix::net::UnixListener),
}

/// Listening on the runtime that called.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

/// A peer that has connected.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) socket: Socket,
    pub(super) address: Option<SocketAddr>,
    /// On a Unix socket: number and name of its account.
    pub(super) user: Option<(u32, String)>,
}

impl Bound {
    pub(super) fn listen(self) -> io::Result<Listener> {
        match self {
            Self::Tcp(listener) => TcpListener::from_std(listener).map(Listener::Tcp),
            Self::Ipc(listener) => UnixListener::from_std(listener).map(Listener::Ipc),
        }
    }
}

impl Listener {
    /// The next peer.
    ///
    /// # Errors
    /// Those of accept(2).
    pub(super) async fn accept(&self) -> io::Result<Came> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok(Came { socket: Socket::tcp(stream)?, address: Some(address), user: None })
            }
            Self::Ipc(listener) => {
                let (stream, _) = listener.accept().await?;
                let uid = Uid::from_raw(stream.peer_cred()?.uid());
                Ok(Came { socket: Socket::Unix(stream), address: None, user: Some((uid.as_raw(), name_of(uid))) })
            }
        }
    }
}

/// Whether a user of this machine may command: root, or whoever the agent runs as.
pub(super) fn may_command(uid: u32) -> bool {
    uid == 0 || uid == Uid::effective().as_raw()
}

fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// Binds an endpoint.
///
/// # Errors
/// [`ErrorCode::Environment`] when it is in use or cannot be bound.
pub(super) fn bind(endpoint: &Endpoint) -> Result<Bound, Failure> {
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
            let socket = std::net::TcpListener::bind(&endpoint.addresses()?[..]).map_err(fail)?;
            socket.set_nonblocking(true).map_err(fail)?;
            Ok(Bound::Tcp(socket))
        }
        Endpoint::Ipc(path) => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(fail(io::ErrorKind::AddrInUse.into()));
            }
            let bound = remove_stale(path).and_then(|()| {
                let listener = std::os::unix::net::UnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
            bound.map(Bound::Ipc).map_err(fail)
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::other("there is a file of that name which is no socket")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}
