//! The task behind one host's connection: a DEALER that outlives lost connections, and the requests under way on it.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::Framed;

use super::dial::{Dialled, NotDialled, dial};
use super::stream::Stream;
use super::tls::Tls;
use super::zmtp::{Codec, Incoming, Message, Outgoing, SocketType};
use config::Endpoint;
use protocol::{Answer, Command, Connection, ErrorCode, Failure, Reply, Request, VERSION};

/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(50);
/// An agent that takes nothing for this long has lost the connection.
const STALLED: Duration = Duration::from_secs(5);
/// While an answer is waited for, a peer that says nothing for so long is asked for its status, which an agent tells at once whatever else it does.
const QUIET: Duration = Duration::from_secs(1);
/// One that has said nothing for so long is given up: a host without power closes nothing. Time enough for an agent to be started again.
const DEAD: Duration = Duration::from_secs(4);
/// A request that never reached a connection is given up after this long even when its deadline is later: an operator should not wait
/// a minute to learn that an agent does not run. One that was sent is kept until its deadline, so that an agent may restart.
const NEVER_CONNECTED: Duration = Duration::from_secs(2);

/// A request to be made.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) command: Command,
    /// The run that it is a step of.
    pub(super) run: Option<String>,
    pub(super) deadline: Instant,
    /// The deadline as it was given, for the sentence.
    pub(super) allowed: Duration,
    pub(super) answer: oneshot::Sender<Result<Answer, Failure>>,
}

/// A request under way.
struct Pending {
    job: Job,
    since: Instant,
    /// When it was last sent.
    sent: Option<Instant>,
    /// The life of the agent that it was first sent to.
    first_sent_to: Option<String>,
}

impl Pending {
    /// When it is given up, if the peer was last heard then.
    fn ends(&self, heard: Instant) -> Instant {
        let given_up = match self.sent {
            Some(sent) => sent.max(heard) + DEAD,
            None => self.since + NEVER_CONNECTED,
        };
        self.job.deadline.min(given_up)
    }
}

/// Why a conversation ended.
enum Ended {
    /// The connection is lost.
    Lost,
    /// Nobody will ask any more.
    Closed,
}

pub(super) struct HostLink {
    host: String,
    /// The radio that the questions are about, where a pool has several.
    radio: Option<String>,
    endpoint: Endpoint,
    tls: Option<Tls>,
    jobs: mpsc::Receiver<Job>,
    pending: HashMap<String, Pending>,
    heard: Instant,
    /// When the peer was last asked whether it is there.
    asked: Instant,
    /// Which connection this is.
    connection: Connection,
    /// The life of the agent at its other end.
    instance: Option<String>,
}

impl HostLink {
    pub(super) fn new(host: &str, radio: Option<String>, endpoint: Endpoint, tls: Option<Tls>, jobs: mpsc::Receiver<Job>) -> Self {
        let connection = Connection { of: uuid::Uuid::new_v4().to_string(), number: 0 };
        Self {
            host: host.to_owned(),
            radio,
            endpoint,
            tls,
            jobs,
            pending: HashMap::new(),
            heard: Instant::now(),
            asked: Instant::now(),
            connection,
            instance: None,
        }
    }

    /// Runs until every [`Client`](super::client::Client) is gone.
    pub(super) async fn run(mut self) {
        loop {
            if self.pending.is_empty() {
                match self.jobs.recv().await {
                    Some(job) => drop(self.take(job)),
                    None => return,
                }
            }
            let Some(framed) = self.connect().await else { continue };
            if matches!(self.converse(framed).await, Ended::Closed) {
                return;
            }
        }
    }

    fn take(&mut self, job: Job) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        self.pending.insert(id.clone(), Pending { job, since: Instant::now(), sent: None, first_sent_to: None });
        id
    }

    fn next_end(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        self.pending.values().map(|pending| pending.ends(self.heard)).min().unwrap_or(far)
    }

    /// When the peer is to be asked whether it is there; never while nothing is waited for.
    fn next_question(&self) -> Option<Instant> {
        let sent = self.pending.values().filter_map(|pending| pending.sent).min()?;
        Some(sent.max(self.heard).max(self.asked) + QUIET)
    }

    /// The answer is for nobody; that there is one shows.
    fn question(&mut self) -> String {
        self.asked = Instant::now();
        let (answer, _) = oneshot::channel();
        self.take(Job { command: Command::Status, run: None, deadline: self.asked + DEAD, allowed: DEAD, answer })
    }

    /// Tries until connected; `None` when nobody waits for it any more.
    async fn connect(&mut self) -> Option<Framed<Stream, Codec>> {
        let (host, endpoint, tls) = (self.host.clone(), self.endpoint.clone(), self.tls.clone());
        loop {
            let attempt = dial(&host, &endpoint, tls.as_ref(), SocketType::Dealer);
            match self.meanwhile(attempt).await? {
                Ok(Dialled { framed, instance }) => {
                    self.instance = instance;
                    return Some(framed);
                }
                Err(NotDialled::Absent) => {}
                Err(NotDialled::Stranger(failure)) => {
                    let ids: Vec<String> = self.pending.keys().cloned().collect();
                    for id in ids {
                        let not_sent = self.pending.get(&id).is_some_and(|pending| pending.sent.is_none());
                        self.settle(&id, Err(Failure { not_sent, ..failure.clone() }));
                    }
                    return None;
                }
            }
            self.meanwhile(tokio::time::sleep(RETRY)).await?;
        }
    }

    /// Waits for `work` while requests come and are given up; `None` when none is left.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            let next_end = self.next_end();
            tokio::select! {
                done = &mut work => return Some(done),
                job = self.jobs.recv() => drop(self.take(job?)),
                () = sleep_until(next_end) => {
                    self.expire();
                    if self.pending.is_empty() {
                        return None;
                    }
                }
            }
        }
    }

    async fn converse(&mut self, mut framed: Framed<Stream, Codec>) -> Ended {
        self.connection.number += 1;
        // Somebody is there.
        self.heard = Instant::now();
        let again: Vec<String> = self.pending.keys().cloned().collect();
        for id in again {
            if !self.send(&mut framed, &id).await {
                return Ended::Lost;
            }
        }
        loop {
            let (next_end, next_question) = (self.next_end(), self.next_question());
            let to_send = tokio::select! {
                () = sleep_until(next_question.unwrap_or(next_end)), if next_question.is_some() => self.question(),
                job = self.jobs.recv() => match job {
                    Some(job) => self.take(job),
                    None => return Ended::Closed,
                },
                said = framed.next() => match said {
                    Some(Ok(Incoming::Message(message))) if self.receive(&message) => continue,
                    Some(Ok(Incoming::Ping(context))) => {
                        if !say(&mut framed, Outgoing::Pong(context)).await {
                            return Ended::Lost;
                        }
                        continue;
                    }
                    _ => return Ended::Lost,
                },
                () = sleep_until(next_end), if !self.pending.is_empty() => {
                    if self.expire() {
                        // What it has not got by now would come to it after others have gone on without it.
                        framed.into_inner().reset();
                        return Ended::Lost;
                    }
                    continue;
                }
            };
            if !self.send(&mut framed, &to_send).await {
                return Ended::Lost;
            }
        }
    }

    /// Test equipment: one conversation with a question under way; whether it ends by the connection's loss.
    #[cfg(any(test, feature = "fuzz"))]
    pub(super) async fn converse_once(&mut self, framed: Framed<Stream, Codec>) -> bool {
        self.question();
        matches!(self.converse(framed).await, Ended::Lost)
    }

    async fn send(&mut self, framed: &mut Framed<Stream, Codec>, id: &str) -> bool {
        let Some(pending) = self.pending.get_mut(id) else { return true };
        let request = Request {
            v: VERSION,
            id: id.to_owned(),
            to: self.host.clone(),
            sent_at_ms: 0,
            first_sent_to: pending.first_sent_to.clone(),
            connection: Some(self.connection.clone()),
            nonce: String::new(),
            radio: self.radio.clone(),
            run: pending.job.run.clone(),
            command: pending.job.command.clone(),
        };
        let Ok(frame) = serde_json::to_vec(&request) else {
            self.settle(id, Err(Failure::new(ErrorCode::Internal, "the request has no JSON form")));
            return true;
        };
        pending.sent = Some(Instant::now());
        if pending.first_sent_to.is_none() {
            pending.first_sent_to.clone_from(&self.instance);
        }
        // The empty frame makes a DEALER's message look like a REQ's.
        say(framed, Outgoing::Message(vec![Bytes::new(), frame.into()])).await
    }

    /// Takes a message; `false` when it is none of an agent's.
    fn receive(&mut self, message: &Message) -> bool {
        let reply = message.frames.iter().find(|frame| !frame.is_empty());
        let Some(Ok(reply)) = reply.map(|frame| serde_json::from_slice::<Reply>(frame)) else {
            tracing::warn!("{} sent something that is no reply; the connection is closed", self.host);
            return false;
        };
        self.heard = Instant::now();
        // A reply without a pending request is the late answer to one that was given up.
        let Some(pending) = self.pending.get(&reply.id) else { return true };
        let result = if reply.ok {
            Ok(pending.job.command.read_answer(&self.host, reply.result))
        } else {
            let silent = || Failure::new(ErrorCode::Internal, format!("{} failed without saying why", self.host));
            Err(reply.error.unwrap_or_else(silent))
        };
        self.settle(&reply.id, result);
        true
    }

    fn settle(&mut self, id: &str, result: Result<Answer, Failure>) {
        if let Some(pending) = self.pending.remove(id) {
            // The caller may have given up.
            let _ = pending.job.answer.send(result);
        }
    }

    /// Gives up what is over its time. `true` when the peer has been silent since such a request was sent: then the connection is not
    /// to be trusted (a host that lost its power closes nothing).
    fn expire(&mut self) -> bool {
        let now = Instant::now();
        let over: Vec<(String, Option<Instant>)> =
            self.pending.iter().filter(|(_, p)| p.ends(self.heard) <= now).map(|(id, p)| (id.clone(), p.sent)).collect();
        let mut silent = false;
        for (id, sent) in over {
            silent |= sent.is_some_and(|sent| sent > self.heard);
            let failure = self.unreachable(&id, sent.is_some());
            self.settle(&id, Err(failure));
        }
        silent
    }

    fn unreachable(&self, id: &str, sent: bool) -> Failure {
        let (host, endpoint) = (&self.host, &self.endpoint);
        let job = self.pending.get(id).map(|pending| &pending.job);
        let (name, allowed) = job.map_or(("the command", 0.0), |job| (job.command.name(), job.allowed.as_secs_f64()));
        // Who reads this must not take it for certain that nothing was done.
        let perhaps = if job.is_none_or(|job| job.command.only_reads()) { "" } else { "; it may have been carried out" };
        let in_time = job.is_some_and(|job| job.deadline > Instant::now());
        if sent && in_time {
            Failure::new(
                ErrorCode::Unreachable,
                format!("the agent of {host} ({endpoint}) has said nothing for {} s, not even its status{perhaps}", DEAD.as_secs()),
            )
            .hint(format!("is {host} switched on, and its agent running?"))
        } else if sent {
            Failure::new(
                ErrorCode::Unreachable,
                format!("the agent of {host} ({endpoint}) did not answer {name} within {allowed:.1} s{perhaps}"),
            )
            .hint(format!("ask again, or look at the agent on {host}"))
        } else {
            let failure = Failure::new(ErrorCode::Unreachable, format!("the agent of {host} cannot be reached at {endpoint}"))
                .hint(format!("is `baton agent --host {host}` running there, and is the network between up?"));
            Failure { not_sent: true, ..failure }
        }
    }
}

async fn say(framed: &mut Framed<Stream, Codec>, said: Outgoing) -> bool {
    matches!(timeout(STALLED, framed.send(said)).await, Ok(Ok(())))
}
