//! What an agent has of its host: interfaces and addresses, ARP, load, scheduling priority, small files, the log and the other agents.

mod address_socket;
pub(super) mod arp;
pub(super) mod disk;
pub(super) mod load;
pub(super) mod ports;
pub(super) mod priority;
pub(super) mod radio_port;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::link::client::Client;
use crate::link::publisher::Publisher;
use config::{Config, Host};
use ports::Ports;
use priority::Priority;
use protocol::{ErrorCode, Event, Failure, Level, TOPIC_EVENT, Telemetry, ask};

/// The host, as its works see it.
#[derive(Debug)]
pub(super) struct HostHandle {
    pub(super) name: String,
    pub(super) config: Arc<Config>,
    pub(super) ports: Ports,
    pub(super) priority: Priority,
    /// The agent is about to end: nothing is started any more.
    pub(super) leaving: CancellationToken,
    changed: Notify,
    client: Client,
    publisher: Publisher,
}

impl HostHandle {
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] without netlink, [`ErrorCode::Config`] for a host that the configuration does not name.
    pub(super) fn open(config: Arc<Config>, name: &str, client: Client, publisher: Publisher) -> Result<Self, Failure> {
        config.host(name)?;
        Ok(Self {
            name: name.to_owned(),
            ports: Ports::open(name)?,
            priority: Priority::default(),
            leaving: CancellationToken::new(),
            changed: Notify::new(),
            config,
            client,
            publisher,
        })
    }

    /// This host's section of the configuration.
    pub(super) fn settings(&self) -> &Host {
        // `open` has looked it up, and the configuration does not change.
        &self.config.host[self.name.as_str()]
    }

    /// Publishes a line for the log.
    pub(super) fn event(&self, level: Level, text: impl Into<String>) {
        let text = text.into();
        match level {
            Level::Info => tracing::info!("{text}"),
            Level::Warning => tracing::warn!("{text}"),
            Level::Error => tracing::error!("{text}"),
        }
        let event = Event { at: Utc::now(), host: self.name.clone(), level, text };
        self.publisher.publish(TOPIC_EVENT, &event);
    }

    /// Something changed that the console should see at once.
    pub(super) fn notify_change(&self) {
        self.changed.notify_one();
    }

    /// Waits for the next [`notify_change`](Self::notify_change).
    pub(super) async fn wait_for_change(&self) {
        self.changed.notified().await;
    }

    /// Tells another host who owns the radio; it has to release the radio then.
    ///
    /// # Errors
    /// The answer of that host; [`ErrorCode::StaleEpoch`] when it knows a newer owner.
    pub(super) async fn send_fence(&self, to: &str, epoch: u64, owner: &str, deadline: Duration) -> Result<(), Failure> {
        self.client.ask(to, ask::Fence { epoch, owner: owner.to_owned() }, deadline).await
    }

    /// What the agent of another host says of itself.
    ///
    /// # Errors
    /// [`ErrorCode::Unreachable`] when it does not answer in time.
    pub(super) async fn ask_status(&self, of: &str, deadline: Duration) -> Result<Telemetry, Failure> {
        self.client.ask(of, ask::Status {}, deadline).await
    }

    /// A file that a restarted agent reads.
    pub(super) fn state_file(&self, what: &str) -> PathBuf {
        self.config.state_folder().join(format!("{}.{what}.json", self.name))
    }

    /// Writes such a file. A full disk costs the memory over a restart and nothing else.
    pub(super) async fn write_state(&self, what: &str, content: impl serde::Serialize + Send + 'static) {
        if let Err(text) = disk::store_in_thread(self.state_file(what), content).await {
            self.event(Level::Warning, format!("what a restart would need was not written: {text}; the service goes on"));
        }
    }

    /// Reads such a file; `None` when there is none, or when it cannot be read, which is reported.
    pub(super) fn read_state<T: serde::de::DeserializeOwned>(&self, what: &str) -> Option<T> {
        disk::load(&self.state_file(what)).unwrap_or_else(|text| {
            self.event(Level::Warning, format!("what this agent wrote before its restart cannot be read: {text}"));
            None
        })
    }

    /// The failure of whatever is asked of an agent that ends.
    pub(super) fn leaving_failure(&self) -> Failure {
        Failure::new(ErrorCode::State, format!("the agent of {} is about to end", self.name)).hint("start it again")
    }
}
