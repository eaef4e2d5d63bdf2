//! Telemetry and events on a ZeroMQ PUB socket: `[topic][JSON]`.

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;
use zeromq::{PubSocket, Socket, SocketSend, ZmqMessage};

use super::gate::{Gate, Limits};
use super::server::runtime_folder;
use config::Config;
use protocol::{ErrorCode, Failure};

/// Messages that wait for the socket's task; it only moves them on, so that more than a few are a stalled machine.
const WAITING: usize = 64;

/// Publishes to every subscriber; never waits. Clones publish on the same socket.
#[derive(Debug, Clone)]
pub struct Publisher {
    messages: mpsc::Sender<ZmqMessage>,
}

impl Publisher {
    /// Binds the telemetry endpoint of a host.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when it cannot be bound, [`ErrorCode::Config`] when it is no endpoint.
    pub async fn bind(config: &Config, host: &str) -> Result<Self, Failure> {
        let endpoint = &config.host(host)?.telemetry;
        let inner = runtime_folder(config, host)?.join("telemetry.zmq");
        let (gate, listener) = Gate::open(endpoint, &inner, Limits::SUBSCRIPTIONS)?;
        let mut socket = PubSocket::new();
        socket
            .bind_listener(listener)
            .await
            .map_err(|e| Failure::new(ErrorCode::Environment, format!("the telemetry socket cannot be opened: {e}")))?;
        let (messages, mut waiting) = mpsc::channel::<ZmqMessage>(WAITING);
        tokio::spawn(async move {
            let _gate = gate;
            while let Some(message) = waiting.recv().await {
                if let Err(e) = socket.send(message).await {
                    tracing::warn!("telemetry was not sent: {e}");
                }
            }
        });
        Ok(Self { messages })
    }

    /// Publishes a message; when the machine does not keep up, it is dropped, and `false` says so.
    pub fn publish(&self, topic: &'static str, message: &impl Serialize) -> bool {
        let Ok(json) = serde_json::to_vec(message) else { return false };
        let mut frames = ZmqMessage::from(Bytes::from_static(topic.as_bytes()));
        frames.push_back(json.into());
        self.messages.try_send(frames).is_ok()
    }
}
