//! What the agents say unasked: one subscription per host, made anew when it is lost, and the state of each link as data.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use zeromq::{Socket, SocketEvent, SocketOptions, SocketRecv, SubSocket, ZmqMessage};

use config::Config;
use protocol::{Event, TOPIC_EVENT, TOPIC_TELEMETRY, Telemetry};

/// Capacity of the receiver: four seconds of telemetry of three hosts. A reader that is not scheduled for a second, on a machine where
/// processes of real-time priority start, still gets every message; one that does not read holds some 2 MB.
const CAPACITY: usize = 128;
/// Events and link states kept for a reader that does not read; then the oldest goes.
const MAX_WAITING: usize = 256;
const CONNECT: Duration = Duration::from_secs(1);
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
pub fn subscribe(config: Arc<Config>) -> mpsc::Receiver<Heard> {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    for (host, settings) in &config.host {
        tokio::spawn(Subscription::new(host, &settings.telemetry.to_string(), sender.clone()).run());
    }
    receiver
}

struct Subscription {
    host: String,
    endpoint: String,
    sender: mpsc::Sender<Heard>,
    telemetry: Option<Box<Telemetry>>,
    waiting: VecDeque<Heard>,
    heard: Instant,
    silent: bool,
}

/// The reader is gone.
struct Gone;

impl Subscription {
    fn new(host: &str, endpoint: &str, sender: mpsc::Sender<Heard>) -> Self {
        Self {
            host: host.to_owned(),
            endpoint: endpoint.to_owned(),
            sender,
            telemetry: None,
            waiting: VecDeque::new(),
            heard: Instant::now(),
            silent: false,
        }
    }

    async fn run(mut self) {
        let mut retry = FIRST_RETRY;
        loop {
            self.say(LinkState::Connecting);
            let attempt = Self::connect(self.endpoint.clone());
            match self.meanwhile(attempt).await {
                Ok(Some((socket, events))) => {
                    retry = FIRST_RETRY;
                    if self.listen(socket, events).await.is_err() {
                        return;
                    }
                }
                Ok(None) => {}
                Err(Gone) => return,
            }
            self.say(LinkState::Retrying { in_ms: u64::try_from(retry.as_millis()).unwrap_or(u64::MAX) });
            if self.meanwhile(tokio::time::sleep(retry)).await.is_err() {
                return;
            }
            retry = (retry * 2).min(LONGEST_RETRY);
        }
    }

    async fn connect(endpoint: String) -> Option<(SubSocket, futures::channel::mpsc::Receiver<SocketEvent>)> {
        let mut options = SocketOptions::default();
        options.connect_timeout(CONNECT);
        let mut socket = SubSocket::with_options(options);
        let events = socket.monitor();
        for topic in [TOPIC_TELEMETRY, TOPIC_EVENT] {
            socket.subscribe(topic).await.ok()?;
        }
        socket.connect(&endpoint).await.ok()?;
        Some((socket, events))
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
    async fn listen(
        &mut self,
        mut socket: SubSocket,
        mut events: futures::channel::mpsc::Receiver<SocketEvent>,
    ) -> Result<(), Gone> {
        self.say(LinkState::Connected);
        self.heard = Instant::now();
        self.silent = false;
        let mut look = self.heard + SILENCE;
        loop {
            let step = async {
                tokio::select! {
                    message = socket.recv() => Step::Message(message.ok()),
                    event = events.next() => match event {
                        Some(SocketEvent::Disconnected(_)) | None => Step::Message(None),
                        Some(_) => Step::Nothing,
                    },
                    () = sleep_until(look) => Step::Look,
                }
            };
            match self.meanwhile(step).await? {
                Step::Message(Some(message)) => {
                    self.take(message);
                    look = self.heard + SILENCE;
                }
                Step::Message(None) => return Ok(()),
                Step::Nothing => {}
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

    fn take(&mut self, message: ZmqMessage) {
        let (Some(topic), Some(body)) = (message.get(0), message.get(1)) else { return };
        match topic.as_ref() {
            topic if topic == TOPIC_TELEMETRY.as_bytes() => match serde_json::from_slice(body) {
                Ok(telemetry) => self.telemetry = Some(telemetry),
                Err(e) => tracing::warn!("the telemetry of {} cannot be read: {e}", self.host),
            },
            topic if topic == TOPIC_EVENT.as_bytes() => match serde_json::from_slice(body) {
                Ok(event) => self.keep(Heard::Event(event)),
                Err(e) => tracing::warn!("an event of {} cannot be read: {e}", self.host),
            },
            _ => return,
        }
        self.heard = Instant::now();
        if std::mem::take(&mut self.silent) {
            self.say(LinkState::Connected);
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
        self.telemetry.is_some() || !self.waiting.is_empty()
    }

    fn next(&mut self) -> Option<Heard> {
        self.waiting.pop_front().or_else(|| self.telemetry.take().map(Heard::Telemetry))
    }
}

enum Step {
    Message(Option<ZmqMessage>),
    Nothing,
    Look,
}
