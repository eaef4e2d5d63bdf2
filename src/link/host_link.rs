//! The task behind one host's connection: a DEALER that outlives lost connections, and the requests under way on it.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc as futures_mpsc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use zeromq::{DealerSocket, Socket, SocketEvent, SocketOptions, SocketRecv, SocketSend, ZmqMessage};

use super::now_ms;
use super::signing::Key;
use config::Endpoint;
use protocol::{Answer, Command, Connection, ErrorCode, Failure, Reply, Request, VERSION};

/// How long one attempt to connect may take. zeromq tries a refused port again within it, after 50, 100, 200 ms...
const CONNECT: Duration = Duration::from_secs(1);
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
    /// When it was first sent, ms since the Unix epoch.
    first_sent_at_ms: Option<u64>,
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
    endpoint: Endpoint,
    key: Option<Key>,
    jobs: mpsc::Receiver<Job>,
    pending: HashMap<String, Pending>,
    heard: Instant,
    /// When the peer was last asked whether it is there.
    asked: Instant,
    /// Which connection this is.
    connection: Connection,
}

impl HostLink {
    pub(super) fn new(host: &str, endpoint: Endpoint, key: Option<Key>, jobs: mpsc::Receiver<Job>) -> Self {
        let connection = Connection { of: uuid::Uuid::new_v4().to_string(), number: 0 };
        Self {
            host: host.to_owned(),
            endpoint,
            key,
            jobs,
            pending: HashMap::new(),
            heard: Instant::now(),
            asked: Instant::now(),
            connection,
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
            let Some((socket, events)) = self.connect().await else { continue };
            if matches!(self.converse(socket, events).await, Ended::Closed) {
                return;
            }
        }
    }

    fn take(&mut self, job: Job) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        self.pending.insert(id.clone(), Pending { job, since: Instant::now(), sent: None, first_sent_at_ms: None });
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
    async fn connect(&mut self) -> Option<(DealerSocket, futures_mpsc::Receiver<SocketEvent>)> {
        let endpoint = self.endpoint.to_string();
        loop {
            let mut options = SocketOptions::default();
            options.connect_timeout(CONNECT);
            let endpoint = endpoint.as_str();
            let attempt = async move {
                let mut socket = DealerSocket::with_options(options);
                let events = socket.monitor();
                socket.connect(endpoint).await.map(|()| (socket, events))
            };
            tokio::pin!(attempt);
            let connected = loop {
                let next_end = self.next_end();
                tokio::select! {
                    attempt = &mut attempt => break attempt,
                    job = self.jobs.recv() => match job {
                        Some(job) => drop(self.take(job)),
                        None => return None,
                    },
                    () = sleep_until(next_end) => {
                        self.expire();
                        if self.pending.is_empty() {
                            return None;
                        }
                    }
                }
            };
            match connected {
                Ok(connection) => return Some(connection),
                // A timeout waited for long enough; anything else (no route, reset in the handshake) must not spin.
                Err(zeromq::ZmqError::ConnectTimeout(_)) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn converse(&mut self, mut socket: DealerSocket, mut events: futures_mpsc::Receiver<SocketEvent>) -> Ended {
        self.connection.number += 1;
        // Somebody is there.
        self.heard = Instant::now();
        let again: Vec<String> = self.pending.keys().cloned().collect();
        for id in again {
            if !self.send(&mut socket, &id).await {
                return Ended::Lost;
            }
        }
        loop {
            let (next_end, next_question) = (self.next_end(), self.next_question());
            tokio::select! {
                () = sleep_until(next_question.unwrap_or(next_end)), if next_question.is_some() => {
                    let id = self.question();
                    if !self.send(&mut socket, &id).await {
                        return Ended::Lost;
                    }
                }
                job = self.jobs.recv() => {
                    let Some(job) = job else { return Ended::Closed };
                    let id = self.take(job);
                    if !self.send(&mut socket, &id).await {
                        return Ended::Lost;
                    }
                }
                message = socket.recv() => match message {
                    Ok(message) => self.receive(&message),
                    Err(_) => return Ended::Lost,
                },
                event = events.next() => if matches!(event, Some(SocketEvent::Disconnected(_)) | None) {
                    return Ended::Lost;
                },
                () = sleep_until(next_end), if !self.pending.is_empty() => {
                    if self.expire() {
                        return Ended::Lost;
                    }
                }
            }
        }
    }

    async fn send(&mut self, socket: &mut DealerSocket, id: &str) -> bool {
        let Some(pending) = self.pending.get_mut(id) else { return true };
        let request = Request {
            v: VERSION,
            id: id.to_owned(),
            to: self.host.clone(),
            sent_at_ms: now_ms(),
            first_sent_at_ms: pending.first_sent_at_ms,
            connection: Some(self.connection.clone()),
            nonce: uuid::Uuid::new_v4().simple().to_string(),
            radio: None,
            run: pending.job.run.clone(),
            command: pending.job.command.clone(),
        };
        let Ok(frame) = serde_json::to_vec(&request) else {
            self.settle(id, Err(Failure::new(ErrorCode::Internal, "the request has no JSON form")));
            return true;
        };
        let signature = self.key.as_ref().map(|key| key.sign(&frame));
        // The empty frame makes a DEALER's message look like a REQ's.
        let mut message = ZmqMessage::from(Bytes::new());
        message.push_back(frame.into());
        if let Some(signature) = signature {
            message.push_back(signature.into());
        }
        pending.sent = Some(Instant::now());
        pending.first_sent_at_ms.get_or_insert(request.sent_at_ms);
        socket.send(message).await.is_ok()
    }

    fn receive(&mut self, message: &ZmqMessage) {
        self.heard = Instant::now();
        let mut frames = message.iter().skip_while(|frame| frame.is_empty());
        let Some(frame) = frames.next() else { return };
        // A reply without a pending request is the late answer to one that was given up.
        let Ok(reply) = serde_json::from_slice::<Reply>(frame) else {
            tracing::warn!("{} sent something that is no reply", self.host);
            return;
        };
        let Some(pending) = self.pending.get(&reply.id) else { return };
        let genuine = self.key.as_ref().is_none_or(|key| frames.next().is_some_and(|signature| key.verify(frame, signature)));
        let result = if !genuine {
            Err(Failure::new(ErrorCode::Unauthorized, format!("the answer of {} is not signed with this cluster's key", self.host))
                .hint("give every host the same cluster key"))
        } else if reply.ok {
            Ok(pending.job.command.read_answer(&self.host, reply.result))
        } else {
            let silent = || Failure::new(ErrorCode::Internal, format!("{} failed without saying why", self.host));
            Err(reply.error.unwrap_or_else(silent))
        };
        self.settle(&reply.id, result);
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
        let in_time = job.is_some_and(|job| job.deadline > Instant::now());
        if sent && in_time {
            Failure::new(
                ErrorCode::Unreachable,
                format!("the agent of {host} ({endpoint}) has said nothing for {} s, not even its status", DEAD.as_secs()),
            )
            .hint(format!("is {host} switched on, and its agent running?"))
        } else if sent {
            Failure::new(
                ErrorCode::Unreachable,
                format!("the agent of {host} ({endpoint}) did not answer {name} within {allowed:.1} s"),
            )
            .hint(format!("ask again, or look at the agent on {host}"))
        } else {
            let failure = Failure::new(ErrorCode::Unreachable, format!("the agent of {host} cannot be reached at {endpoint}"))
                .hint(format!("is `baton agent --host {host}` running there, and is the network between up?"));
            Failure { not_sent: true, ..failure }
        }
    }
}
