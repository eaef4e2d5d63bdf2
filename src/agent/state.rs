//! What an agent of one radio knows and holds.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::control::OrderControl;
use super::drained::Drained;
use super::exporter::Counted;
use super::faults::CommandFaults;
use super::host::HostHandle;
use super::host::priority::Priority;
use super::participation::Participation;
use super::store::Store;
use super::work::Work;
use crate::link::client::Client;
use crate::link::publisher::Publisher;
use crate::metrics::probe::Prober;
use config::{Config, RadioName};
use protocol::{ErrorCode, Failure, HostLoad, ProcessLoad, Progress, StoreStatus};

/// How the agent's process ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    /// It is to end: no order begins any more.
    pub(super) stopping: CancellationToken,
    /// Ends it.
    pub(super) stop: CancellationToken,
}

/// One host's agent, as far as one radio goes.
pub(super) struct Agent {
    pub(super) host: Arc<HostHandle>,
    pub(super) client: Client,
    pub(super) publisher: Publisher,
    pub(super) faults: Arc<CommandFaults>,
    /// For Prometheus.
    pub(super) counted: Counted,
    pub(super) began: Instant,
    /// Telemetry messages published so far.
    pub(super) published: AtomicU64,
    /// Held while an order is carried out here.
    pub(super) order: tokio::sync::Mutex<()>,
    /// The run that this host takes part in.
    pub(super) participation: Participation,
    /// The agent is to end: no order begins any more.
    pub(super) stopping: CancellationToken,
    /// Ends the agent.
    pub(super) stop: CancellationToken,
    pub(super) work: Arc<Work>,
    /// An operator has drained this host.
    pub(super) drained: Drained,
    /// The pool's store, and this radio's name in it.
    pub(super) store: Option<(Arc<Store>, RadioName)>,
    state: Mutex<AgentState>,
}

/// What changes and is small enough for one lock.
#[derive(Default)]
pub(super) struct AgentState {
    pub(super) probe: Option<Prober>,
    pub(super) progress: Option<Progress>,
    /// The order that is under way here, for those who decide on it.
    pub(super) control: Option<OrderControl>,
    pub(super) load: HostLoad,
    /// By process id.
    pub(super) process_loads: HashMap<u32, ProcessLoad>,
}

impl Agent {
    /// An agent with nothing running; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for an unknown host or radio, [`ErrorCode::Environment`] without netlink.
    pub(super) fn open(
        config: Arc<Config>,
        host: &str,
        publisher: Publisher,
        faults: Arc<CommandFaults>,
        priority: Arc<Priority>,
        store: Option<Arc<Store>>,
        Ending { stopping, stop }: Ending,
    ) -> Result<Arc<Self>, Failure> {
        let store = store.zip(config.in_pool.clone());
        let client = Client::of_host(Arc::clone(&config), host)?;
        let host = Arc::new(HostHandle::open(config, host, client.clone(), publisher.clone(), priority)?);
        Ok(Arc::new(Self {
            work: Work::open(Arc::clone(&host))?,
            client,
            publisher,
            faults,
            counted: Counted::new().map_err(|e| Failure::new(ErrorCode::Internal, format!("the metrics cannot be made: {e}")))?,
            began: Instant::now(),
            published: AtomicU64::new(0),
            order: tokio::sync::Mutex::default(),
            participation: Participation::new(&host.name),
            stopping,
            stop,
            drained: Drained::load(&host),
            store,
            state: Mutex::default(),
            host,
        }))
    }

    /// What the pool's store says, where there is one.
    pub(super) fn store_status(&self) -> Option<StoreStatus> {
        self.store.as_ref().map(|(store, radio)| store.status(radio))
    }

    /// The state; never held across an await.
    pub(super) fn state(&self) -> MutexGuard<'_, AgentState> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
