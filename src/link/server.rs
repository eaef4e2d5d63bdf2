//! The agent's end of commands: a ROUTER that answers every message, REQ and DEALER peers alike.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use zeromq::{RouterRecvHalf, RouterSendHalf, RouterSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

use super::connections::NewestConnections;
use super::dedup::{Dedup, Verdict};
use super::gate::{Gate, Limits, OVERSIZED};
use super::signing::{Admission, Key, MAX_TOKEN};
use config::Config;
use protocol::{Command, ErrorCode, Failure, MAX_FRAME, Reply, Request, VERSION};

/// Requests executing at once: a console asks for a few; more is a runaway client.
const MAX_EXECUTING: usize = 64;

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

/// What a request belongs to.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The radio that it names.
    pub radio: Option<String>,
    /// The run that it is a step of.
    pub run: Option<String>,
}

/// A bound command socket.
#[derive(Debug)]
pub struct Server {
    gate: Gate,
    shared: Arc<Shared>,
    receive: Receive,
}

/// The halves of the socket, which have no Debug of their own.
struct Receive(RouterRecvHalf, RouterSendHalf);

impl std::fmt::Debug for Receive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RouterSocket")
    }
}

#[derive(Debug)]
struct Shared {
    host: String,
    /// When this agent started, ms since the Unix epoch.
    since_ms: u64,
    key: Option<Key>,
    admission: Option<Admission>,
    /// Commands that change something.
    deeds: Dedup,
    /// Commands that only read: their replies are large and soon stale, so they must not push deeds out of memory.
    readings: Dedup,
    newest: NewestConnections,
    places: Arc<Semaphore>,
}

impl Server {
    /// Binds the command endpoint of a host.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for an unknown host, a bad endpoint or key, and for an endpoint beyond this machine without a key
    /// (unless `insecure`); [`ErrorCode::Environment`] when it cannot be bound.
    pub async fn bind(config: &Config, host: &str, insecure: bool) -> Result<Self, Failure> {
        let endpoint = &config.host(host)?.command;
        let key = Key::load(config)?;
        if key.is_none() && !endpoint.is_local() && !insecure {
            return Err(Failure::new(
                ErrorCode::Config,
                format!("the agent would take commands from anyone who reaches {endpoint}: the configuration names no key_file"),
            )
            .hint("make a cluster key (head -c 32 /dev/urandom) and name it as key_file, or start the agent with --insecure"));
        }
        let inner = runtime_folder(config, host)?.join("command.zmq");
        let (gate, listener) = Gate::open(endpoint, &inner, Limits::COMMANDS)?;
        let mut socket = RouterSocket::new();
        socket
            .bind_listener(listener)
            .await
            .map_err(|e| Failure::new(ErrorCode::Environment, format!("the command socket cannot be opened: {e}")))?;
        let (send, receive) = socket.split();
        let shared = Arc::new(Shared {
            host: host.to_owned(),
            since_ms: super::now_ms(),
            admission: key.clone().map(Admission::new),
            key,
            deeds: Dedup::new(1024, 1 << 20),
            readings: Dedup::new(64, 1 << 18),
            newest: NewestConnections::default(),
            places: Arc::new(Semaphore::new(MAX_EXECUTING)),
        });
        Ok(Self { gate, shared, receive: Receive(receive, send) })
    }

    /// As [`Server::serve_scoped`], whatever a request belongs to.
    pub async fn serve<F, Fut, A>(self, execute: F, stop: CancellationToken)
    where
        F: Fn(Command) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Failure>> + Send + 'static,
        A: Serialize,
    {
        self.serve_scoped(move |_, command| execute(command), stop).await;
    }

    /// Answers requests with `execute` until `stop`, given what a request belongs to; each runs in a task of its own, so that none
    /// waits for another.
    pub async fn serve_scoped<F, Fut, A>(self, execute: F, stop: CancellationToken)
    where
        F: Fn(Scope, Command) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Failure>> + Send + 'static,
        A: Serialize,
    {
        let Self { gate: _gate, shared, receive: Receive(mut receive, send) } = self;
        let execute = Arc::new(execute);
        loop {
            let message = tokio::select! {
                message = receive.recv() => message,
                () = stop.cancelled() => return,
            };
            let Ok(message) = message else { continue };
            let (shared, execute, send) = (Arc::clone(&shared), Arc::clone(&execute), send.clone());
            tokio::spawn(async move { shared.answer(message, &*execute, send).await });
        }
    }
}

/// What was sent, without the way back.
struct Envelope {
    request: Bytes,
    signature: Option<Bytes>,
}

/// Takes a message apart: `[identity][empty?][request][signature?]`. The first two lead back, even when the rest is good for nothing.
fn open(message: ZmqMessage) -> (Vec<Bytes>, Result<Envelope, Failure>) {
    let mut frames = message.into_vecdeque();
    let mut route: Vec<Bytes> = frames.pop_front().into_iter().collect();
    if frames.front().is_some_and(Bytes::is_empty) {
        route.extend(frames.pop_front());
    }
    let count = frames.len();
    let bad = |message: String| Failure::new(ErrorCode::BadRequest, message).hint("docs/protocol.md shows the format of a request");
    let envelope = match (frames.pop_front(), frames.pop_front(), count) {
        (Some(request), signature, 1 | 2) => {
            match std::str::from_utf8(&request).ok().and_then(|text| text.strip_prefix(OVERSIZED)) {
                Some(bytes) => Err(bad(format!("the request has {bytes} bytes; the limit is {MAX_FRAME}"))),
                None => Ok(Envelope { request, signature }),
            }
        }
        (None, ..) => Err(bad("the message holds no request".into())),
        _ => Err(bad("the message has too many frames; it is a request and, if signed, its signature".into())),
    };
    (route, envelope)
}

impl Shared {
    async fn answer<F, Fut, A>(&self, message: ZmqMessage, execute: &F, send: RouterSendHalf)
    where
        F: Fn(Scope, Command) -> Fut,
        Fut: Future<Output = Result<A, Failure>>,
        A: Serialize,
    {
        let began = Instant::now();
        let (route, envelope) = open(message);
        let reply = match envelope {
            Ok(envelope) => match self.check(&envelope) {
                Ok(request) => self.once(request, execute, began).await,
                Err(failure) => self.reply(&id_of(&envelope.request), Err(failure), began),
            },
            Err(failure) => self.reply("", Err(failure), began),
        };
        self.send(route, reply, send).await;
    }

    /// Believes nothing of a request but its id before the signature is known to be right.
    fn check(&self, envelope: &Envelope) -> Result<Request, Failure> {
        if let Some(admission) = &self.admission {
            admission.check_signature(&envelope.request, envelope.signature.as_deref())?;
        }
        let request = Request::parse(&envelope.request)?;
        if request.id.is_empty() || request.id.len() > MAX_TOKEN {
            return Err(Failure::new(ErrorCode::BadRequest, format!("a request needs an id of 1 to {MAX_TOKEN} bytes")));
        }
        if request.to != self.host {
            return Err(Failure::new(
                ErrorCode::WrongAddressee,
                format!("the request is for \"{}\", this is the agent of \"{}\"", request.to, self.host),
            )
            .hint("check the addresses of the hosts in the configuration"));
        }
        if let Some(admission) = &self.admission {
            admission.admit(&request)?;
        }
        Ok(request)
    }

    async fn once<F, Fut, A>(&self, request: Request, execute: &F, began: Instant) -> Bytes
    where
        F: Fn(Scope, Command) -> Fut,
        Fut: Future<Output = Result<A, Failure>>,
        A: Serialize,
    {
        let earlier = request.first_sent_at_ms.is_some_and(|first| first < self.since_ms);
        let late = self.newest.is_late(request.connection.as_ref());
        let Request { id, radio, run, command, .. } = request;
        let memory = if command.only_reads() { &self.readings } else { &self.deeds };
        match memory.look_up(&id, &command) {
            Verdict::Execute(sender) if earlier && !command.only_reads() => {
                let text = format!(
                    "the agent of {} was started again after {} was sent: whether it was carried out is not known",
                    self.host,
                    command.name()
                );
                let failure = Failure::new(ErrorCode::Restarted, text).hint("look at its state, then ask again");
                let reply = self.reply(&id, Err(failure), began);
                sender.send_replace(Some(reply.clone()));
                reply
            }
            Verdict::Execute(sender) if late && !command.only_reads() => {
                let text =
                    format!("{} came too late: its sender has connected anew since and waits for it no more", command.name());
                let reply = self.reply(&id, Err(Failure::new(ErrorCode::Expired, text)), began);
                sender.send_replace(Some(reply.clone()));
                reply
            }
            Verdict::Misused => {
                let failure = Failure::new(ErrorCode::BadRequest, format!("the id \"{id}\" was used for another command"))
                    .hint("give every request an id of its own, and the same only to its retries");
                self.reply(&id, Err(failure), began)
            }
            Verdict::Repeat(mut pending) => match pending.wait_for(Option::is_some).await.map(|reply| reply.clone()) {
                Ok(Some(reply)) => reply,
                _ => self.reply(&id, Err(Failure::new(ErrorCode::Internal, "the first execution was broken off")), began),
            },
            Verdict::Execute(sender) => {
                let result = match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(_place) => guarded(execute, Scope { radio, run }, command).await,
                    Err(_) => Err(Failure::new(ErrorCode::Busy, format!("more than {MAX_EXECUTING} requests at once"))),
                };
                let reply = self.reply(&id, result, began);
                sender.send_replace(Some(reply.clone()));
                reply
            }
        }
    }

    fn reply(&self, id: &str, result: Result<Value, Failure>, began: Instant) -> Bytes {
        let (ok, result, error) = match result {
            Ok(value) => (true, value, None),
            Err(failure) => (false, Value::Null, Some(failure)),
        };
        let elapsed_ms = began.elapsed().as_secs_f64() * 1e3;
        let reply = Reply { v: VERSION, id: id.to_owned(), from: self.host.clone(), ok, elapsed_ms, result, error };
        // A reply is made of strings and numbers: it always has a JSON form. An empty frame would still be an answer.
        serde_json::to_vec(&reply).unwrap_or_default().into()
    }

    async fn send(&self, route: Vec<Bytes>, reply: Bytes, mut send: RouterSendHalf) {
        let signature = self.key.as_ref().map(|key| Bytes::from(key.sign(&reply)));
        let frames: Vec<Bytes> = route.into_iter().chain([reply]).chain(signature).collect();
        let Ok(message) = ZmqMessage::try_from(frames) else { return };
        if let Err(e) = send.send(message).await {
            tracing::debug!("a reply found nobody: {e}");
        }
    }
}

/// Executes a command; a panic in it becomes an answer.
async fn guarded<F, Fut, A>(execute: &F, scope: Scope, command: Command) -> Result<Value, Failure>
where
    F: Fn(Scope, Command) -> Fut,
    Fut: Future<Output = Result<A, Failure>>,
    A: Serialize,
{
    let name = command.name();
    // The state behind `execute` is guarded by locks that survive a panic, so it may be used afterwards.
    let attempt = AssertUnwindSafe(async { execute(scope, command).await }).catch_unwind().await;
    let no_json = |e| Failure::new(ErrorCode::Internal, format!("the result of {name} has no JSON form: {e}"));
    let attempt = attempt.map(|result| result.and_then(|answer| serde_json::to_value(answer).map_err(no_json)));
    attempt.unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no reason given".into());
        Err(Failure::new(ErrorCode::Internal, format!("command failed: {name}: {words}"))
            .hint("this is a fault of baton's; the agent goes on"))
    })
}

/// The id of a request that may be none, so that its sender can tell which one was refused.
fn id_of(frame: &[u8]) -> String {
    serde_json::from_slice::<Value>(frame)
        .ok()
        .and_then(|value| value.get("id")?.as_str().filter(|id| id.len() <= MAX_TOKEN).map(str::to_owned))
        .unwrap_or_default()
}
