//! Telemetry and events on a PUB socket: `[topic][JSON]`.

use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::gate::{Gate, Open};
use super::server::admission;
use super::zmtp::{Incoming, Limits, Outgoing, SocketType};
use config::Config;
use protocol::Failure;

/// Messages that wait for a subscriber; then its oldest is lost.
const WAITING: usize = 64;
/// A subscriber that takes nothing for this long is closed; it may come again.
const STALLED: Duration = Duration::from_secs(5);
/// Subscriptions that one subscriber may send.
const SUBSCRIPTIONS: usize = 64;

type Published = [Bytes; 2];

/// Publishes to every subscriber; never waits. Clones publish on the same socket.
#[derive(Debug, Clone)]
pub struct Publisher {
    messages: broadcast::Sender<Published>,
    /// Ends when the last clone is dropped, and the socket with it.
    _open: mpsc::Sender<()>,
}

impl Publisher {
    /// Binds the telemetry endpoint of a host.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`](protocol::ErrorCode::Environment) when it cannot be bound,
    /// [`ErrorCode::Config`](protocol::ErrorCode::Config) when it is no endpoint.
    pub async fn bind(config: &Config, host: &str) -> Result<Self, Failure> {
        let endpoint = config.host(host)?.telemetry.clone();
        let (gate, open) = Gate::open(&[endpoint], admission(config, host, SocketType::Pub, Limits::SUBSCRIPTIONS)?)?;
        let (messages, _) = broadcast::channel(WAITING);
        let (alive, dropped) = mpsc::channel(1);
        tokio::spawn(serve(gate, open, messages.clone(), dropped));
        Ok(Self { messages, _open: alive })
    }

    /// Publishes a message; `false` when it has no JSON form.
    pub fn publish(&self, topic: &'static str, message: &impl Serialize) -> bool {
        let Ok(json) = serde_json::to_vec(message) else { return false };
        // Nobody need listen.
        let _ = self.messages.send([Bytes::from_static(topic.as_bytes()), json.into()]);
        true
    }
}

async fn serve(
    _gate: Gate,
    mut open: mpsc::Receiver<Open>,
    messages: broadcast::Sender<Published>,
    mut dropped: mpsc::Receiver<()>,
) {
    // Subscribers end with the publisher.
    let mut subscribers = JoinSet::new();
    loop {
        tokio::select! {
            opened = open.recv() => match opened {
                Some(opened) => drop(subscribers.spawn(follow(opened, messages.subscribe()))),
                None => return,
            },
            Some(_ended) = subscribers.join_next() => {}
            _ = dropped.recv() => return,
        }
    }
}

/// One subscriber, until it is lost or closed.
async fn follow(open: Open, mut messages: broadcast::Receiver<Published>) {
    let Open { mut framed, place, .. } = open;
    if framed.get_mut().move_here().is_err() {
        return;
    }
    let ended = place.ended();
    let (mut prefixes, mut asked) = (Vec::<Bytes>::new(), 0);
    loop {
        let said = tokio::select! {
            said = framed.next() => match said {
                Some(Ok(Incoming::Message(message))) if message.excess.is_none() && asked < SUBSCRIPTIONS => {
                    place.heard();
                    asked += 1;
                    subscribe(&mut prefixes, message.frames.first());
                    None
                }
                Some(Ok(Incoming::Ping(context))) => Some(Outgoing::Pong(context)),
                _ => return,
            },
            message = messages.recv() => match message {
                Ok([topic, json]) if prefixes.iter().any(|prefix| topic.starts_with(prefix)) => {
                    Some(Outgoing::Message(vec![topic, json]))
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => None,
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = ended.cancelled() => return,
        };
        if let Some(said) = said
            && !matches!(timeout(STALLED, framed.send(said)).await, Ok(Ok(())))
        {
            return;
        }
    }
}

/// A message of a SUB socket: 1 and a prefix of topics, or 0 to end that.
fn subscribe(prefixes: &mut Vec<Bytes>, said: Option<&Bytes>) {
    match said.and_then(|said| said.split_first()) {
        Some((1, prefix)) => prefixes.push(Bytes::copy_from_slice(prefix)),
        Some((0, prefix)) => {
            if let Some(at) = prefixes.iter().position(|known| known == prefix) {
                prefixes.swap_remove(at);
            }
        }
        _ => {}
    }
}
