//! What is done with a message: refused at once, or carried out in a task of its own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};

use super::audit::{Asked, AuditEntry};
use crate::link::connections::NewestConnections;
use crate::link::dedup::{Dedup, Verdict};
use crate::link::identity::Peer;
use crate::link::refusals::Refusals;
use crate::link::zmtp::{Excess, Message};
use protocol::{Command, ErrorCode, Failure, MAX_FRAME, Reply, Request, VERSION};
use workload::runtime::words_of_panic;

/// Requests under way at once, of peers that somebody vouches for: a console asks for a few; more is a runaway client.
const EXECUTING: usize = 64;
/// The same of others, together: they have no part in the places above.
const EXECUTING_OF_UNKNOWN: usize = 32;
/// What a request takes of a place, in eighths: a small one takes one place, one of 256 KiB nine.
const EIGHTHS: usize = 8;
/// Bytes of a request for each further eighth.
const UNIT: usize = 4096;
/// Longest id and name of a sender accepted, bytes: they are remembered, so they must not be a way to fill memory.
const MAX_TOKEN: usize = 128;

/// What a request belongs to.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The radio that it names.
    pub radio: Option<String>,
    /// The run that it is a step of.
    pub run: Option<String>,
}

/// What became of a message.
pub(super) enum Taken {
    /// This is the reply.
    Refused(Vec<Bytes>),
    /// The reply will come.
    UnderWay,
}

/// What is common to all connections.
pub(super) struct Answerer {
    host: String,
    /// Which life of this agent it is.
    instance: String,
    /// Commands that change something.
    deeds: Dedup,
    /// Commands that only read: their replies are large and soon stale, so they must not push deeds out of memory.
    readings: Dedup,
    newest: NewestConnections,
    places: Arc<Semaphore>,
    places_of_unknown: Arc<Semaphore>,
    pub(super) refusals: Refusals,
    audit: Option<Box<dyn Fn(AuditEntry) + Send + Sync>>,
}

impl std::fmt::Debug for Answerer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answerer").field("host", &self.host).finish_non_exhaustive()
    }
}

/// The request of a message, without the way back.
fn request_of(message: &Message) -> Result<&Bytes, Failure> {
    let bad = |message: String| Failure::new(ErrorCode::BadRequest, message).hint("docs/protocol.md shows the format of a request");
    match message.excess {
        Some(Excess::Bytes(bytes)) => return Err(bad(format!("the request has {bytes} bytes; the limit is {MAX_FRAME}"))),
        Some(Excess::Frames) => return Err(bad("the message has too many frames; a request is one".into())),
        None => {}
    }
    // A second frame was the signature, in 0.1.0. Who is there is known from the connection.
    match message.frames.as_slice() {
        [empty, request] | [empty, request, _] if empty.is_empty() => Ok(request),
        [request] | [request, _] if !request.is_empty() => Ok(request),
        [] | [_] => Err(bad("the message holds no request".into())),
        _ => Err(bad("the message has too many frames; a request is one".into())),
    }
}

impl Answerer {
    pub(super) fn new(host: &str, instance: &str) -> Self {
        Self {
            host: host.to_owned(),
            instance: instance.to_owned(),
            deeds: Dedup::new(1024, 1 << 20),
            readings: Dedup::new(64, 1 << 18),
            newest: NewestConnections::default(),
            places: Arc::new(Semaphore::new(EXECUTING * EIGHTHS)),
            places_of_unknown: Arc::new(Semaphore::new(EXECUTING_OF_UNKNOWN * EIGHTHS)),
            refusals: Refusals::default(),
            audit: None,
        }
    }

    pub(super) fn audit_by(&mut self, note: impl Fn(AuditEntry) + Send + Sync + 'static) {
        self.audit = Some(Box::new(note));
    }

    /// Refuses a message, or has it carried out; the reply of the latter goes to `replies`.
    pub(super) fn take<F, Fut, A>(
        self: &Arc<Self>,
        message: Message,
        peer: &Arc<Peer>,
        execute: &Arc<F>,
        replies: &mpsc::Sender<Vec<Bytes>>,
    ) -> Taken
    where
        F: Fn(Scope, Command) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Failure>> + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let began = Instant::now();
        let route: Vec<Bytes> = message.frames.first().filter(|frame| frame.is_empty()).cloned().into_iter().collect();
        let refused = |id: &str, failure: Failure| {
            self.refusals.refuse(peer, &failure.message);
            Taken::Refused(route.iter().cloned().chain([self.reply(id, Err(failure), began)]).collect())
        };
        let frame = match request_of(&message) {
            Ok(frame) => frame,
            Err(failure) => return refused("", failure),
        };
        let request = match self.check(frame) {
            Ok(request) => request,
            Err(failure) => return refused(&id_of(frame), failure),
        };
        let places = if peer.is_known() { &self.places } else { &self.places_of_unknown };
        let eighths = u32::try_from(EIGHTHS + frame.len() / UNIT).unwrap_or(u32::MAX);
        let Ok(place) = Arc::clone(places).try_acquire_many_owned(eighths) else {
            let failure = Failure::new(ErrorCode::Busy, format!("{} has too many requests under way", self.host)).hint("ask again");
            return refused(&request.id, failure);
        };
        let (answerer, peer, execute, replies) = (Arc::clone(self), Arc::clone(peer), Arc::clone(execute), replies.clone());
        tokio::spawn(async move {
            let reply = answerer.once(request, &peer, &*execute, began).await;
            drop(place);
            // The connection may be gone.
            let _ = replies.send(route.into_iter().chain([reply]).collect()).await;
        });
        Taken::UnderWay
    }

    fn check(&self, frame: &[u8]) -> Result<Request, Failure> {
        let request = Request::parse(frame)?;
        let bad = |message: String| Err(Failure::new(ErrorCode::BadRequest, message));
        if request.id.is_empty() || request.id.len() > MAX_TOKEN {
            return bad(format!("a request needs an id of 1 to {MAX_TOKEN} bytes"));
        }
        if request.connection.as_ref().is_some_and(|connection| connection.of.len() > MAX_TOKEN) {
            return bad(format!("the name of a sender has at most {MAX_TOKEN} bytes"));
        }
        if request.to != self.host {
            return Err(Failure::new(
                ErrorCode::WrongAddressee,
                format!("the request is for \"{}\", this is the agent of \"{}\"", request.to, self.host),
            )
            .hint("check the addresses of the hosts in the configuration"));
        }
        Ok(request)
    }

    async fn once<F, Fut, A>(&self, request: Request, peer: &Peer, execute: &F, began: Instant) -> Bytes
    where
        F: Fn(Scope, Command) -> Fut,
        Fut: Future<Output = Result<A, Failure>>,
        A: Serialize,
    {
        let earlier = request.first_sent_to.as_ref().is_some_and(|instance| *instance != self.instance);
        let late = self.newest.is_late(request.connection.as_ref());
        let Request { id, radio, run, mut command, .. } = request;
        let reads = command.only_reads();
        let memory = if reads { &self.readings } else { &self.deeds };
        let sender = match memory.look_up(&id, &command) {
            Verdict::Execute(sender) => sender,
            Verdict::Misused => {
                let failure = Failure::new(ErrorCode::BadRequest, format!("the id \"{id}\" was used for another command"))
                    .hint("give every request an id of its own, and the same only to its retries");
                self.refusals.refuse(peer, &failure.message);
                return self.reply(&id, Err(failure), began);
            }
            Verdict::Repeat(mut pending) => {
                let broken = || Err(Failure::new(ErrorCode::Internal, "the first execution was broken off"));
                let reply = pending.wait_for(Option::is_some).await.ok().and_then(|reply| reply.clone());
                return reply.unwrap_or_else(|| self.reply(&id, broken(), began));
            }
        };
        let asked = self.audit.as_ref().and_then(|note| Some((note, Asked::new(&command, peer)?)));
        let refusal = peer.require_role(&command).err().or_else(|| self.refusal(&command, earlier && !reads, late && !reads));
        let refused = refusal.is_some();
        let result = match refusal {
            Some(failure) => Err(failure),
            None => {
                if let Command::Order(order) = &mut command {
                    order.by = Some(peer.ordered_by(order.by.take().unwrap_or_default())).filter(|by| !by.is_empty());
                }
                // A renewal comes every second.
                if !reads && !matches!(command, Command::RenewHold { .. }) {
                    tracing::info!("{} for {peer}", described(&command));
                }
                guarded(execute, Scope { radio, run }, command).await
            }
        };
        if let Err(failure) = &result {
            self.refusals.refuse(peer, &failure.message);
        }
        if let Some((note, asked)) = asked {
            note(asked.answered(&self.host, refused, &result));
        }
        let reply = self.reply(&id, result, began);
        sender.send_replace(Some(reply.clone()));
        reply
    }

    fn refusal(&self, command: &Command, earlier: bool, late: bool) -> Option<Failure> {
        let name = command.name();
        if earlier {
            let text = format!(
                "the agent of {} was started again after {name} was sent: whether it was carried out is not known",
                self.host
            );
            return Some(Failure::new(ErrorCode::Restarted, text).hint("look at its state, then ask again"));
        }
        let text = format!("{name} came too late: its sender has connected anew since and waits for it no more");
        late.then(|| Failure::new(ErrorCode::Expired, text))
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
}

/// A command as the journal names it.
fn described(command: &Command) -> String {
    match command {
        Command::Order(order) => format!("order {} ({})", order.order, order.method),
        other => other.name().to_owned(),
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
        let words = words_of_panic(&*panic);
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
