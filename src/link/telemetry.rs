//! What the agents say unasked: one subscription per host, made anew when it is lost, and the state of each link as data.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::Framed;

use super::dial::{Dialled, NotDialled, dial};
use super::identity::{Identity, Operator};
use super::stream::Stream;
use super::tls::Tls;
use super::zmtp::{Codec, Incoming, Message, Outgoing, SocketType};
use config::{Config, Endpoint, RadioViews};
use protocol::{Event, Failure, TOPIC_EVENT, TOPIC_TELEMETRY, Telemetry};

/// Capacity of the receiver: four seconds of telemetry of three hosts. A reader that is not scheduled for a second, on a machine where
/// processes of real-time priority start, still gets every message; one that does not read holds some 2 MB.
const CAPACITY: usize = 128;
/// Of a reader of many radios: what it may hold of them is bounded as well.
const MOST_CAPACITY: usize = 4096;
/// Radios of one host that are kept for a reader that does not read: an agent that names more is none of ours.
const MOST_RADIOS: usize = 1024;
/// Events and link states kept for a reader that does not read; then the oldest goes.
const MAX_WAITING: usize = 256;
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(4);
/// Ten telemetry messages are missing.
const SILENCE: Duration = Duration::from_secs(1);
/// A connection that is silent for this long is made anew: a host that lost its power closes nothing.
const DEAD: Duration = Duration::from_secs(6);

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A host's state.
    Telemetry(Box<Telemetry>),
    /// A line of the log.
    Event(Event),
    /// The subscription's own state changed.
    Link {
        /// Name of the host.
        host: String,
        /// Its link's state.
        state: LinkState,
    },
}

/// State of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Trying.
    Connecting,
    /// Connected; telemetry is on its way. Said again when a silent host speaks again.
    Connected,
    /// Not reached; will be tried again.
    Retrying {
        /// In how long, ms.
        in_ms: u64,
    },
    /// Connected, but nothing was heard. Said once a second while it lasts.
    Silent {
        /// For how long, ms.
        for_ms: u64,
    },
}

/// Subscribes to every host of the cluster; must be called within a tokio runtime. Ends when the receiver is dropped.
///
/// When the receiver is full, a host's newer telemetry takes the place of its older; events wait.
///
/// # Errors
/// [`ErrorCode::Config`](protocol::ErrorCode::Config) when the cluster key cannot be read.
pub fn subscribe(config: Arc<Config>) -> Result<mpsc::Receiver<Heard>, Failure> {
    let wanted = Wanted::One(config.radio_to_tell());
    listen_to(&config, &wanted, CAPACITY)
}

/// The same for all radios of a cluster file at once, with one subscription per host whatever the number of radios.
///
/// # Errors
/// Those of [`subscribe`].
pub fn subscribe_to_all(views: &RadioViews) -> Result<mpsc::Receiver<Heard>, Failure> {
    let capacity = CAPACITY.saturating_mul(views.radios().len()).min(MOST_CAPACITY);
    listen_to(views.whole(), &Wanted::All, capacity)
}

fn listen_to(config: &Config, wanted: &Wanted, capacity: usize) -> Result<mpsc::Receiver<Heard>, Failure> {
    let tls = Tls::of(config, &Identity::Operator(Operator::here()))?;
    let (sender, receiver) = mpsc::channel(capacity);
    for (host, settings) in &config.host {
        tokio::spawn(Subscription::new(host, wanted.clone(), settings.telemetry.clone(), tls.clone(), sender.clone()).run());
    }
    Ok(receiver)
}

/// Which radios a reader listens for.
#[derive(Debug, Clone)]
enum Wanted {
    /// This one; none where the cluster has only one.
    One(Option<String>),
    /// All that there are.
    All,
}

impl Wanted {
    fn takes(&self, radio: Option<&str>) -> bool {
        match self {
            Self::One(wanted) => wanted.as_deref() == radio,
            Self::All => true,
        }
    }
}

struct Subscription {
    host: String,
    /// The radios that are listened for.
    wanted: Wanted,
    endpoint: Endpoint,
    tls: Option<Tls>,
    sender: mpsc::Sender<Heard>,
    /// The newest of each radio that the reader has not taken, the one that waits longest first.
    telemetry: VecDeque<Box<Telemetry>>,
    waiting: VecDeque<Heard>,
    heard: Instant,
    silent: bool,
    /// What was last said of a peer that is no agent of this cluster.
    warned: String,
}

/// The reader is gone.
struct Gone;

impl Subscription {
    fn new(host: &str, wanted: Wanted, endpoint: Endpoint, tls: Option<Tls>, sender: mpsc::Sender<Heard>) -> Self {
        Self {
            host: host.to_owned(),
            wanted,
            endpoint,
            tls,
            sender,
            telemetry: VecDeque::new(),
            waiting: VecDeque::new(),
            heard: Instant::now(),
            silent: false,
            warned: String::new(),
        }
    }

    async fn run(mut self) {
        let mut retry = FIRST_RETRY;
        loop {
            self.say(LinkState::Connecting);
            let attempt = Self::connect(self.host.clone(), self.endpoint.clone(), self.tls.clone());
            match self.meanwhile(attempt).await {
                Ok(Ok(framed)) => {
                    retry = FIRST_RETRY;
                    if self.listen(framed).await.is_err() {
                        return;
                    }
                }
                Ok(Err(NotDialled::Stranger(failure))) => self.warn(&failure),
                Ok(Err(NotDialled::Absent)) => {}
                Err(Gone) => return,
            }
            self.say(LinkState::Retrying { in_ms: u64::try_from(retry.as_millis()).unwrap_or(u64::MAX) });
            if self.meanwhile(tokio::time::sleep(retry)).await.is_err() {
                return;
            }
            retry = (retry * 2).min(LONGEST_RETRY);
        }
    }

    async fn connect(host: String, endpoint: Endpoint, tls: Option<Tls>) -> Result<Framed<Stream, Codec>, NotDialled> {
        let Dialled { mut framed, .. } = dial(&host, &endpoint, tls.as_ref(), SocketType::Sub).await?;
        for topic in [TOPIC_TELEMETRY, TOPIC_EVENT] {
            let subscription = Bytes::from([&[1], topic.as_bytes()].concat());
            framed.send(Outgoing::Message(vec![subscription])).await.map_err(|_| NotDialled::Absent)?;
        }
        Ok(framed)
    }

    fn warn(&mut self, failure: &Failure) {
        if self.warned != failure.message {
            tracing::warn!("no telemetry of {}: {failure}", self.host);
            self.warned.clone_from(&failure.message);
        }
    }

    /// Waits for `work` while handing out what waits for the reader.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Gone> {
        tokio::pin!(work);
        let sender = self.sender.clone();
        loop {
            // First what waits for the reader, then the work: otherwise a snapshot that arrives with its successor would be replaced
            // although the reader has room, and be missed by a console that counts what it was not shown.
            tokio::select! {
                biased;
                permit = sender.reserve(), if self.has_something() => match permit {
                    Ok(permit) => if let Some(heard) = self.next() { permit.send(heard) },
                    Err(_) => return Err(Gone),
                },
                done = &mut work => return Ok(done),
                () = sender.closed() => return Err(Gone),
            }
        }
    }

    /// Until the connection is lost.
    async fn listen(&mut self, mut framed: Framed<Stream, Codec>) -> Result<(), Gone> {
        self.say(LinkState::Connected);
        self.heard = Instant::now();
        self.silent = false;
        let mut look = self.heard + SILENCE;
        loop {
            let step = async {
                // What has come goes first: a console that was stopped for a second has it all in its socket, and its clock says silence.
                tokio::select! {
                    biased;
                    said = framed.next() => match said {
                        Some(Ok(said)) => Step::Heard(said),
                        _ => Step::Lost,
                    },
                    () = sleep_until(look) => Step::Look,
                }
            };
            match self.meanwhile(step).await? {
                Step::Heard(Incoming::Message(message)) => {
                    if !self.take(&message) {
                        return Ok(());
                    }
                    look = self.heard + SILENCE;
                }
                Step::Heard(Incoming::Ping(context)) => {
                    if !matches!(timeout(DEAD, framed.send(Outgoing::Pong(context))).await, Ok(Ok(()))) {
                        return Ok(());
                    }
                }
                Step::Heard(_) => {}
                Step::Lost => return Ok(()),
                Step::Look => {
                    let quiet = self.heard.elapsed();
                    if quiet >= DEAD {
                        return Ok(());
                    }
                    self.silent = true;
                    self.say(LinkState::Silent { for_ms: u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX) });
                    look += SILENCE;
                }
            }
        }
    }

    /// Takes a message; `false` when it is none of an agent's: then the connection is not to be trusted.
    fn take(&mut self, message: &Message) -> bool {
        let [topic, body] = message.frames.as_slice() else { return false };
        let read = match topic.as_ref() {
            topic if topic == TOPIC_TELEMETRY.as_bytes() => {
                serde_json::from_slice(body).map(|telemetry| self.take_telemetry(telemetry)).map_err(|e| ("the telemetry", e))
            }
            topic if topic == TOPIC_EVENT.as_bytes() => {
                serde_json::from_slice(body).map(|event| self.take_event(event)).map_err(|e| ("an event", e))
            }
            _ => return true,
        };
        if let Err((what, e)) = read {
            self.warn(&Failure::new(protocol::ErrorCode::BadRequest, format!("{what} cannot be read: {e}")));
        }
        self.heard = Instant::now();
        if std::mem::take(&mut self.silent) {
            self.say(LinkState::Connected);
        }
        true
    }

    fn take_telemetry(&mut self, telemetry: Box<Telemetry>) {
        if !self.wanted.takes(telemetry.radio.as_deref()) {
            return;
        }
        let full = self.telemetry.len() >= MOST_RADIOS;
        match self.telemetry.iter_mut().find(|old| old.radio == telemetry.radio) {
            Some(old) => *old = telemetry,
            None if full => {}
            None => self.telemetry.push_back(telemetry),
        }
    }

    /// One of another radio is none of this reader's.
    fn take_event(&mut self, event: Event) {
        if event.radio.is_none() || self.wanted.takes(event.radio.as_deref()) {
            self.keep(Heard::Event(event));
        }
    }

    fn say(&mut self, state: LinkState) {
        self.keep(Heard::Link { host: self.host.clone(), state });
    }

    fn keep(&mut self, heard: Heard) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(heard);
    }

    fn has_something(&self) -> bool {
        !self.telemetry.is_empty() || !self.waiting.is_empty()
    }

    fn next(&mut self) -> Option<Heard> {
        self.waiting.pop_front().or_else(|| self.telemetry.pop_front().map(Heard::Telemetry))
    }
}

enum Step {
    Heard(Incoming),
    Lost,
    Look,
}

/// What a subscriber does with these bytes of whoever is at the other end; whether it takes the connection for lost then.
#[cfg(any(test, feature = "fuzz"))]
pub async fn against_subscriber(bytes: &[u8], secured: bool) -> bool {
    super::dial::overheard(bytes, secured, SocketType::Sub, |dialled| async {
        let (sender, _receiver) = mpsc::channel(CAPACITY);
        let mut subscription = Subscription::new("server1", Wanted::One(None), super::dial::nowhere(), None, sender);
        subscription.listen(dialled.framed).await.is_ok()
    })
    .await
}
