//! What an agent knows and holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::children::{Child, News, Role};
use super::faults::Faults;
use super::host::ports::Ports;
use super::host::priority::Priority;
use super::host::radio_port::RadioPort;
use super::hot::Ready;
use super::memory::Kept;
use super::ownership::Ownership;
use crate::link::client::Client;
use crate::link::publisher::Publisher;
use crate::link::server::runtime_folder;
use crate::metrics::probe::Prober;
use crate::migration::Decision;
use config::{Config, Host, Workload};
use protocol::{Control, Event, Failure, HostLoad, Level, Progress, Route, TOPIC_EVENT};

/// One host's agent.
pub struct Agent {
    pub config: Arc<Config>,
    pub host: String,
    pub client: Client,
    pub publisher: Publisher,
    pub ports: Ports,
    pub radio_port: RadioPort,
    pub priority: Priority,
    pub ownership: Ownership,
    pub faults: Faults,
    pub d2d: Child,
    pub usrp: Child,
    pub began: Instant,
    /// Held by a command that changes processes or addresses: one at a time, in the order of asking.
    pub deeds: tokio::sync::Mutex<()>,
    /// Held while an order is carried out here.
    pub order: tokio::sync::Mutex<()>,
    /// Something changed that telemetry should say at once.
    pub changed: Notify,
    /// The collector should not wait for its next turn.
    pub collect: Notify,
    /// The agent is about to end: nothing is started any more.
    pub leaving: CancellationToken,
    /// Ends the agent.
    pub stop: CancellationToken,
    state: Mutex<State>,
}

/// What changes and is small enough for one lock.
#[derive(Default)]
pub struct State {
    pub collected: Collected,
    /// From `set_route`, for the next start of the D2D process.
    pub routes_to_set: Vec<Route>,
    /// The other host of the pool, and what was last collected of it.
    pub peer: Option<(String, protocol::Collected)>,
    /// Both processes wait, since then.
    pub frozen: Option<Instant>,
    /// From `prepare`, for `take_over`.
    pub ready: Option<Ready>,
    /// From `take_over`, for `commit`: the streams still come to the parked address.
    pub unsettled: bool,
    pub probe: Option<Prober>,
    pub progress: Option<Progress>,
    /// To say go or cancel to the order that is being carried out here.
    pub wish: Option<tokio::sync::watch::Sender<Decision>>,
    /// What was last written down for a later life of this agent.
    pub kept: Kept,
    pub load: HostLoad,
    pub d2d_load: protocol::ProcessLoad,
    pub usrp_load: protocol::ProcessLoad,
}

/// Control variables and routes as last collected.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    pub control: Control,
    pub meanings: serde_json::Map<String, Value>,
    pub routes: Vec<Route>,
    pub at: Option<Instant>,
}

impl Agent {
    /// An agent with nothing running; the receiver is for [`follow`].
    pub fn new(
        config: Arc<Config>,
        host: &str,
        client: Client,
        publisher: Publisher,
        faults: Faults,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<News>), Failure> {
        let folder = runtime_folder(&config, host)?;
        let (sender, news) = mpsc::unbounded_channel();
        let (ownership, problem) = Ownership::load(&config, host);
        if let Some(text) = problem {
            // The agent reads it once it follows.
            let _ = sender.send(News::Line(Level::Warning, text));
        }
        let agent = Self {
            ports: Ports::open(host)?,
            radio_port: RadioPort::open(host, &config.host(host)?.radio_port, config.addresses.active)?,
            priority: Priority::default(),
            ownership,
            faults,
            d2d: Child::new(Role::D2d, &folder, sender.clone()),
            usrp: Child::new(Role::Usrp, &folder, sender),
            began: Instant::now(),
            deeds: tokio::sync::Mutex::default(),
            order: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            collect: Notify::new(),
            leaving: CancellationToken::new(),
            stop: CancellationToken::new(),
            state: Mutex::default(),
            host: host.to_owned(),
            config,
            client,
            publisher,
        };
        // Found out here rather than in the middle of a command.
        agent.config.host(host)?;
        agent.config.radio_of(host)?;
        Ok((Arc::new(agent), news))
    }

    /// The state; never held across an await.
    pub fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This host's section of the configuration.
    pub fn settings(&self) -> &Host {
        // `new` has looked it up, and the configuration does not change.
        &self.config.host[self.host.as_str()]
    }

    /// The workload of this host.
    pub fn workload(&self) -> &Workload {
        self.config.workload_of(&self.host)
    }

    /// Whether the D2D process is one of several terminals and does not know the way to all of them yet.
    pub fn is_probing(&self) -> bool {
        let others = self.config.terminals.len().saturating_sub(1);
        self.d2d.is_running() && self.state().collected.routes.len() < others
    }

    /// Publishes a line for the log.
    pub fn event(&self, level: Level, text: impl Into<String>) {
        let text = text.into();
        match level {
            Level::Info => tracing::info!("{text}"),
            Level::Warning => tracing::warn!("{text}"),
            Level::Error => tracing::error!("{text}"),
        }
        let event = Event { at: Utc::now(), host: self.host.clone(), level, text };
        self.publisher.publish(TOPIC_EVENT, &event);
    }
}

/// Passes on what the processes have to tell.
pub async fn follow(agent: Arc<Agent>, mut news: mpsc::UnboundedReceiver<News>) {
    while let Some(news) = news.recv().await {
        match news {
            News::Changed => agent.changed.notify_one(),
            News::Synced => agent.collect.notify_one(),
            News::Line(level, text) => agent.event(level, text),
        }
    }
}
