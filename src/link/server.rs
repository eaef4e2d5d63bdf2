//! The agent's end of commands: answers every message of REQ and DEALER peers alike.

mod answer;
mod audit;
mod pace;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::gate::{Admission, Gate, Open};
use super::identity::Identity;
use super::tls::Tls;
use super::zmtp::{Incoming, Limits, Outgoing, SocketType};
use answer::{Answerer, Taken};
use config::{Config, Endpoint};
use pace::Pace;
use protocol::{Command, ErrorCode, Failure};

pub use answer::Scope;
pub use audit::AuditEntry;

/// Requests of one connection under way. Further ones are not read before one of these is answered.
const UNDER_WAY: usize = 16;
/// A peer that takes nothing for this long is closed; it may connect again.
const STALLED: Duration = Duration::from_secs(5);
/// A peer that nobody vouches for is closed when it has asked nothing for this long; it may connect again.
const IDLE: Duration = Duration::from_secs(60);
/// The local socket in an agent's runtime folder.
const LOCAL: &str = "command.ipc";
/// Longest path of a Unix socket, bytes.
const LONGEST_PATH: usize = 107;

/// The folder of a host's sockets, made if need be.
///
/// # Errors
/// [`ErrorCode::Environment`] when it cannot be made, [`ErrorCode::Config`] when another user could change what is in it.
pub fn runtime_folder(config: &Config, host: &str) -> Result<PathBuf, Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = config.runtime.join(host);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|e| {
        Failure::new(ErrorCode::Environment, format!("the folder {} cannot be made: {e}", folder.display()))
            .hint("`runtime` of the configuration must be writable for the agent")
    })?;
    config::trust::require_folder(&folder, "the runtime folder")?;
    Ok(folder)
}

/// How a host's sockets let peers in.
///
/// # Errors
/// [`ErrorCode::Config`] for a bad key.
pub(super) fn admission(config: &Config, host: &str, socket: SocketType, limits: Limits) -> Result<Admission, Failure> {
    let tls = Tls::of(config, &Identity::Host(host.to_owned()))?;
    // A host that has no address now is a stranger until this agent is started again: it waits in line with others.
    let addresses = |endpoint: &Endpoint| match endpoint {
        Endpoint::Tcp { host, .. } => host.parse().ok(),
        Endpoint::Ipc(_) => None,
    };
    let members = config.host.values().filter_map(|host| addresses(&host.command)).collect();
    Ok(Admission { tls, socket, limits, instance: uuid::Uuid::new_v4().to_string(), members })
}

/// A bound command socket.
#[derive(Debug)]
pub struct Server {
    gate: Gate,
    open: mpsc::Receiver<Open>,
    answerer: Answerer,
}

impl Server {
    /// Binds the command endpoint of a host, and the socket `command.ipc` in its runtime folder.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for an unknown host, a bad endpoint or key, and for an endpoint beyond this machine without a key
    /// (unless `insecure`); [`ErrorCode::Environment`] when it cannot be bound.
    pub async fn bind(config: &Config, host: &str, insecure: bool) -> Result<Self, Failure> {
        let endpoint = &config.host(host)?.command;
        let admission = admission(config, host, SocketType::Router, Limits::COMMANDS)?;
        if admission.tls.is_none() && !endpoint.is_local() && !insecure {
            return Err(Failure::new(
                ErrorCode::Config,
                format!("the agent would take commands from anyone who reaches {endpoint}: the configuration names no key_file"),
            )
            .hint("make a cluster key (head -c 32 /dev/urandom) and name it as key_file, or start the agent with --insecure"));
        }
        let mut endpoints = vec![endpoint.clone()];
        let local = runtime_folder(config, host)?.join(LOCAL);
        if local.as_os_str().len() > LONGEST_PATH {
            tracing::warn!("no local socket: the path {} is too long for one", local.display());
        } else if *endpoint != Endpoint::Ipc(local.clone()) {
            endpoints.push(Endpoint::Ipc(local));
        }
        let answerer = Answerer::new(host, &admission.instance);
        let (gate, open) = Gate::open(&endpoints, admission)?;
        Ok(Self { gate, open, answerer })
    }

    /// Has everything noted that anybody but another agent asks to be changed.
    pub fn audited(mut self, note: impl Fn(AuditEntry) + Send + Sync + 'static) -> Self {
        self.answerer.audit_by(note);
        self
    }

    /// As [`Server::serve_scoped`], whatever a request belongs to.
    pub async fn serve<F, Fut, A>(self, execute: F, stop: CancellationToken)
    where
        F: Fn(Command) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Failure>> + Send + 'static,
        A: Serialize + Send + 'static,
    {
        self.serve_scoped(move |_, command| execute(command), stop).await;
    }

    /// Answers requests with `execute` until `stop`, given what a request belongs to; each runs in a task of its own, so that none
    /// waits for another, and goes on when its connection is lost.
    pub async fn serve_scoped<F, Fut, A>(self, execute: F, stop: CancellationToken)
    where
        F: Fn(Scope, Command) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Failure>> + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let Self { gate: _gate, mut open, answerer } = self;
        let (execute, answerer) = (Arc::new(execute), Arc::new(answerer));
        // Connections end with the server.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                opened = open.recv() => match opened {
                    Some(opened) => drop(connections.spawn(converse(opened, Arc::clone(&answerer), Arc::clone(&execute)))),
                    None => return,
                },
                Some(_ended) = connections.join_next() => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// One connection, until it is lost or closed.
async fn converse<F, Fut, A>(open: Open, answerer: Arc<Answerer>, execute: Arc<F>)
where
    F: Fn(Scope, Command) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Failure>> + Send + 'static,
    A: Serialize + Send + 'static,
{
    let Open { mut framed, peer, place } = open;
    if framed.get_mut().move_here().is_err() {
        return;
    }
    let ended = place.ended();
    let peer = Arc::new(peer);
    let mut pace = Pace::of(&peer);
    // As many as can be under way: sending never waits.
    let (replies, mut ready) = mpsc::channel::<Vec<Bytes>>(UNDER_WAY);
    let mut under_way = 0;
    let mut heard = Instant::now();
    loop {
        let (may_read, paused) = (under_way < UNDER_WAY, pace.paused_until());
        let said = tokio::select! {
            reply = ready.recv() => {
                under_way -= 1;
                let Some(reply) = reply else { return };
                Some(Outgoing::Message(reply))
            }
            said = framed.next(), if may_read && paused.is_none() => match said {
                Some(Ok(Incoming::Message(message))) => {
                    place.heard();
                    heard = Instant::now();
                    pace.take(&message);
                    match answerer.take(message, &peer, &execute, &replies) {
                        Taken::Refused(reply) => Some(Outgoing::Message(reply)),
                        Taken::UnderWay => {
                            under_way += 1;
                            None
                        }
                    }
                }
                Some(Ok(Incoming::Ping(context))) => Some(Outgoing::Pong(context)),
                Some(Ok(_)) => None,
                Some(Err(e)) if e.kind() == std::io::ErrorKind::InvalidData => return answerer.refusals.refuse(&peer, &e),
                Some(Err(_)) | None => return,
            },
            () = sleep_until(paused.unwrap_or(heard)), if paused.is_some() => None,
            () = sleep_until(heard + IDLE), if !peer.is_known() && under_way == 0 => return,
            () = ended.cancelled() => return,
        };
        if let Some(said) = said
            && !matches!(timeout(STALLED, framed.send(said)).await, Ok(Ok(())))
        {
            return;
        }
    }
}
